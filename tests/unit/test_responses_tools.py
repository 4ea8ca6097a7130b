"""Tools of the responses dialect that no other has: as functions, and their calls told back."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.dialects.neutral.event import ArgumentsDelta, CallStart, Start, Stop
from broker.dialects.neutral.given import Given, Names, given_in
from broker.dialects.neutral.sequence import Garbled
from broker.dialects.neutral.terms import Terms
from broker.dialects.neutral.translation import put, translate_request
from broker.dialects.neutral.writing.responses_events import ResponsesWriter
from broker.dialects.neutral.writing.sole_text import SoleText
from broker.errors import Unexpressible
from tests.unit.test_clients_recorded import names_of

SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}
HI: dict[str, Any] = {"model": "m", "input": "Hi"}


def function(name: str) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": SCHEMA}


def space(name: str, *tools: dict[str, Any]) -> dict[str, Any]:
    return {"type": "namespace", "name": name, "description": f"All of {name}.", "tools": [*tools]}


def asked(provider: str, drop: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    fields = {key: json.loads(json.dumps(value)) for key, value in fields.items()}
    return translate_request({**HI, **fields}, "responses", provider, "m", terms=Terms(drop=drop))


# ── Names ──────────────────────────────────────────────────────────────────────────────

words = st.text("ab_", min_size=1, max_size=70) | st.text(min_size=1, max_size=5)
givens = st.builds(Given, st.sampled_from(["function", "custom"]), words, st.none() | words)


@given(st.lists(givens, max_size=8, unique=True))
def test_names_are_one_to_one_and_the_same_each_time(tools: list[Given]) -> None:
    names = Names(tools)
    found = {names.of(tool): tool for tool in tools}
    assert len(found) == len(tools)
    for name, tool in found.items():
        if tool.kind == "function" and tool.namespace is None:
            assert name == tool.name
        else:
            assert names.given[name] == tool
            assert len(name) <= 64
    again = Names(tools)
    assert [again.of(tool) for tool in tools] == [names.of(tool) for tool in tools]


def test_a_namespace_is_a_part_of_its_tools_names() -> None:
    tools = [space("mcp__git__", function("log")), space("crm", function("log")), function("log")]
    theirs = asked("messages", tools=tools)
    assert names_of(theirs["tools"]) == ["mcp__git__log", "crm__log", "log"]
    assert theirs["tools"][1]["description"] == "(crm: All of crm.)"
    assert given_in({"tools": tools}) == {
        "mcp__git__log": Given("function", "log", "mcp__git__"),
        "crm__log": Given("function", "log", "crm"),
    }


def test_a_function_of_that_name_keeps_it() -> None:
    theirs = asked("messages", tools=[space("a", function("b")), function("a__b")])
    first, second = names_of(theirs["tools"])
    assert second == "a__b"
    assert first.startswith("a__b_")


@pytest.mark.parametrize("provider", ["chat", "messages", "gemini"])
def test_a_conversation_calls_the_same_names(provider: str) -> None:
    """Of tools that are offered, and of one that no longer is."""
    items = [
        {"type": "function_call", "call_id": "1", "namespace": "a", "name": "b", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "x"},
        {"type": "custom_tool_call", "call_id": "2", "name": "edit", "input": 'a "b"\n'},
        {
            "type": "custom_tool_call_output",
            "call_id": "2",
            "output": [{"type": "input_text", "text": "done"}],
        },
        {"role": "user", "content": "go on"},
    ]
    said = json.dumps(asked(provider, input=[{"role": "user", "content": "x"}, *items]))
    assert '"a__b"' in said
    assert '"edit"' in said
    assert json.dumps({"input": 'a "b"\n'}) in said or '\\"input\\"' in said
    assert "done" in said


def test_a_choice_among_them() -> None:
    tools = [space("a", function("b")), {"type": "custom", "name": "edit"}, function("f")]
    choices: list[tuple[Any, str]] = [
        ({"type": "custom", "name": "edit"}, "edit"),
        ({"type": "function", "namespace": "a", "name": "b"}, "a__b"),
        ({"type": "function", "name": "f"}, "f"),
    ]
    for choice, name in choices:
        theirs = asked("messages", tools=tools, tool_choice=choice)
        assert theirs["tool_choice"] == {"type": "tool", "name": name}
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [choices[0][0]]}
    theirs = asked("messages", tools=tools, tool_choice=allowed)
    assert names_of(theirs["tools"]) == ["edit"]
    assert theirs["tool_choice"] == {"type": "any"}


def test_a_grammar_is_told_in_words() -> None:
    form = {"type": "grammar", "syntax": "lark", "definition": "start: WORD"}
    tool = {"type": "custom", "name": "edit", "description": "Edits.", "format": form}
    (theirs,) = asked("messages", tools=[tool])["tools"]
    assert theirs["description"].startswith("Edits.\n\n")
    assert theirs["description"].endswith("Lark grammar:\nstart: WORD")
    assert theirs["input_schema"]["required"] == ["input"]


def test_what_a_search_found_can_be_called() -> None:
    search = {"type": "tool_search", "execution": "client", "parameters": SCHEMA}
    items = [
        {"role": "user", "content": "x"},
        {"type": "tool_search_call", "execution": "client", "call_id": "1", "arguments": {"q": 1}},
        {
            "type": "tool_search_output",
            "execution": "client",
            "call_id": "1",
            "tools": [space("crm", function("find")), function("f")],
        },
    ]
    theirs = asked("messages", tools=[search, function("f")], input=items)
    assert names_of(theirs["tools"]) == ["tool_search", "f", "crm__find"]
    assert "crm__find, f" in json.dumps(theirs["messages"][2])


# ── Hosted tools ───────────────────────────────────────────────────────────────────────

HOSTED = [
    {"type": "web_search", "external_web_access": False},
    {"type": "web_search_preview_2025_03_11"},
    {"type": "code_interpreter", "container": {"type": "auto"}},
    {"type": "mcp", "server_label": "x"},
]


@pytest.mark.parametrize("tool", HOSTED, ids=lambda tool: tool["type"])
@pytest.mark.parametrize("provider", ["chat", "messages", "gemini"])
def test_a_hosted_tool_is_refused_or_dropped(provider: str, tool: dict[str, Any]) -> None:
    tools = [tool, function("f")]
    with pytest.raises(Unexpressible, match="drop_tools") as caught:
        asked(provider, tools=tools)
    assert caught.value.param == "tools[0].type"
    name = next(n for n in ("web_search", "code_interpreter", "mcp") if tool["type"].startswith(n))
    for drop in ((name,), ("*",)):
        assert names_of(asked(provider, drop, tools=tools)["tools"]) == ["f"]
    with pytest.raises(Unexpressible):
        asked(provider, ("file_search",), tools=tools)


OF_OTHERS: list[tuple[str, dict[str, Any], str]] = [
    ("chat", {"web_search_options": {}}, "web_search_options"),
    (
        "messages",
        {"tools": [{"type": "web_search_20260101", "name": "web_search"}]},
        "tools[0].type",
    ),
]


@pytest.mark.parametrize("provider", ["chat", "messages", "responses", "gemini"])
@pytest.mark.parametrize(("caller", "more", "path"), OF_OTHERS, ids=["chat", "messages"])
def test_a_route_drops_the_hosted_tools_of_every_caller(
    caller: str, more: dict[str, Any], path: str, provider: str
) -> None:
    if caller == provider:
        return
    asks = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], **more}
    for drop in (("web_search",), ("*",)):
        found = put(asks, caller, provider, "m", Terms(drop=drop))
        assert found.lost == (path,)
        assert not found.request.get("tools")
    with pytest.raises(Unexpressible):
        put(asks, caller, provider, "m", Terms(drop=("file_search",)))


def test_a_provider_that_does_without_hosted_tools_does_without_their_runs() -> None:
    """As a route that drops all of them."""
    asks = {**HI, "tools": HOSTED, "input": [{"type": "web_search_call", "id": "ws_1"}]}
    asks["input"].append({"role": "user", "content": "x"})
    by_route = put(asks, "responses", "chat", "m", Terms(drop=("*",)))
    by_provider = put(asks, "responses", "chat", "m", Terms(allow_loss=frozenset(["hosted_tools"])))
    assert by_provider == by_route
    assert len(by_route.lost) == len(HOSTED) + 1


def test_what_was_dropped_is_told() -> None:
    request = {**HI, "tools": HOSTED[:1], "input": [{"type": "web_search_call", "id": "ws_1"}]}
    request["input"].append({"role": "user", "content": "x"})
    found = put(request, "responses", "chat", "m", Terms(drop=("web_search",)))
    assert found.lost == ("tools[0].type", "input[0].type")
    assert len(found.request["messages"]) == 1


# ── Calls told back ────────────────────────────────────────────────────────────────────


def told(name: str, *pieces: str, **given: Given) -> list[dict[str, Any]]:
    writer = ResponsesWriter(1, {}, given, "x-1")
    events: list[Any] = [Start("a", "m"), CallStart(0, "call_1", name)]
    events += [ArgumentsDelta(0, piece) for piece in pieces if piece]
    events.append(Stop("tool_calls"))
    return [out for each in events for out in writer.feed(each)] + writer.end()


def test_a_call_in_a_namespace() -> None:
    found = told("a__b", "{}", a__b=Given("function", "b", "a"))
    (item,) = found[-1]["response"]["output"]
    assert (item["type"], item["namespace"], item["name"]) == ("function_call", "a", "b")
    assert item["id"] == "fc_x-1_0"


def test_a_search() -> None:
    found = told("tool_search", '{"q":', '"x"}', tool_search=Given("search", "tool_search"))
    (item,) = found[-1]["response"]["output"]
    assert (item["type"], item["execution"], item["arguments"]) == (
        "tool_search_call",
        "client",
        {"q": "x"},
    )


@given(st.text(), st.lists(st.integers(0, 60), max_size=6), st.booleans())
def test_an_input_is_told_as_it_comes(text: str, cuts: list[int], ascii: bool) -> None:
    arguments = json.dumps({"input": text}, ensure_ascii=ascii)
    places = sorted({0, *(min(cut, len(arguments)) for cut in cuts), len(arguments)})
    pieces = [arguments[a:b] for a, b in pairwise(places)]
    found = told("edit", *pieces, edit=Given("custom", "edit"))
    (item,) = found[-1]["response"]["output"]

    def joined(said: str) -> str:  # halves of a pair that came apart
        return said.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")

    assert joined(item["input"]) == text
    deltas = [e["delta"] for e in found if e["type"] == "response.custom_tool_call_input.delta"]
    assert joined("".join(deltas)) == text
    done = [e["input"] for e in found if e["type"] == "response.custom_tool_call_input.done"]
    assert list(map(joined, done)) == [text]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input": 5}', "5"),
        ('{"patch": "x"}', '{"patch": "x"}'),
        ('{"note": 1, "input": "x"}', '{"note": 1, "input": "x"}'),
        ("just text", "just text"),
        ("{}", ""),
        (' {  "input" : "x" } ', "x"),
        ('{"input": "cut o', "cut o"),
    ],
)
def test_what_is_written_otherwise_is_told_whole(arguments: str, text: str) -> None:
    for step in (1, 3, 100):
        sole = SoleText("input")
        parts = [arguments[at : at + step] for at in range(0, len(arguments), step)]
        assert "".join(map(sole.feed, parts)) + sole.end() == text


def test_more_behind_an_input_is_no_call() -> None:
    sole = SoleText("input")
    assert sole.feed('{"input": "x", "note": 1}') == "x"
    with pytest.raises(Garbled):
        sole.end()
