"""What becomes part of every call is checked at the start: addresses, keys, headers.

No complaint holds a secret, or a part of one.
"""

from pathlib import Path

import pytest

from broker.cli.valkey import store_url
from broker.errors import ConfigError
from broker.settings.load import load, problems
from broker.store.connection import make_client
from broker.store.failover import Connections

STORE = "STREAMHOLD_STORE_URL"


def complaint(**env: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(env=env)
    return caught.value.detail


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "redis://user:p%23ss@store.example/15",
        "redis://store.example?db=2",
        "redis://[::1]:6379",
        "rediss://store.example?ssl_cert_reqs=none&ssl_check_hostname=false",
        f"rediss://store.example?ssl_ca_certs={__file__}",
        "unix:///run/store.sock?db=1&password=x",
    ],
)
def test_an_address_of_the_store(url: str) -> None:
    assert load(env={STORE: url}).store_url.reveal() == url


def test_the_embedded_store_s_own_address(tmp_path: Path) -> None:
    socket = tmp_path / "a #?%é dir" / "s.sock"
    url = load(env={STORE: store_url(socket)}).store_url.reveal()
    client = make_client(url, Connections(url), name="n", timeout=1.0)
    assert client.connection_pool.connection_kwargs["path"] == str(socket)


@pytest.mark.parametrize(
    ("url", "about"),
    [
        ("redis://:hush@h?tiemout=3", "tiemout of redis:// is not one of db, password, username"),
        ("redis://:hush@h?Hush=3", "an option of redis:// is not one of"),
        ("redis://:hush@h?socket_timeout=3", "socket_timeout of redis:// is not one of"),
        ("redis://:hush@h?ssl_cert_reqs=none", "ssl_cert_reqs of redis:// is not one of"),
        ("rediss://:hush@h?ssl_cert_reqs=maybe", "ssl_cert_reqs must be none or required"),
        ("rediss://:hush@h?ssl_ca_certs=/no/such/file", "ssl_ca_certs must be a file"),
        ("redis://:hush@h?db=two", "db must be a number"),
        ("redis://:hush@h?db=1&db=2", "db is there twice"),
        ("redis://:hush@h/two", "must be the number of a database"),
        ("redis://:hush@h:0", "the port must be 1 to 65535"),
        ("redis://:hush@h:99999", "can't be read as an address"),
        ("redis://:hu#sh@h", "can't be read as an address"),
        ("redis://:hush@h/0#1", "holds a '#'"),
        ("redis://:hush@[::1", "can't be read as an address"),
        ("redis://:hush@h\n", "what can't be printed"),
        ("unix://", "needs the path of a socket"),
        ("http://:hush@h", "must begin with redis://, rediss:// or unix://"),
    ],
)
def test_what_is_no_address_of_the_store(url: str, about: str) -> None:
    found = complaint(**{STORE: url})
    assert found.startswith(f"{STORE}: ")
    assert about in found
    assert "hush" not in found.lower().replace("hush=3", "")


@pytest.mark.parametrize(
    "key", ["sk-hush\nx: y", "sk-hush\rx", "sk-hushé", "sk-hush\0", "sk-\u2028hush"]
)
def test_a_key_that_no_header_can_hold(key: str) -> None:
    found = complaint(MISTRAL_API_KEY=key)
    assert found.startswith("providers.mistral.api_key_env: MISTRAL_API_KEY holds what no header")
    assert "hush" not in found


def test_white_space_around_a_key_is_no_part_of_it() -> None:
    assert load(env={"MISTRAL_API_KEY": " sk-1\n"}).api_keys["mistral"].reveal().strip() == "sk-1"
    assert "the environment has no MISTRAL_API_KEY" in complaint(MISTRAL_API_KEY=" \n")


@pytest.mark.parametrize(
    "url",
    [
        *("http://exa mple/v1", "http://a..example/v1", "http://example\\v1", "http://x:0/v1"),
        *("http://x/v1?a=1", "http://x/v1#a", f"http://{'a' * 64}.example", "x", "ftp://x"),
        *("http://[::1", "http://x:99999", "http://\u2028x", "http://"),
    ],
)
def test_what_is_no_address_of_a_provider(url: str) -> None:
    found = complaint(VLLM_BASE_URL=url)
    assert found.startswith("providers.vllm.base_url: ")


@pytest.mark.parametrize(
    "row",
    [
        '"x-a" = "hush\\nx: y"',
        '"x-a" = "hushé"',
        '"x a" = "hush"',
        '"x-a\\r" = "hush"',
        '"" = "hush"',
        '"Content-Length" = "5"',
        '"x-a" = "hush"\n"X-A" = "hush"',
    ],
)
def test_headers_that_can_t_be_sent(tmp_path: Path, row: str) -> None:
    file = tmp_path / "streamhold.toml"
    file.write_text(f'[providers.p]\nbase_url = "http://x"\n[providers.p.headers]\n{row}\n')
    found = problems(file, {})
    assert found
    assert all(line.startswith("providers.p.headers") for line in found)
    assert "hush" not in str(found)


@pytest.mark.parametrize(
    "model", ["..", "a/../b", "a%2e", "a?b", "a#b", "a:countTokens", "/a", "a/"]
)
def test_a_route_leads_nowhere_else(tmp_path: Path, model: str) -> None:
    file = tmp_path / "streamhold.toml"
    file.write_text(
        '[providers.g]\nbase_url = "http://x"\ndialect = "gemini"\n'
        f'[routes.m]\ntargets = ["g/{model}"]\n'
    )
    (problem,) = problems(file, {})
    assert problem.startswith("routes.m.targets[0]: ")


def test_one_header_holds_one_secret(tmp_path: Path) -> None:
    """An address with a user in it is sent as Authorization too: the client refuses both."""
    file = tmp_path / "streamhold.toml"
    text = '[providers.p]\nbase_url = "http://user:hush@x/v1"\n'
    for more, is_wrong in (
        ("", False),
        ('api_key_env = "KEY"\n', True),
        ('api_key_env = "KEY"\nkey_header = "x-key"\n', False),
        ('api_key_env = "KEY"\ndialect = "messages"\n', False),
        ('headers = { "authorization" = "Basic x" }\n', True),
    ):
        file.write_text(text + more)
        found = problems(file, {"KEY": "sk"})
        assert len(found) == is_wrong
        assert "hush" not in str(found)


@pytest.mark.parametrize("name", ["", "a" * 257, "a\\nb"])
def test_a_route_that_nobody_can_call(tmp_path: Path, name: str) -> None:
    file = tmp_path / "streamhold.toml"
    file.write_text(f'[providers.g]\nbase_url = "http://x"\n[routes."{name}"]\ntargets = ["g/x"]\n')
    (problem,) = problems(file, {})
    assert problem.startswith("routes.")
