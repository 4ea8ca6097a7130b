"""``check``: a sound file's summary, a wrong one's problems, and no secret in either."""

import hashlib
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.cli.main import main

SOUND = """
[providers.one]
base_url = "https://user:hidden@one.example/v1"
key_header = "x-key"
api_key_env = "ONE_KEY"

[routes.fast]
targets = ["one/small", "one/big"]
"""


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STREAMHOLD_CONFIG", "STREAMHOLD_STORE_URL", "STREAMHOLD_SIM_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ONE_KEY", "sk-secret")


def check(path: Path, text: str) -> Result:
    file = path / "streamhold.toml"
    file.write_text(text)
    return CliRunner().invoke(main, ["check", "--config", str(file)])


def test_a_sound_file(tmp_path: Path) -> None:
    result = check(tmp_path, SOUND)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "ok"
    assert "provider one: chat, https://one.example/v1, ONE_KEY=*** (from the file)" in lines
    assert "route fast: one/small, one/big" in lines
    assert "secret" not in result.output
    assert "hidden" not in result.output


def test_what_switched_a_provider_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "localhost")
    lines = check(tmp_path, SOUND).stdout.splitlines()
    said = "provider ollama: chat, http://localhost:11434/v1, no key (from OLLAMA_HOST)"
    assert said in lines


@pytest.mark.parametrize("command", ["check", "worker", "up"])
def test_a_library_that_is_not_installed(tmp_path: Path, command: str) -> None:
    file = tmp_path / "streamhold.toml"
    file.write_text('[providers.bedrock]\nlibrary = "litellm"\n')
    words = [command, "--config", str(file)]
    result = CliRunner().invoke(main, words + ["--port", "0"] * (command == "up"))
    assert result.exit_code == (1 if command == "check" else 2)
    said = result.output + str(result.exception)
    assert "providers.bedrock.library: litellm is not installed: pip install" in said


def test_every_problem_by_its_key(tmp_path: Path) -> None:
    result = check(tmp_path, SOUND + '[server]\nprot = 1\n[routes.slow]\ntargets = ["two/x"]\n')
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert "server.prot: unknown key" in lines
    assert any(line.startswith("routes.slow.targets[0]: ") for line in lines)


def test_a_missing_file(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["check", "--config", str(tmp_path / "none.toml")])
    assert result.exit_code == 1
    assert "No such file" in result.stdout


def test_a_wrong_store_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMHOLD_STORE_URL", "http://x")
    result = check(tmp_path, SOUND)
    assert result.exit_code == 1
    assert result.stdout.startswith("STREAMHOLD_STORE_URL: ")


def test_the_deployments_example_is_sound_but_for_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody knows that key."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    text = (Path(__file__).parents[2] / "deploy" / "streamhold.toml").read_text()
    result = check(tmp_path, text)
    assert result.exit_code == 1
    (problem,) = result.stdout.splitlines()
    assert problem.startswith("accounts.example.key_sha256: e2186dbd… is the digest of 'change-me'")
    own = hashlib.sha256(b"a key of one's own").hexdigest()
    found = re.sub(r'(key_sha256 = \[")[0-9a-f]{64}', rf"\g<1>{own}", text)
    assert check(tmp_path, found).exit_code == 0


@pytest.mark.parametrize(
    ("route", "warned"),
    [
        ('"claude-?"', "serves the model of exactly this name"),
        ('"claude-[34]"', "serves the model of exactly this name"),
        ('"claude-.*"', "letter for letter but for the '*'"),
        ('"one/*"', "takes calls that address the provider 'one' itself"),
        ('"*/small"', "does not match a name that begins with a provider's, as one/…"),
    ],
)
def test_a_name_that_can_not_mean_what_it_says(tmp_path: Path, route: str, warned: str) -> None:
    result = check(tmp_path, f'{SOUND}\n[routes.{route}]\ntargets = ["one/small"]\n')
    (line,) = (each for each in result.stdout.splitlines() if each.startswith("warning: "))
    assert line.startswith(f"warning: routes.{route.strip(chr(34))}: ")
    assert warned in line
    assert result.exit_code == 0


def test_a_pattern_whose_names_fit_no_address(tmp_path: Path) -> None:
    more = '[providers.g]\nbase_url = "http://g/v1"\ndialect = "gemini"\n[routes."a:*"]\ntargets = '
    result = check(tmp_path, f'{SOUND}\n{more}["g/*"]\n')
    assert "warning: routes.a:*.targets[0]: 'g/*' can be no model of 'g'" in result.stdout


def test_a_sound_pattern_is_warned_of_nothing(tmp_path: Path) -> None:
    result = check(tmp_path, f'{SOUND}\n[routes."claude-*"]\ntargets = ["one/*", "one/x-*"]\n')
    assert result.exit_code == 0
    assert "warning" not in result.stdout
    assert "route claude-*: one/*, one/x-*" in result.stdout


@pytest.mark.parametrize(
    ("route", "target", "problem"),
    [
        ('"a*b*"', "one/x", "routes.a*b*: a pattern has one '*'"),
        ("plain", "one/*", "routes.plain.targets[0]: 'one/*' may have no '*'"),
        ('"a-*"', "one/*-*", "routes.a-*.targets[0]: 'one/*-*' may have one '*'"),
    ],
)
def test_a_star_too_many(tmp_path: Path, route: str, target: str, problem: str) -> None:
    result = check(tmp_path, f'{SOUND}\n[routes.{route}]\ntargets = ["{target}"]\n')
    assert result.exit_code == 1
    assert problem in result.stdout
