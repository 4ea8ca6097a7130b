"""What names earlier responses is checked at the door as if they stood in it."""

import itertools
from typing import Any

import pytest

from broker.dialects.neutral.expressible import expressible
from broker.dialects.responses.stand_ins import stood_in
from broker.errors import BadRequest, ForeignId, Unexpressible
from broker.routing import Target
from broker.settings import Provider, Settings

OTHERS = ("chat", "messages", "gemini")
OURS = "resp_" + "a" * 40
SETTINGS = Settings(
    providers={
        "chat": Provider(base_url="http://provider.example", dialect="chat"),
        "messages": Provider(base_url="http://provider.example", dialect="messages"),
        "gemini": Provider(base_url="http://provider.example", dialect="gemini"),
        "responses": Provider(
            base_url="http://provider.example", dialect="responses", foreign_ids=False
        ),
    }
)
TURN: dict[str, Any] = {"role": "user", "content": "go on"}
SAID: dict[str, Any] = {"type": "message", "role": "assistant", "content": "well"}
REFERENCE: dict[str, Any] = {"type": "item_reference", "id": "fc_1"}
UNKNOWN: dict[str, Any] = {"type": "computer_call_output", "call_id": "c", "output": {}}
PICTURE: dict[str, Any] = {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}


def result(name: str, kind: str = "function_call_output") -> dict[str, Any]:
    return {"type": kind, "call_id": name, "output": "done"}


def called(name: str) -> dict[str, Any]:
    return {"type": "function_call", "call_id": name, "name": "f", "arguments": "{}"}


FOUND = {
    "type": "tool_search_output",
    "call_id": "s",
    "execution": "client",
    "tools": [{"type": "function", "name": "found", "parameters": {"type": "object"}}],
}
# What may follow what is not there, alone and one behind the other.
PIECES: list[list[dict[str, Any]]] = [
    [result("a")],
    [result("a"), result("b")],
    [result("a", "custom_tool_call_output")],
    [FOUND],
    [called("c"), result("c"), result("a")],
    [called("c"), REFERENCE, result("c")],
    [REFERENCE, result("a")],
    [SAID],
    [TURN],
]
INPUTS = [
    [],
    *PIECES,
    *([*one, *other] for one, other in itertools.permutations(PIECES, 2)),
]


def check(provider: str, request: dict[str, Any]) -> tuple[str, ...]:
    return expressible(SETTINGS, "responses", {"model": "m", **request}, [Target(provider, "m")])


@pytest.mark.parametrize("provider", [*OTHERS, "responses"])
def test_what_goes_on_from_a_response_is_let_in(provider: str) -> None:
    for asked in INPUTS:
        assert check(provider, {"input": asked, "previous_response_id": OURS}) == ()
    for text in ("", "go on"):
        assert check(provider, {"input": text, "previous_response_id": OURS}) == ()
    assert check(provider, {"previous_response_id": OURS}) == ()


@pytest.mark.parametrize("provider", OTHERS)
def test_so_is_what_refers_to_items(provider: str) -> None:
    for asked in ([REFERENCE], [REFERENCE, result("a")], [TURN, REFERENCE, result("a"), TURN]):
        assert check(provider, {"input": asked}) == ()


def test_a_result_whose_call_is_nowhere_is_refused_still() -> None:
    with pytest.raises(Unexpressible, match="no call 'a' before its result"):
        check("gemini", {"input": [TURN, result("a")]})


@pytest.mark.parametrize("before", [[], [REFERENCE], [REFERENCE, result("a")], [result("a")]])
@pytest.mark.parametrize("provider", OTHERS)
def test_what_can_not_be_asked_is_named_where_its_caller_wrote_it(
    provider: str, before: list[dict[str, Any]]
) -> None:
    place = len(before)
    asked = [*before, PICTURE, UNKNOWN]
    with pytest.raises(Unexpressible) as caught:
        check(provider, {"input": asked, "previous_response_id": OURS})
    paths = [loss.path for loss in caught.value.losses]
    assert paths == [f"input[{place}].content[0].type", f"input[{place + 1}].type"]
    assert caught.value.param == paths[0]
    assert f"'{paths[0]}'" in caught.value.message


def test_so_is_what_a_provider_of_the_dialect_keeps() -> None:
    file = {"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}
    with pytest.raises(ForeignId) as caught:
        check("responses", {"input": [REFERENCE, result("a"), file], "previous_response_id": OURS})
    assert caught.value.param == "input[2]"


def test_what_is_left_out_as_allowed_is_named_so_too() -> None:
    lenient = Settings(
        providers={
            "chat": Provider(
                base_url="http://provider.example", dialect="chat", allow_loss=("audio", "items")
            )
        }
    )
    request = {"model": "m", "previous_response_id": OURS, "input": [result("a"), PICTURE]}
    lost = expressible(lenient, "responses", request, [Target("chat", "m")])
    assert lost == ("input[1].content[0].type",)


def test_a_request_that_names_nothing_earlier_is_looked_at_as_it_is() -> None:
    assert stood_in({"input": [TURN]}) is None
    assert stood_in({"input": "x", "previous_response_id": None}) is None
    assert stood_in({"input": "x", "previous_response_id": "theirs"}) is None


def test_an_error_without_a_place_stays_as_it_is() -> None:
    found = stood_in({"input": [result("a")], "previous_response_id": OURS})
    assert found is not None
    assert found.located(BadRequest("no")).param is None
    assert found.where("tools[0].type") == "tools[0].type"
