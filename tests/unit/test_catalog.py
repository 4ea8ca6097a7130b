"""The catalog: what providers list, what bare names mean, what names are near."""

import time

import msgspec
import pytest

from broker.catalog import Catalog, Listed, catalog_of, listing, meaning
from broker.errors import AmbiguousModel, StreamholdError, UnknownModel
from broker.settings import Provider, Route, Secret, Settings

KEY = Secret(" sk-x\n")


def provider(dialect: str = "chat", url: str = "http://x/v1", **more: object) -> Provider:
    return msgspec.convert({"base_url": url, "dialect": dialect, **more}, Provider)


def account(name: str, dialect: str = "chat", **more: object) -> Provider:
    return provider(dialect, f"http://{name}/v1", api_key_env=f"{name.upper()}_KEY", **more)


SETTINGS = Settings(
    providers={
        "openai": account("openai"),
        "openai-responses": account("openai", "responses"),
        "anthropic": account("anthropic", "messages"),
        "google": account("google", "gemini"),
        "other": account("other"),
        "hidden": account("hidden", bare_names=False),
    },
    routes={
        "gpt-own": Route(targets=("openai/gpt-4o-mini",)),
        "fast-*": Route(targets=("other/*",)),
    },
)
LISTS = {
    "openai": (Listed("gpt-4o-mini", 1721172741), Listed("gpt-4o"), Listed("shared")),
    "openai-responses": (Listed("gpt-4o-mini", 1721172741), Listed("gpt-4o"), Listed("shared")),
    "anthropic": (
        Listed("claude-opus-5-5", 1780000000, 200_000),
        Listed("claude-haiku-4-5-20251001"),
    ),
    "other": (
        *(Listed("shared"), Listed("fast-1"), Listed("openai/gpt-4o"), Listed("claude-kept")),
        Listed("meta-llama/Llama-4"),
    ),
    "hidden": (Listed("secret-model"), Listed("gpt-4o-mini")),
    "gone": (Listed("of-nobody"),),
}


def means(model: str, dialect: str | None = "chat", settings: Settings = SETTINGS) -> str:
    return meaning(settings, model, dialect, lambda: catalog_of(settings, LISTS))


def refused(model: str, settings: Settings = SETTINGS) -> StreamholdError:
    with pytest.raises((UnknownModel, AmbiguousModel)) as caught:
        means(model, settings=settings)
    assert caught.value.param == "model"
    return caught.value


# ── What a name means ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("model", "dialect", "expected"),
    [
        ("gpt-4o-mini", "chat", "openai/gpt-4o-mini"),
        ("gpt-4o-mini", "responses", "openai-responses/gpt-4o-mini"),  # the same account
        ("gpt-4o-mini", "messages", "openai/gpt-4o-mini"),
        ("gpt-4o-mini", None, "openai/gpt-4o-mini"),
        ("claude-opus-5-5", "chat", "anthropic/claude-opus-5-5"),
        ("claude-kept", "chat", "other/claude-kept"),  # a list goes before a family
        ("meta-llama/Llama-4", "chat", "other/meta-llama/Llama-4"),
        # Vendors list a name with its date or without, and know both.
        ("claude-haiku-4-5", "chat", "anthropic/claude-haiku-4-5"),
        ("claude-haiku-4-5-20251001", "chat", "anthropic/claude-haiku-4-5-20251001"),
        ("claude-opus-5-5-latest", "chat", "anthropic/claude-opus-5-5-latest"),
        ("gpt-4o-2024-08-06", "responses", "openai-responses/gpt-4o-2024-08-06"),
        ("gemini-4-pro", "chat", "google/gemini-4-pro"),  # whose list is not known yet
        # What a route or an address is, is no bare name.
        ("gpt-own", "chat", "gpt-own"),
        ("fast-1", "chat", "fast-1"),
        ("openai/gpt-4o", "chat", "openai/gpt-4o"),
        ("hidden/secret-model", "chat", "hidden/secret-model"),
    ],
)
def test_a_name_means_one_thing(model: str, dialect: str | None, expected: str) -> None:
    assert means(model, dialect) == expected


