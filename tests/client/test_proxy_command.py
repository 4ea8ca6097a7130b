"""How the proxy is started: its address, its options, and what it says when it can't be."""

import socket
import subprocess
import sys

import pytest

from streamhold_client.command import main
from streamhold_client.proxy.settings import BadAddress, broker_at

WITHOUT_THE_EXTRA = """
import sys
sys.modules["httptools"] = None
from streamhold_client.command import main
sys.exit(main(["proxy", "--api", "http://127.0.0.1:1"]))
"""


@pytest.mark.parametrize(
    ("url", "authority", "prefix", "tls"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080", "", False),
        ("http://127.0.0.1:8080/v1", "127.0.0.1:8080", "", False),
        ("http://broker/", "broker", "", False),
        ("https://broker.example/llm/v1/", "broker.example", "/llm", True),
        ("https://broker.example:8443/llm", "broker.example:8443", "/llm", True),
        ("http://[::1]:80/v1", "[::1]", "", False),
    ],
)
def test_the_brokers_address(url: str, authority: str, prefix: str, tls: bool) -> None:
    broker = broker_at(url)
    assert (broker.authority, broker.prefix, broker.tls) == (authority, prefix, tls)


@pytest.mark.parametrize(
    "url",
    [
        "broker:8080",
        "ftp://broker",
        "http://",
        "http://broker:port",
        "http://me:secret@broker",
        "http://broker/?key=secret",
        "http://broker/#x",
        "http://broker/a b",
        "http://broker/ü",
    ],
)
def test_what_is_no_address(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadAddress):
        broker_at(url)
    assert main(["proxy", "--api", url, "--port", "0"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("--api: ")
    assert "secret" not in said


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["proxy", "--api", "http://127.0.0.1:1", "--port", str(port)]) == 1
    assert f"can't listen on 127.0.0.1:{port}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [["--patience", "-1"], ["--on-leave", "stop"], ["--max-body", "0"], ["--join", "x"]]
)
def test_options_out_of_their_range(options: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["proxy", "--api", "http://127.0.0.1:1", *options])
    assert exit_.value.code == 2


def test_the_extra_is_named_where_it_is_not_installed() -> None:
    command = [sys.executable, "-c", WITHOUT_THE_EXTRA]
    done = subprocess.run(
        command, capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert done.returncode == 1
    assert done.stderr == "The proxy needs httptools: pip install 'streamhold-client[proxy]'\n"
