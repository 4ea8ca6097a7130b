"""PROTOCOL.md's table of requests: every row and column is shown to be true.

What a row speaks of is asked by every caller that has words for it, of every provider. A dash
must be a refusal; anything else must arrive.
"""

import json
import re
from typing import Any

import pytest

from broker.dialects.neutral.translation import translate_request
from broker.errors import Unexpressible
from broker.settings import Quirks
from tests.unit.neutral_answers import CALLERS
from tests.unit.protocol_tables import PROVIDERS, rows

Body = dict[str, Any]
PNG, PDF = "iVBORw0KGgo=", "JVBERi0xLjQK"
URL = f"data:image/png;base64,{PNG}"
SCHEMA: Body = {"type": "object", "properties": {"zip": {"type": "string"}}}
ARGUMENTS = '{"zip":"0150"}'


def base(caller: str, content: Any = "Hello there", **fields: Any) -> Body:
    said = [{"role": "user", "content": content}]
    if caller == "chat":
        return {"model": "m", "messages": said, **fields}
    if caller == "messages":
        return {"model": "m", "max_tokens": 77, "messages": said, **fields}
    return {"model": "m", "input": said, **fields}


def tool(caller: str, **more: Any) -> Body:
    named = {"name": "lookup", "description": "Looks it up."}
    if caller == "chat":
        return {"type": "function", "function": {**named, "parameters": SCHEMA, **more}}
    if caller == "messages":
        return {**named, "input_schema": SCHEMA, **more}
    return {"type": "function", **named, "parameters": SCHEMA, "strict": False, **more}


def used(caller: str, result: Any = "Oslo") -> Body:
    """A conversation in which two tools were called at once."""
    ids = ("call_a", "call_b")
    if caller == "chat":
        calls = [
            {"id": id, "type": "function", "function": {"name": "lookup", "arguments": ARGUMENTS}}
            for id in ids
        ]
        results = [{"role": "tool", "tool_call_id": id, "content": result} for id in ids]
        turns = [{"role": "assistant", "content": "Wait.", "tool_calls": calls}, *results]
        return {**base(caller), "messages": [*base(caller)["messages"], *turns]}
    if caller == "messages":
        zip = json.loads(ARGUMENTS)
        blocks = [{"type": "tool_use", "id": id, "name": "lookup", "input": zip} for id in ids]
        found = [{"type": "tool_result", "tool_use_id": id, "content": result} for id in ids]
        turns = [
            {"role": "assistant", "content": [{"type": "text", "text": "Wait."}, *blocks]},
            {"role": "user", "content": found},
        ]
        return {**base(caller), "messages": [*base(caller)["messages"], *turns]}
    items: list[Body] = [{"role": "assistant", "content": "Wait."}]
    items += [
        {"type": "function_call", "call_id": id, "name": "lookup", "arguments": ARGUMENTS}
        for id in ids
    ]
    items += [{"type": "function_call_output", "call_id": id, "output": result} for id in ids]
    return {**base(caller), "input": [*base(caller)["input"], *items]}


def images(caller: str, url: str = URL) -> Body:
    return base(caller, [image(caller, url)])


def image(caller: str, url: str = URL) -> Body:
    if caller == "chat":
        return {"type": "image_url", "image_url": {"url": url}}
    if caller == "responses":
        return {"type": "input_image", "image_url": url}
    data = {"type": "base64", "media_type": "image/png", "data": PNG}
    return {"type": "image", "source": data if url == URL else {"type": "url", "url": url}}


def file(caller: str) -> Body:
    data = f"data:application/pdf;base64,{PDF}"
    if caller == "chat":
        return {"type": "file", "file": {"filename": "a.pdf", "file_data": data}}
    if caller == "responses":
        return {"type": "input_file", "filename": "a.pdf", "file_data": data}
    source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
    return {"type": "document", "source": source}


def tooled(caller: str, **fields: Any) -> Body:
    return base(caller, tools=[tool(caller)], **fields)


def each(**by_caller: Body) -> list[tuple[str, Body]]:
    """A row's requests: fields that are added to each caller's base."""
    return [(caller, base(caller, **fields)) for caller, fields in by_caller.items()]


