"""What switches a preset on, and what is wrong with a provider."""

from pathlib import Path

import pytest

from broker.settings import Provider, Quirks
from broker.settings.load import load, problems
from broker.settings.presets import PRESETS
from broker.settings.providers import missing_libraries

ADDRESSES = {
    "AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com/",
    "CLOUDFLARE_ACCOUNT_ID": "acc/1",
    "OLLAMA_HOST": "127.0.0.1",
    "VLLM_BASE_URL": "http://gpu.example:8000/v1",
}


@pytest.mark.parametrize("name", PRESETS)
def test_its_variables_switch_a_preset_on_and_each_is_needed(name: str) -> None:
    preset = PRESETS[name]
    key = preset.keys[0]
    env = {key: "sk-1"} | {need: ADDRESSES[need] for need in preset.needs}
    built = load(env=env)
    assert name in built.providers
    assert built.api_keys[name].reveal() == "sk-1"
    assert built.provider_origins[name] == " and ".join((key, *preset.needs))
    assert set(built.providers) <= {name, f"{name}-responses", name.removesuffix("-responses")}
    for variable in env:
        fewer = load(env={**env, variable: ""})
        assert (name in fewer.providers) is (preset.keyless and variable == key)


def test_nothing_is_on_by_default() -> None:
    assert load(env={}).providers == {}


def test_a_local_server_needs_no_key() -> None:
    built = load(env={"OLLAMA_HOST": "box:1234"})
    assert built.providers["ollama"].api_key_env is None
    assert built.api_keys == {}
    assert built.provider_origins == {"ollama": "OLLAMA_HOST"}


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("box", "http://box:11434/v1"),
        ("box:8080", "http://box:8080/v1"),
        (":8080", "http://127.0.0.1:8080/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("[::]:99", "http://[::1]:99/v1"),
        ("http://box", "http://box:80/v1"),
        ("https://box.example/llm/", "https://box.example:443/llm/v1"),
    ],
)
def test_the_host_of_ollama_is_read_as_it_reads_it(host: str, url: str) -> None:
    assert load(env={"OLLAMA_HOST": host}).providers["ollama"].base_url == url


@pytest.mark.parametrize("tail", ["", "/", "/openai/v1", "/openai/v1/"])
def test_an_azure_endpoint_comes_with_and_without_its_path(tail: str) -> None:
    endpoint = f"https://res.openai.azure.com{tail}"
    env = {"AZURE_OPENAI_ENDPOINT": endpoint, "AZURE_OPENAI_API_KEY": "k"}
    for name in ("azure", "azure-responses"):
        assert load(env=env).providers[name].base_url == "https://res.openai.azure.com/openai/v1"


@pytest.mark.parametrize("variable", ["OLLAMA_HOST", "VLLM_BASE_URL"])
def test_an_address_that_is_none_is_complained_of(tmp_path: Path, variable: str) -> None:
    file = tmp_path / "streamhold.toml"
    file.touch()
    name = variable.partition("_")[0].lower()
    assert problems(file, {variable: "http://box:no"}) == [
        f"providers.{name}.base_url: must be an http:// or https:// address"
    ]


def test_of_two_names_of_a_key_the_first_is_taken() -> None:
    built = load(env={"COHERE_API_KEY": "old", "CO_API_KEY": "new"})
    assert built.api_keys["cohere"].reveal() == "new"
    assert load(env={"COHERE_API_KEY": "old"}).api_keys["cohere"].reveal() == "old"


def test_presets_that_go_on_from_a_partial_answer() -> None:
    flags = {name: each.provider.prefill for name, each in PRESETS.items() if each.provider.prefill}
    assert flags == {"mistral": "prefix", "groq": True, "deepseek": "prefix"}
    # The only address that knows it.
    assert PRESETS["deepseek"].provider.base_url.endswith("/beta")


def test_what_is_wrong_with_a_provider(tmp_path: Path) -> None:
    file = tmp_path / "streamhold.toml"
    file.write_text(
        """
[providers.bare]
[providers.talker]
base_url = "https://x.example"
dialect = "messages"
quirks = { usage_option = false }
key_header = "x key"
[providers.typo]
base_url = "https://x.example"
quirks = { nmes = {} }
[providers.odd]
base_url = "https://x.example"
vendor = "bedrock"
[providers.bedrock]
library = "litellm"
dialect = "responses"
headers = { a = "b" }
"""
    )
    assert problems(file, {}) == [
        "providers.typo.quirks: Object contains unknown field `nmes`",
        "providers.bare.base_url: is missing",
        "providers.talker.key_header: must be the name of a header",
        "providers.talker.quirks: only a provider of the chat dialect has any",
        "providers.odd.vendor: needs a library",
        "providers.bedrock.dialect: a provider behind a library speaks chat",
        "providers.bedrock.headers: can't be sent through a library",
    ]


def test_a_library_that_is_not_installed_is_named(tmp_path: Path) -> None:
    file = tmp_path / "streamhold.toml"
    file.write_text('[providers.bedrock]\nlibrary = "litellm"\n')
    built = load(file, {})
    assert built.provider_origins == {"bedrock": "the file"}
    assert missing_libraries(built) == [
        "providers.bedrock.library: litellm is not installed: pip install 'streamhold[litellm]'"
    ]


def test_quirks_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "streamhold.toml"
    file.write_text(
        '[providers.own]\nbase_url = "http://x"\n'
        '[providers.own.quirks]\nnames = { max_completion_tokens = "max_tokens" }\n'
        'without = ["user"]\nusage_option = false\n'
    )
    assert load(file, {}).providers["own"] == Provider(
        base_url="http://x",
        quirks=Quirks(
            names={"max_completion_tokens": "max_tokens"}, without=("user",), usage_option=False
        ),
    )
