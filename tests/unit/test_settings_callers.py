"""Who may call, by the settings: origins as browsers send them, keys of tickets."""

import hashlib
from pathlib import Path

import pytest

from broker.errors import ConfigError
from broker.settings.load import load, problems

ACCOUNT = f'[accounts.me]\nkey_sha256 = ["{"01" * 32}"]\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "streamhold.toml"


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example",
        "http://app.localhost:3000",
        "http://[::1]:8080",
        "chrome-extension://abcdefgh",
    ],
)
def test_an_origin(file: Path, origin: str) -> None:
    file.write_text(f'[server]\nallowed_origins = ["{origin}"]\n')
    assert load(file, {}).server.allowed_origins == (origin,)


@pytest.mark.parametrize(
    "origin",
    ["https://app.example/", "app.example", "https://App.example", "", "https://", "*.example"],
)
def test_what_no_browser_sends(file: Path, origin: str) -> None:
    file.write_text(f'[server]\nallowed_origins = ["https://fine.example", "{origin}"]\n{ACCOUNT}')
    (problem,) = problems(file, {})
    assert problem.startswith("server.allowed_origins[1]: ")


@pytest.mark.parametrize("origin", ["*", "null"])
def test_anyone_s_page_needs_accounts(file: Path, origin: str) -> None:
    text = f'[server]\nallowed_origins = ["{origin}"]\n'
    file.write_text(text)
    with pytest.raises(ConfigError, match="lets any web page in"):
        load(file, {})
    file.write_text(text + ACCOUNT)
    assert load(file, {}).server.allowed_origins == (origin,)


def test_ticket_keys() -> None:
    one, two = "a" * 32, "b" * 40
    settings = load(env={"STREAMHOLD_TICKET_KEY": f"{one}, {two}\n"})
    assert [key.reveal() for key in settings.ticket_keys] == [one, two]
    assert one not in repr(settings)
    assert load(env={}).ticket_keys == ()
    assert load(env={"STREAMHOLD_TICKET_KEY": " "}).ticket_keys == ()


def test_a_short_ticket_key_is_not_told() -> None:
    with pytest.raises(ConfigError, match="STREAMHOLD_TICKET_KEY") as caught:
        load(env={"STREAMHOLD_TICKET_KEY": f"{'a' * 32} secret"})
    assert "secret" not in str(caught.value)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _accounts(**keys: list[str]) -> str:
    return "\n".join(f"[accounts.{name}]\nkey_sha256 = {rows}" for name, rows in keys.items())


def test_two_accounts_can_t_share_a_key(file: Path) -> None:
    one, two = _digest("one"), _digest("two")
    file.write_text(_accounts(a=[one, two], b=[_digest("three"), one]))
    assert problems(file, {}) == [
        f"accounts.b.key_sha256: {one[:8]}… is there of accounts.a too: whose call would it be?"
    ]
    file.write_text(_accounts(a=[one, two, one]))
    assert problems(file, {}) == [
        f"accounts.a.key_sha256: {one[:8]}… is there twice: whose call would it be?"
    ]


@pytest.mark.parametrize(
    "key", ["", "\n", "change-me", "change-me\n", "changeme", "secret", "$KEY"]
)
def test_a_key_that_anybody_may_guess(file: Path, key: str) -> None:
    file.write_text(_accounts(a=[_digest(key)]))
    (problem,) = problems(file, {})
    assert problem.startswith(f"accounts.a.key_sha256: {_digest(key)[:8]}… is the digest of ")


@pytest.mark.parametrize("digest", ["0" * 64, "f" * 64, "…", "", "0" * 63, "A" * 64, "g" * 64])
def test_what_is_no_digest(file: Path, digest: str) -> None:
    file.write_text(_accounts(a=[digest]))
    (problem,) = problems(file, {})
    assert problem.startswith("accounts.a.key_sha256: ")
