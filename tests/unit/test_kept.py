"""What a provider keeps, as requests name it; and what only looks like that."""

from typing import Any

import pytest

from broker.dialects.kept import check_kept, refusal_of
from broker.dialects.neutral.expressible import expressible
from broker.errors import BadRequest, ForeignId, PreviousNotFound
from broker.routing import Target
from broker.settings import Account, Provider, Settings

OURS = "resp_" + "a" * 40
FILE = {"type": "input_file", "file_id": "file-1"}
SCHEMA = {"type": "object", "properties": {"file_id": {"type": "string"}}, "default": "x"}

NAMED: list[tuple[str, dict[str, Any], str]] = [
    ("responses", {"previous_response_id": "resp_" + "0a" * 24}, "previous_response_id"),
    ("responses", {"previous_response_id": "x"}, "previous_response_id"),
    ("responses", {"conversation": "conv_1"}, "conversation"),
    ("responses", {"conversation": {"id": "conv_1"}}, "conversation"),
    ("responses", {"prompt": {"id": "pmpt_1"}}, "prompt"),
    ("responses", {"input": [{"role": "user"}, {"type": "item_reference", "id": "m"}]}, "input[1]"),
    ("responses", {"input": [{"id": "msg_1"}]}, "input[0]"),
    ("responses", {"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}, "input[0]"),
    ("responses", {"input": [{"role": "user", "content": [FILE]}]}, "input[0]"),
    ("responses", {"input": [{"type": "function_call_output", "output": [FILE]}]}, "input[0]"),
    ("responses", {"input": [{"type": "computer_call_output", "output": FILE}]}, "input[0]"),
    ("responses", {"input": [{"type": "code_interpreter_call", "container_id": "c"}]}, "input[0]"),
    ("responses", {"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}, "tools[0]"),
    ("responses", {"tools": [{"type": "code_interpreter", "container": "cntr_1"}]}, "tools[0]"),
    ("responses", {"tools": [{"container": {"type": "auto", "file_ids": ["f"]}}]}, "tools[0]"),
    ("responses", {"tools": [{"input_image_mask": {"file_id": "f"}}]}, "tools[0]"),
    ("messages", {"container": "container_1"}, "container"),
    ("messages", {"container": {"id": "container_1"}}, "container"),
    (
        "messages",
        {"messages": [{"content": [{"source": {"type": "file", "file_id": "f"}}]}]},
        "messages[0].content[0]",
    ),
    (
        "messages",
        {"messages": [{}, {"content": [{"type": "container_upload", "file_id": "f"}]}]},
        "messages[1].content[0]",
    ),
    (
        "messages",
        {"messages": [{"content": [{"type": "tool_result", "content": [{"source": FILE}]}]}]},
        "messages[0].content[0].content[0]",
    ),
    (
        "chat",
        {"messages": [{"content": [{"type": "file", "file": {"file_id": "f"}}]}]},
        "messages[0].content[0].file",
    ),
    ("chat", {"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "messages[0].audio"),
]
HARMLESS: list[tuple[str, dict[str, Any]]] = [
    ("responses", {"previous_response_id": OURS}),
    ("responses", {"previous_response_id": None, "conversation": None, "input": "x"}),
    ("responses", {"input": [{"type": "message", "id": "msg_1", "role": "user", "content": "x"}]}),
    ("responses", {"input": [{"type": "reasoning", "id": "rs_1", "encrypted_content": "e"}]}),
    ("responses", {"input": [{"type": "function_call", "id": "fc", "arguments": '{"file_id":1}'}]}),
    ("responses", {"input": [{"role": "user", "content": [{"type": "input_image"}]}, 1, None]}),
    ("responses", {"tools": [{"type": "function", "parameters": SCHEMA}]}),
    ("responses", {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}),
    ("messages", {"messages": [{"content": [{"type": "tool_use", "input": {"file_id": "f"}}]}]}),
    ("messages", {"messages": [{"content": "x"}], "tools": [{"input_schema": SCHEMA}]}),
    ("chat", {"messages": [{"content": [{"type": "file", "file": {"file_data": "d"}}]}]}),
    ("chat", {"tools": [{"function": {"parameters": SCHEMA}}], "audio": {"voice": "v"}}),
]


@pytest.mark.parametrize(("dialect", "request_", "param"), NAMED)
def test_what_is_named(dialect: str, request_: dict[str, Any], param: str) -> None:
    kind = PreviousNotFound if param == "previous_response_id" else ForeignId
    with pytest.raises(kind) as caught:
        check_kept(dialect, request_)
    assert caught.value.param == param


@pytest.mark.parametrize(("dialect", "request_"), HARMLESS)
def test_what_is_not(dialect: str, request_: dict[str, Any]) -> None:
    check_kept(dialect, request_)
    assert refusal_of(dialect, request_) is None


def settings(accounts: int, **foreign: bool | None) -> Settings:
    return Settings(
        providers={
            name: Provider(base_url="http://x", dialect="responses", foreign_ids=given)
            for name, given in foreign.items()
        },
        accounts={f"a{n}": Account(key_sha256=()) for n in range(accounts)},
    )


@pytest.mark.parametrize(
    ("accounts", "given", "taken"),
    [
        *((0, None, True), (1, None, True), (2, None, False)),
        *((2, True, True), (0, False, False), (1, False, False)),
    ],
)
def test_who_may_name_it(accounts: int, given: bool | None, taken: bool) -> None:
    """With one account whatever is there was made for it; the operator may say otherwise."""
    found = settings(accounts, p=given)
    assert found.takes_foreign_ids("p") is taken
    request = {"model": "p/m", "input": "x", "conversation": "conv_1"}
    if taken:
        expressible(found, "responses", request, [Target("p", "m")])
        return
    with pytest.raises(BadRequest) as caught:
        expressible(found, "responses", request, [Target("p", "m")])
    assert (caught.value.code, caught.value.param) == ("foreign_id", "conversation")


def test_one_target_that_takes_it_is_enough() -> None:
    found = settings(2, p=None, q=True)
    request = {"model": "m", "input": "x", "conversation": "conv_1"}
    expressible(found, "responses", request, [Target("p", "m"), Target("q", "m")])
