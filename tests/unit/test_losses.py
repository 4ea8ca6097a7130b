"""What a provider of another dialect can't be asked: served another way, or refused by its path,
with its value, the provider and the setting that allows it; and allowed, served without it."""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from broker.dialects.neutral.terms import Terms
from broker.dialects.neutral.translation import Put, put
from broker.errors import BadRequest, Unexpressible
from broker.loss import Loss, place_of, shown, worded
from broker.settings.load import problems
from broker.settings.losses import LOSSES
from tests.unit.neutral_answers import CALLERS

PROVIDERS = ("chat", "messages", "responses", "gemini")
TOOL = {"name": "look", "input_schema": {"type": "object"}}
HI: dict[str, Any] = {"role": "user", "content": "Hi"}
BASE: dict[str, dict[str, Any]] = {
    "chat": {"model": "m", "messages": [HI]},
    "messages": {"model": "m", "messages": [HI], "max_tokens": 9},
    "responses": {"model": "m", "input": [HI]},
}
PAIRS = [(caller, provider) for caller in CALLERS for provider in PROVIDERS if caller != provider]


def asked(caller: str, provider: str, body: dict[str, Any], *allow: str, **terms: Any) -> Put:
    said = Terms(provider="there", allow_loss=frozenset(allow), **terms)
    return put(BASE[caller] | body, caller, provider, "m", said)


def refused(caller: str, provider: str, body: dict[str, Any], *allow: str) -> tuple[Loss, ...]:
    with pytest.raises(Unexpressible) as caught:
        asked(caller, provider, body, *allow)
    return caught.value.losses


def text_of(found: Put) -> str:
    return msgspec.json.encode(found.request).decode()


# ── Refused, unless it is allowed ──────────────────────────────────────────────────────


class Wish(NamedTuple):
    """What a caller asks, where it stands, what allows it, and who is asked nevertheless."""

    caller: str
    body: dict[str, Any]
    path: str
    setting: str
    served: tuple[str, ...] = ()


def user(*content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [*content, {"type": "text", "text": "See."}]}]


def given(*content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [*content, {"type": "input_text", "text": "See."}]}]


URL = "https://x.example/a"
AUDIO = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
PICTURE = {"type": "image_url", "image_url": {"url": URL}}
WISHES = [
    Wish("chat", {"seed": 7}, "seed", "seed", ("gemini",)),
    Wish("chat", {"frequency_penalty": 0.5}, "frequency_penalty", "penalties", ("gemini",)),
    Wish("chat", {"presence_penalty": 0.5}, "presence_penalty", "penalties", ("gemini",)),
    Wish("chat", {"temperature": 1.5}, "temperature", "temperature", ("responses", "gemini")),
    Wish("chat", {"verbosity": "low"}, "verbosity", "verbosity", ("responses",)),
    Wish("chat", {"logit_bias": {"5": 1}}, "logit_bias", "logit_bias"),
    Wish("chat", {"logprobs": True}, "logprobs", "include"),
    Wish("chat", {"top_logprobs": 2}, "top_logprobs", "include"),
    Wish("chat", {"audio": {"voice": "x"}}, "audio", "audio"),
    Wish("chat", {"modalities": ["text", "audio"]}, "modalities", "audio"),
    Wish("chat", {"web_search_options": {}}, "web_search_options", "hosted_tools"),
    Wish("chat", {"tools": [{"type": "custom", "custom": {}}]}, "tools[0].type", "hosted_tools"),
    Wish("chat", {"tool_choice": {"type": "allowed_tools"}}, "tool_choice.type", "tool_choice"),
    Wish("chat", {"reasoning_effort": "frantic"}, "reasoning_effort", "reasoning"),
    Wish("chat", {"newest_field": [1]}, "newest_field", "fields"),
    Wish("chat", {"messages": [{**HI, "mood": 1}]}, "messages[0].mood", "fields"),
    Wish("chat", {"messages": user(AUDIO)}, "messages[0].content[0].type", "audio"),
    Wish("chat", {"messages": user({"type": "video"})}, "messages[0].content[0].type", "items"),
    Wish(
        "chat",
        {"messages": user(PICTURE)},
        "messages[0].content[0].image_url",
        "images",
        ("messages", "responses"),
    ),
    Wish("messages", {"top_k": 3}, "top_k", "top_k", ("gemini",)),
    Wish("messages", {"mcp_servers": [{"name": "x"}]}, "mcp_servers", "fields"),
    Wish(
        "messages",
        {"tools": [{"type": "web_search_20260101", "name": "web_search"}]},
        "tools[0].type",
        "hosted_tools",
    ),
    Wish(
        "messages",
        {"messages": user({"type": "document", "source": {"type": "url", "url": URL}})},
        "messages[0].content[0]",
        "documents",
        ("responses",),
    ),
    Wish(
        "messages",
        {
            "messages": user(
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "abc"},
                    "citations": {"enabled": True},
                }
            )
        },
        "messages[0].content[0].citations.enabled",
        "citations",
    ),
    Wish("responses", {"text": {"verbosity": "high"}}, "text.verbosity", "verbosity", ("chat",)),
    Wish("responses", {"tools": [{"type": "web_search"}]}, "tools[0].type", "hosted_tools"),
    Wish("responses", {"include": ["message.output_text.logprobs"]}, "include[0]", "include"),
    Wish("responses", {"top_logprobs": 3}, "top_logprobs", "include"),
    Wish(
        "responses",
        {"input": [HI, {"type": "newest_call", "call_id": "c"}]},
        "input[1].type",
        "items",
    ),
    Wish(
        "responses",
        {"input": given({"type": "input_file", "file_url": URL})},
        "input[0].content[0]",
        "documents",
        ("messages",),
    ),
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: f"{wish.caller}-{wish.path}")
def test_a_wish_is_served_or_refused_by_its_path_or_allowed(wish: Wish, provider: str) -> None:
    if wish.caller == provider:
        return
    if provider in wish.served:
        found = asked(wish.caller, provider, wish.body)
        assert found.lost == ()
        assert text_of(found) != text_of(asked(wish.caller, provider, {}))
        return
    (loss,) = refused(wish.caller, provider, wish.body)
    assert (loss.path, loss.setting, loss.provider) == (wish.path, wish.setting, "there")
    for word in (wish.path, loss.value, "there", f"allow_loss = ['{wish.setting}']"):
        assert word in worded([loss])
    found = asked(wish.caller, provider, wish.body, wish.setting)
    assert found.lost == (wish.path,)
    others = set(LOSSES) - {wish.setting}
    assert refused(wish.caller, provider, wish.body, *others) == (loss,)


