"""What the command line says over the file, and the door that stays shut without accounts."""

from pathlib import Path

import pytest

from broker.cli.config import is_loopback, read_settings
from broker.errors import ConfigError

ACCOUNTS = f'[accounts.me]\nkey_sha256 = ["{"01" * 32}"]\n'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("STREAMHOLD_CONFIG", raising=False)
    path = tmp_path / "streamhold.toml"
    path.write_text('[server]\nhost = "::1"\nport = 9000\n')
    return path


def test_the_command_line_wins(file: Path) -> None:
    settings = read_settings(str(file), port=0)
    assert (settings.server.host, settings.server.port) == ("::1", 0)
    settings = read_settings(str(file), host="127.0.0.2")
    assert (settings.server.host, settings.server.port) == ("127.0.0.2", 9000)


def test_without_accounts_only_loopback(file: Path) -> None:
    with pytest.raises(ConfigError, match="no accounts"):
        read_settings(str(file), host="0.0.0.0", no_auth=False)
    assert read_settings(str(file), no_auth=False).server.host == "::1"
    assert read_settings(str(file), host="0.0.0.0", no_auth=True).server.host == "0.0.0.0"


def test_with_accounts_anywhere(file: Path) -> None:
    file.write_text(ACCOUNTS)
    assert read_settings(str(file), host="0.0.0.0", no_auth=False).server.host == "0.0.0.0"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("localhost.example", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
