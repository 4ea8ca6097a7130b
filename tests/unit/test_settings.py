"""Settings: built from a file and the environment, every wrong key named."""

from pathlib import Path

import pytest

from broker.errors import ConfigError
from broker.settings import Secret, Settings, Timeouts
from broker.settings.load import load, problems


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "streamhold.toml"


GOOD = """
[server]
port = 9000
allowed_hosts = ["broker.example"]

[store]
deployment = "prod.eu-1"

[worker]
lease = 4
renew = 1.0

[timeouts]
idle = 30

[providers.big]
base_url = "https://big.example/v1"
api_key_env = "BIG_KEY"
first_token = 5

[routes."gpt-x"]
targets = ["big/gpt-x-2026", "openai/org/gpt"]

[accounts.team]
key_sha256 = ["%s"]
""" % ("0a" * 32)


def test_a_good_file_is_read_whole(file: Path) -> None:
    file.write_text(GOOD)
    env = {"BIG_KEY": "k-big", "OPENAI_API_KEY": "k-openai"}
    built = load(file, env)
    assert problems(file, env) == []
    assert (built.server.port, built.server.host) == (9000, "127.0.0.1")
    assert built.worker.lease == 4.0
    assert built.routes["gpt-x"].targets == ("big/gpt-x-2026", "openai/org/gpt")
    assert {name: key.reveal() for name, key in built.api_keys.items()} == {
        "big": "k-big",
        "openai": "k-openai",
        "openai-responses": "k-openai",
    }
    assert built.timeouts_for("gpt-x", "big", "gpt-x-2026") == Timeouts(first_token=5.0, idle=30.0)
    assert built.timeouts_for("openai/gpt", "openai", "gpt") == Timeouts(idle=30.0)


def test_without_a_file_there_are_defaults() -> None:
    assert load(env={}).server == Settings().server
    assert load(env={}).providers == {}


def test_the_environment_names_the_file(file: Path) -> None:
    file.write_text("[server]\nport = 9001\n")
    assert load(env={"STREAMHOLD_CONFIG": str(file)}).server.port == 9001


def test_a_target_goes_before_its_provider(file: Path) -> None:
    file.write_text(
        """
        [timeouts]
        idle = 30
        total = 300
        [providers.big]
        base_url = "https://big.example/v1"
        prefill = "prefix"
        first_token = 5
        idle = 6
        throughput = 4
        [routes.m]
        targets = [
            { target = "big/org/a", first_token = 1.5, total = 60, prefill = false },
            { target = "big/b", prefill = true, throughput = 0 },
            "big/c",
        ]
        """
    )
    built = load(file, {})
    assert built.routes["m"].names == ("big/org/a", "big/b", "big/c")
    own = {model: built.timeouts_for("m", "big", model) for model in ("org/a", "b", "c")}
    assert own["org/a"] == Timeouts(first_token=1.5, idle=6.0, total=60.0, throughput=4.0)
    assert own["b"] == Timeouts(first_token=5.0, idle=6.0, total=300.0, throughput=0.0)
    assert own["c"] == Timeouts(first_token=5.0, idle=6.0, total=300.0, throughput=4.0)
    assert built.timeouts_for("big/org/a", "big", "org/a") == own["c"]  # addressed directly
    prefill = {model: built.prefill_for("m", "big", model) for model in ("org/a", "b", "c")}
    assert prefill == {"org/a": False, "b": True, "c": "prefix"}