def test_every_loss_that_can_be_allowed_is_one_that_there_is() -> None:
    quirks = {"json_schema"}  # of chat providers alone, below
    quirks.add("top_p")  # of some of Claude's models: see test_vendors
    assert {wish.setting for wish in WISHES} | quirks == set(LOSSES)


@pytest.mark.parametrize(("caller", "provider"), PAIRS)
def test_all_of_it_is_told_at_once(caller: str, provider: str) -> None:
    wishes = [wish for wish in WISHES if wish.caller == caller and provider not in wish.served]
    body: dict[str, Any] = {}
    expected = []
    for wish in wishes:
        if body.keys().isdisjoint(wish.body):
            body |= wish.body
            expected.append(wish)
    losses = refused(caller, provider, body)
    assert {loss.path for loss in losses} == {wish.path for wish in expected}
    assert len(expected) > 1
    left = expected[0]
    allowed = {wish.setting for wish in expected} - {left.setting}
    again = refused(caller, provider, body, *allowed)
    assert {loss.path for loss in again} == {
        wish.path for wish in expected if wish.setting == left.setting
    }
    served = asked(caller, provider, body, *LOSSES)
    assert set(served.lost) == {wish.path for wish in expected}


@pytest.mark.parametrize(("caller", "provider"), PAIRS)
def test_what_is_malformed_is_no_loss(caller: str, provider: str) -> None:
    with pytest.raises(BadRequest) as caught:
        asked(caller, provider, {"temperature": "hot"}, *LOSSES)
    assert not isinstance(caught.value, Unexpressible)


def test_a_lost_tool_is_not_chosen() -> None:
    body = {
        "tools": [TOOL, {"type": "web_search_1", "name": "search"}],
        "tool_choice": {"type": "tool", "name": "search"},
    }
    found = asked("messages", "chat", body, "hosted_tools")
    assert [tool["function"]["name"] for tool in found.request["tools"]] == ["look"]
    assert "tool_choice" not in found.request


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("", ()),
        ("top_k", ("top_k",)),
        ("messages[1].content[0].type", ("messages", 1, "content", 0, "type")),
        ("a[x].b", ("a[x]", "b")),
        ("a[1][2]", ("a", 1, 2)),
    ],
)
def test_a_path_has_steps(path: str, steps: tuple[str | int, ...]) -> None:
    assert place_of(path) == steps


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.5, "1.5"), ("x", '"x"'), ({"a": [1]}, '{"a":[1]}'), ("y" * 500, None), ([1] * 500, "[…]")],
)
def test_a_value_is_shown_short(value: Any, text: str | None) -> None:
    found = shown(value)
    assert len(found) <= 80
    assert text is None or found == text


def test_many_losses_are_counted() -> None:
    body = {f"field_{place}": 1 for place in range(30)}
    losses = refused("chat", "messages", body)
    assert len(losses) == 30
    assert worded(losses).endswith("And 10 more.")


def test_a_check_of_the_settings_knows_the_words(tmp_path: Path) -> None:
    file = tmp_path / "streamhold.toml"
    lines = ["[providers.p]", 'base_url = "http://p"', 'allow_loss = ["topk", "seed"]']
    file.write_text("\n".join([*lines, 'quirks = { takes = ["min_p"] }']))
    assert problems(file, {}) == [
        "providers.p.allow_loss: there is no loss 'topk': 'top_k' is one",
        "providers.p.quirks.takes: only top_k is known, not 'min_p'",
    ]
    file.write_text("\n".join([*lines[:2], f"allow_loss = {list(LOSSES)}"]))
    assert problems(file, {}) == []