def test_what_two_accounts_have_is_refused_with_both() -> None:
    error = refused("shared")
    assert error.code == "ambiguous_model"
    assert error.message.endswith(
        "Say which: 'openai/shared', 'openai-responses/shared', 'other/shared'."
    )


def test_a_provider_kept_out_of_bare_names_is_not_found_by_them() -> None:
    assert refused("secret-model").code == "model_not_found"
    assert means("gpt-4o-mini") == "openai/gpt-4o-mini"  # which it lists too


@pytest.mark.parametrize(
    "model",
    [
        *("grok-4", "gpt-oss-120b", "of-nobody", "gemini-../../files", "gpt-4o-mni"),
        *("claude-haiku-4-5-20990101", "claude-opus-5"),
    ],
)
def test_what_nobody_has_is_unknown(model: str) -> None:
    assert refused(model).code == "model_not_found"


def test_lists_are_asked_for_bare_names_only() -> None:
    def never() -> Catalog:
        raise AssertionError

    for model in ("gpt-own", "fast-9", "openai/x", "other/y"):
        assert meaning(SETTINGS, model, "chat", never) == model


# ── Near names ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("model", "near"),
    [
        ("gpt-4o-mni", "gpt-4o-mini"),
        ("gtp-own", "gpt-own"),
        ("cluade-opus-5-5", "claude-opus-5-5"),
        ("Meta-Llama/llama4", "meta-llama/Llama-4"),
        ("opnai/gpt-4o-mini", "gpt-4o-mini"),
    ],
)
def test_a_misspelt_name_is_told_what_is_near(model: str, near: str) -> None:
    error = refused(model)
    assert error.message.startswith("The model does not exist. There is no route")
    assert f"'{near}'" in error.message


def test_with_no_list_it_is_told_how_a_model_is_called() -> None:
    with pytest.raises(UnknownModel) as caught:
        meaning(SETTINGS, "qwen-9", "chat", lambda: catalog_of(SETTINGS, {}))
    assert "'openai/MODEL'" in caught.value.message
    assert "There is no route 'qwen-9'" in caught.value.message


def test_the_work_for_a_bad_name_is_bounded() -> None:
    """However many names there are, and however a name is made."""
    many = {"other": tuple(Listed(f"model-{n}-a-b-c-d-{n % 7}-mini-x") for n in range(20_000))}
    catalog = catalog_of(SETTINGS, many)
    catalog.near("x")  # makes its index, once
    bad = ["model-a-b-c-d-mini", "-".join("abcdefgh" * 30)[:256], "m" * 256, "x", "/" * 256]
    begun = time.process_time()
    for name in bad * 4:
        assert len(catalog.near(name)) <= 3
    assert time.process_time() - begun < 20 * 0.05


# ── What is shown ──────────────────────────────────────────────────────────────────────


def test_every_name_that_is_shown_can_be_called_and_is_shown_once() -> None:
    catalog = catalog_of(SETTINGS, LISTS)
    names = [each.name for each in catalog.public]
    assert names == [
        "gpt-own",
        "gpt-4o-mini",
        "gpt-4o",
        "openai/shared",
        "openai-responses/shared",
        "claude-opus-5-5",
        "claude-haiku-4-5-20251001",
        "other/shared",
        "fast-1",
        "other/openai/gpt-4o",
        "claude-kept",
        "meta-llama/Llama-4",
        "hidden/secret-model",
        "hidden/gpt-4o-mini",
    ]
    for name in names:
        assert meaning(SETTINGS, name, "chat", lambda: catalog)
    shown = {each.name: each for each in catalog.public}
    assert shown["gpt-own"].listed == LISTS["openai"][0]  # as its first target is
    assert shown["claude-opus-5-5"].owner == "anthropic"