BIG = '[providers.big]\nbase_url = "https://big.example"\n'
ROUTE = BIG + "[routes.m]\ntargets = [%s]"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("surprise = 1", "surprise"),
        ("[sevrer]\nport = 1", "sevrer"),
        ("server = 3", "server"),
        ("[server]\nprot = 1", "server.prot"),
        ('[server]\nport = "x"', "server.port"),
        ("[server]\nport = 70000", "server.port"),
        ("[server]\nport = -1", "server.port"),
        ("[server]\nallowed_hosts = [1]", "server.allowed_hosts[0]"),
        ('[server]\nallowed_hosts = "x"', "server.allowed_hosts"),
        ("[server]\nping = 0", "server.ping"),
        ("[server]\nping = nan", "server.ping"),
        ("[server]\ndrain = -1.0", "server.drain"),
        ("[store]\npartitions = 0", "store.partitions"),
        ("[store]\nstream_ttl = inf", "store.stream_ttl"),
        ("[store]\ncompress_above = -1", "store.compress_above"),
        ('[store]\ndeployment = "a b"', "store.deployment"),
        ('[store]\ndeployment = "{x}"', "store.deployment"),
        ("[worker]\nlease = true", "worker.lease"),
        ("[worker]\nrenew = 1.5", "worker.renew"),
        ("[worker]\nmax_pending = 0", "worker.max_pending"),
        ("[worker]\nbackoff = -0.1", "worker.backoff"),
        ("[worker]\nmetrics_port = 65536", "worker.metrics_port"),
        ("[timeouts]\nidle = 0", "timeouts.idle"),
        ("[timeouts]\nthroughput = -1", "timeouts.throughput"),
        ("[timeouts]\nthroughput_window = 0", "timeouts.throughput_window"),
        ("providers = 3", "providers"),
        ("[providers]\nbig = 3", "providers.big"),
        ("[providers.big]\nstreams = true", "providers.big.base_url"),
        ('[providers.big]\nbase_url = "ftp://x"', "providers.big.base_url"),
        ('[providers.big]\nbase_url = "https://"', "providers.big.base_url"),
        ('[providers.big]\nbase_url = "http://[::1"', "providers.big.base_url"),
        ('[providers.big]\nbase_url = "http://x:port"', "providers.big.base_url"),
        ('[providers."a/b"]\nbase_url = "https://x"', "providers.a/b"),
        (BIG + 'api_key = "k"', "providers.big.api_key"),
        (BIG + 'api_key_env = "NOT_THERE"', "providers.big.api_key_env"),
        (BIG + 'api_key_env = "EMPTY"', "providers.big.api_key_env"),
        (BIG + "headers = { a = 1 }", "providers.big.headers"),
        (BIG + 'dialect = "smoke"', "providers.big.dialect"),
        (BIG + "connect = 0", "providers.big.connect"),
        (BIG + "throughput = inf", "providers.big.throughput"),
        (BIG + "throughput_window = 0", "providers.big.throughput_window"),
        ("[routes.m]", "routes.m.targets"),
        ("[routes.m]\ntargets = []", "routes.m.targets"),
        ('[routes.m]\ntargets = ["x"]', "routes.m.targets"),
        ('[routes.m]\ntargets = ["nobody/x"]', "routes.m.targets"),
        (BIG + '[routes.m]\ntargets = ["big/"]', "routes.m.targets"),
        (ROUTE % '"big/m", 3', "routes.m.targets[1]"),
        (ROUTE % '"big/m", {}', "routes.m.targets[1].target"),
        (ROUTE % '{ target = "big/m", prefil = true }', "routes.m.targets[0].prefil"),
        (ROUTE % '{ target = "big/m", idle = "x" }', "routes.m.targets[0].idle"),
        (
            ROUTE % '"big/a", { target = "big/m", first_token = 0 }',
            "routes.m.targets[1].first_token",
        ),
        (ROUTE % '{ target = "big/m", throughput = -1 }', "routes.m.targets[0].throughput"),
        (ROUTE % '{ target = "nobody/m" }', "routes.m.targets[0].target"),
        (ROUTE % '{ target = "big" }', "routes.m.targets[0].target"),
        (ROUTE % '"big/m", { target = "big/m" }', "routes.m.targets[1].target"),
        (ROUTE % '"big/m"' + "\nretries = -1", "routes.m.retries"),
        (ROUTE % '"big/m"' + "\nattempts = 0", "routes.m.attempts"),
        ('[accounts.a]\nkey_sha256 = ["abc"]', "accounts.a.key_sha256"),
        ('[accounts.a]\nkey_sha256 = "abc"', "accounts.a.key_sha256"),
    ],
)
def test_a_wrong_key_is_named(file: Path, text: str, key: str) -> None:
    file.write_text(text)
    env = {"EMPTY": ""}
    found = problems(file, env)
    assert len(found) == 1, found
    # A wrong value of a table may be named with its place in it.
    assert found[0].startswith((f"{key}: ", f"{key}["))
    with pytest.raises(ConfigError) as caught:
        load(file, env)
    assert found[0] in caught.value.message


def test_every_wrong_key_is_named_at_once(file: Path) -> None:
    file.write_text(
        """
        surprise = 1
        [server]
        prot = 1
        port = "x"
        ping = "y"
        [providers.big]
        streams = "yes"
        [routes.m]
        targets = ["big", "nobody/x"]
        """
    )
    assert [line.split(": ")[0] for line in problems(file, {})] == [
        "surprise",
        "server.prot",
        "server.port",
        "server.ping",
        "providers.big.base_url",
        "providers.big.streams",
        "routes.m.targets[0]",
        "routes.m.targets[1]",
    ]