FORMAT: Body = {"name": "place", "schema": SCHEMA, "strict": True}
# What is asked, and what of it must be found in the translated request's JSON; by row.
REQUESTS: dict[str, tuple[list[tuple[str, Body]], dict[str, str]]] = {
    "instructions": (
        each(
            chat={
                "messages": [
                    {"role": "system", "content": "Be brief"},
                    {"role": "user", "content": "x"},
                ]
            },
            messages={"system": "Be brief"},
            responses={"instructions": "Be brief"},
        ),
        dict.fromkeys(PROVIDERS, "Be brief"),
    ),
    "text; the model's own turns": (
        [(c, used(c)) for c in CALLERS],
        dict.fromkeys(PROVIDERS, "Wait."),
    ),
    "images": ([(c, images(c)) for c in CALLERS], dict.fromkeys(PROVIDERS, PNG)),
    "system messages within the conversation": (
        each(
            chat={
                "messages": [
                    *({"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}),
                    *({"role": "system", "content": "Be brief"}, {"role": "user", "content": "z"}),
                ]
            },
        ),
        {
            "responses": '"system", "content": "Be brief"',
            **dict.fromkeys(("messages", "gemini"), r"<system>\\nBe brief\\n</system>"),
        },
    ),
    "names of participants": (
        each(chat={"messages": [{"role": "user", "content": "x", "name": "u-18"}]}),
        dict.fromkeys(PROVIDERS, "^(?!.*u-18)"),
    ),
    "files": (
        [(c, base(c, [file(c)])) for c in CALLERS],
        dict.fromkeys(PROVIDERS, f"(?=.*application/pdf)(?=.*{PDF})"),
    ),
    "images and files in a tool's result": (
        [(c, used(c, [image(c), file(c)])) for c in CALLERS],
        {
            **dict.fromkeys(("messages", "responses"), f"{PNG}.*{PDF}"),
            **dict.fromkeys(("chat", "gemini"), f"call_b.*see the next message.*{PNG}.*{PDF}"),
        },
    ),
    "tool calls and results, parallel too": (
        [(c, used(c)) for c in CALLERS],
        dict.fromkeys(PROVIDERS, r"call_a.*call_b"),
    ),
    "tools: name, description, schema": (
        [(c, tooled(c)) for c in CALLERS],
        dict.fromkeys(PROVIDERS, r"Looks it up\..*\"zip\""),
    ),
    "`strict` tools": (
        [(c, base(c, tools=[tool(c, strict=True)])) for c in CALLERS],
        {**dict.fromkeys(CALLERS, r'"strict": true'), "gemini": "VALIDATED"},
    ),
    "tool choice: auto, none, required, one by name": (
        [
            (
                "chat",
                tooled("chat", tool_choice={"type": "function", "function": {"name": "lookup"}}),
            ),
            ("messages", tooled("messages", tool_choice={"type": "tool", "name": "lookup"})),
            ("responses", tooled("responses", tool_choice={"type": "function", "name": "lookup"})),
        ],
        {**dict.fromkeys(CALLERS, r'"tool_choice": {.*"lookup"'), "gemini": "allowedFunctionNames"},
    ),
    "no parallel tool calls": (
        [
            ("chat", tooled("chat", parallel_tool_calls=False)),
            (
                "messages",
                tooled("messages", tool_choice={"type": "auto", "disable_parallel_tool_use": True}),
            ),
            ("responses", tooled("responses", parallel_tool_calls=False)),
        ],
        {
            "chat": '"parallel_tool_calls": false',
            "messages": '"disable_parallel_tool_use": true',
            "responses": '"parallel_tool_calls": false',
            "gemini": "functionDeclarations",  # the answer is cut: see ``test_neutral_cut``
        },
    ),
    "greatest length": (
        each(chat={"max_completion_tokens": 77}, messages={}, responses={"max_output_tokens": 77}),
        {
            "chat": '"max_completion_tokens": 77',
            "messages": '"max_tokens": 77',
            "responses": '"max_output_tokens": 77',
            "gemini": '"maxOutputTokens": 77',
        },
    ),
    "temperature": (
        [(c, base(c, temperature=0.25)) for c in CALLERS],
        dict.fromkeys(PROVIDERS, '"temperature": 0.25'),
    ),
    "`top_p`": (
        [(c, base(c, top_p=0.5)) for c in CALLERS],
        {**dict.fromkeys(CALLERS, '"top_p": 0.5'), "gemini": '"topP": 0.5'},
    ),
    "`top_k`": (
        [("messages", base("messages", top_k=5))],
        {"chat": '"top_k": 5', "messages": '"top_k": 5', "gemini": '"topK": 5'},
    ),
    "stop sequences": (
        each(chat={"stop": ["END"]}, messages={"stop_sequences": ["END"]}),
        {**dict.fromkeys(PROVIDERS, "END"), "responses": "^(?!.*END)"},  # the answer is cut
    ),
    "seed, penalties (0 is none)": (
        each(chat={"seed": 7, "presence_penalty": 0.5}),
        {
            "chat": '"seed": 7',
            "gemini": r'"presencePenalty": 0.5.*"seed": 7|"seed": 7.*"presencePenalty": 0.5',
        },
    ),
    "JSON of a schema": (
        each(
            chat={"response_format": {"type": "json_schema", "json_schema": FORMAT}},
            messages={"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
            responses={"text": {"format": {"type": "json_schema", **FORMAT}}},
        ),
        dict.fromkeys(PROVIDERS, '"zip"'),
    ),
    "JSON without a schema": (
        each(
            chat={"response_format": {"type": "json_object"}},
            responses={"text": {"format": {"type": "json_object"}}},
        ),
        {
            "chat": "json_object",
            "messages": "a single JSON object",
            "responses": "json_object",
            "gemini": "application/json",
        },
    ),
    "reasoning: effort": (
        each(chat={"reasoning_effort": "medium"}, responses={"reasoning": {"effort": "medium"}}),
        {**dict.fromkeys(CALLERS, '"medium"'), "gemini": '"thinkingBudget": 8192'},
    ),
    "reasoning: budget": (
        each(messages={"thinking": {"type": "enabled", "budget_tokens": 5000}, "max_tokens": 9000}),
        {
            "chat": '"medium"',
            "responses": '"medium"',
            "gemini": '"thinkingBudget": 5000',
            "messages": "5000",
        },
    ),
    "reasoning: none": (
        each(
            chat={"reasoning_effort": "none"},
            messages={"thinking": {"type": "disabled"}},
            responses={"reasoning": {"effort": "none"}},
        ),
        {
            "chat": '"none"',
            "messages": '"disabled"',
            "responses": '"none"',
            "gemini": '"thinkingBudget": 0',
        },
    ),
    "verbosity (medium is none)": (
        each(chat={"verbosity": "low"}, responses={"text": {"verbosity": "low"}}),
        dict.fromkeys(PROVIDERS, '"verbosity": "low"'),
    ),
    "`user`": (
        each(
            chat={"user": "u-17"},
            messages={"metadata": {"user_id": "u-17"}},
            responses={"user": "u-17"},
        ),
        {**dict.fromkeys(CALLERS, "u-17"), "gemini": "^(?!.*u-17)"},
    ),
}


def test_every_row_of_requests_is_shown() -> None:
    assert set(rows("Requests")) == set(REQUESTS)


@pytest.mark.parametrize("row", REQUESTS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_requests(row: str, provider: str) -> None:
    cell = rows("Requests")[row][provider]
    asked, found = REQUESTS[row]
    for caller, body in asked:
        if caller == provider:
            continue  # nothing is translated
        if cell == "–":
            with pytest.raises(Unexpressible):
                translate_request(body, caller, provider, "m")
            continue
        quirks = Quirks(takes=("top_k",)) if cell == "where the provider takes it" else None
        theirs = json.dumps(translate_request(body, caller, provider, "m", quirks))
        assert re.search(found[provider], theirs), (caller, theirs)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("caller", CALLERS)
def test_images_by_url(caller: str, provider: str) -> None:
    url = "https://example.org/a.png"
    if caller == provider:
        return
    if "URL" not in rows("Requests")["images"][provider]:
        with pytest.raises(Unexpressible):
            translate_request(images(caller, url), caller, provider, "m")
        return
    assert url in json.dumps(translate_request(images(caller, url), caller, provider, "m"))


CHOICES = {
    "chat": ("auto", "none", "required"),
    "messages": ({"type": "auto"}, {"type": "none"}, {"type": "any"}),
    "responses": ("auto", "none", "required"),
    "gemini": ("AUTO", "NONE", "ANY"),
}


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("caller", CALLERS)
def test_tool_choices(caller: str, provider: str, place: int) -> None:
    body = tooled(caller, tool_choice=CHOICES[caller][place])
    theirs = translate_request(body, caller, provider, "m")
    if caller != provider:
        assert json.dumps(CHOICES[provider][place]) in json.dumps(theirs)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_temperatures_above_1(provider: str) -> None:
    body = base("chat", temperature=1.5)
    if rows("Requests")["temperature"][provider] == "to 1":
        with pytest.raises(Unexpressible):
            translate_request(body, "chat", provider, "m")
    else:
        assert "1.5" in json.dumps(translate_request(body, "chat", provider, "m"))