# ── How a provider is asked, and what it answers ───────────────────────────────────────


@pytest.mark.parametrize(
    ("dialect", "after", "address", "headers"),
    [
        ("chat", None, "http://x/v1/models", {"Authorization": "Bearer sk-x"}),
        ("responses", "a b", "http://x/v1/models?after=a%20b", {"Authorization": "Bearer sk-x"}),
        ("messages", None, "http://x/v1/models?limit=1000", {"x-api-key": "sk-x"}),
        ("messages", "m", "http://x/v1/models?limit=1000&after_id=m", {"x-api-key": "sk-x"}),
        (
            "gemini",
            "t=",
            "http://x/v1/models?pageSize=1000&pageToken=t%3D",
            {"x-goog-api-key": "sk-x"},
        ),
    ],
)
def test_each_dialect_is_asked_in_its_own_way(
    dialect: str, after: str | None, address: str, headers: dict[str, str]
) -> None:
    asked, sent = listing.question(provider(dialect, "http://x/v1/"), KEY, after)
    assert asked == address
    assert sent.items() >= headers.items()
    assert ("anthropic-version" in sent) == (dialect == "messages")


def test_the_operator_s_headers_have_the_last_word() -> None:
    own = provider(key_header="api-key", headers={"X-Org": "o", "User-Agent": "us"})
    _, sent = listing.question(own, KEY, None)
    assert (sent["api-key"], sent["X-Org"], sent["User-Agent"]) == ("sk-x", "o", "us")
    _, sent = listing.question(own, None, None)
    assert "api-key" not in sent


@pytest.mark.parametrize(
    ("dialect", "answer", "expected"),
    [
        ("chat", {"data": [{"id": "m", "created": 5}]}, ([Listed("m", 5)], None)),
        ("chat", [{"id": "m", "context_length": 9}], ([Listed("m", None, 9)], None)),
        ("chat", {"models": [{"id": "m", "max_model_len": 8}]}, ([Listed("m", None, 8)], None)),
        ("chat", {"data": [{"id": "m", "context_window": 0, "max_context_length": 7}]},
         ([Listed("m", None, 7)], None)),
        ("chat", {"data": [{"id": "m"}], "has_more": True, "last_id": "m"}, ([Listed("m")], "m")),
        ("chat", {"data": [{"id": "m"}], "has_more": False, "last_id": "m"}, ([Listed("m")], None)),
        ("messages", {"data": [{"id": "c", "created_at": "2026-05-01T00:00:00Z",
                                "max_input_tokens": 200000}]},
         ([Listed("c", 1777593600, 200000)], None)),
        ("messages", {"data": [{"id": "c", "created_at": "soon"}]}, ([Listed("c")], None)),
        ("gemini", {"models": [
            {"name": "models/g", "inputTokenLimit": 1048576,
             "supportedGenerationMethods": ["generateContent"]},
            {"name": "models/e", "supportedGenerationMethods": ["embedContent"]}],
            "nextPageToken": "t"}, ([Listed("g", None, 1048576)], "t")),
        ("chat", {"data": [None, 1, {}, {"id": 7}, {"id": ""}, {"id": "a\nb"}, {"id": "x" * 257},
                           {"id": "a*"}, {"id": "ok", "created": True, "context_length": -1}]},
         ([Listed("ok")], None)),
        ("chat", {"data": [{"id": "m", "created": 1e300, "context_length": 1.5}]},
         ([Listed("m", None, 1)], None)),
    ],
)  # fmt: skip
def test_lists_are_read_as_they_come(dialect: str, answer: object, expected: object) -> None:
    assert listing.read(provider(dialect), msgspec.json.encode(answer)) == expected


@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b'{"data": {}}', b"[" * 9000, b"\xff"])
def test_what_is_no_list_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        listing.read(provider(), body)