def test_a_wrong_digest_is_not_shown_whole(file: Path) -> None:
    file.write_text('[accounts.a]\nkey_sha256 = ["sk-secret-in-the-wrong-place"]')
    (line,) = problems(file, {})
    assert "wrong-place" not in line


@pytest.mark.parametrize("content", [b"[server", b"\xff", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_named(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    (line,) = problems(file, {})
    assert line.startswith(str(file))
    with pytest.raises(ConfigError, match=r"streamhold\.toml"):
        load(file, {})


@pytest.mark.parametrize("dialect", ["gemini", "responses"])
def test_a_flag_where_no_message_could_have_it(file: Path, dialect: str) -> None:
    file.write_text(
        f'''
        [providers.p]
        base_url = "http://h"
        dialect = "{dialect}"
        prefill = "prefix"
        [providers.q]
        base_url = "http://h"
        prefill = true
        [routes.r]
        targets = [{{ target = "q/a", prefill = "" }}, {{ target = "p/b", prefill = "partial" }}]
        '''
    )
    bare = f"of a provider that speaks {dialect} it is true or false"
    assert sorted(problems(file, {})) == [
        f"providers.p.prefill: {bare}",
        "routes.r.targets[0].prefill: of a provider that speaks chat it is a flag's name, "
        "true or false",
        f"routes.r.targets[1].prefill: {bare}",
    ]


def test_a_missing_file_is_named(file: Path) -> None:
    assert problems(file, {})[0].startswith(str(file))


def test_a_file_is_utf_8_whatever_the_locale(file: Path) -> None:
    file.write_bytes('[routes."é"]\ntargets = ["openai/é"]'.encode())
    assert "é" in load(file, {"OPENAI_API_KEY": "k"}).routes


# ── The environment ────────────────────────────────────────────────────────────────────


def test_the_file_goes_before_a_preset(file: Path) -> None:
    file.write_text('[providers.openai]\nbase_url = "https://proxy.example"\n')
    built = load(file, {"OPENAI_API_KEY": "k"})
    assert built.providers["openai"].base_url == "https://proxy.example"
    assert built.api_keys == {}


def test_the_simulated_provider_comes_with_a_route() -> None:
    built = load(env={"STREAMHOLD_SIM_URL": "http://127.0.0.1:9/v1"})
    assert built.providers["sim"].base_url == "http://127.0.0.1:9/v1"
    assert built.routes["sim"].targets == ("sim/default",)
    assert built.providers["sim-gemini"].base_url == "http://127.0.0.1:9/v1beta"


def test_a_wrong_simulator_address_is_named() -> None:
    with pytest.raises(ConfigError, match=r"providers\.sim\.base_url"):
        load(env={"STREAMHOLD_SIM_URL": "nonsense"})


def test_the_file_goes_before_the_simulator(file: Path) -> None:
    file.write_text('[providers.sim]\nbase_url = "http://mine"\n')
    built = load(file, {"STREAMHOLD_SIM_URL": "http://127.0.0.1:9"})
    assert built.providers["sim"].base_url == "http://mine"
    assert built.routes == {}


@pytest.mark.parametrize("url", ["redis://h:1/0", "rediss://u:p@h", "unix:///run/v.sock"])
def test_the_store_address_is_taken(url: str) -> None:
    assert load(env={"STREAMHOLD_STORE_URL": url}).store_url.reveal() == url


@pytest.mark.parametrize("url", ["http://h", "h:6379", "redis://[::1"])
def test_a_wrong_store_address_is_named_but_not_shown(url: str) -> None:
    with pytest.raises(ConfigError, match="STREAMHOLD_STORE_URL") as caught:
        load(env={"STREAMHOLD_STORE_URL": url})
    assert f"{url}:" not in caught.value.message


def test_secrets_print_as_stars() -> None:
    secret = Secret("sk-1")
    assert [repr(secret), str(secret), f"{secret}", f"{[secret]}"] == ["***", "***", "***", "[***]"]
    env = {"OPENAI_API_KEY": "sk-1", "STREAMHOLD_STORE_URL": "redis://:hunter2@h/0"}
    shown = repr(load(env=env))
    assert "sk-1" not in shown
    assert "hunter2" not in shown
    assert "OPENAI_API_KEY" in shown
