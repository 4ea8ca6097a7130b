"""A translated call in a provider's own words; a call that needs no translation as it is."""

from typing import Any

import pytest

from broker.dialects.neutral.expressible import expressible
from broker.dialects.neutral.quirks import fitted
from broker.dialects.neutral.translation import translate_request
from broker.errors import Unexpressible
from broker.routing import Target
from broker.settings import Provider, Quirks, Settings

HI = {"role": "user", "content": "Hi"}


def fit(*messages: dict[str, Any], quirks: Quirks, **fields: Any) -> dict[str, Any]:
    return fitted({"messages": [HI, *messages], **fields}, quirks)


def test_without_quirks_nothing_changes() -> None:
    said = {"role": "developer", "content": "x"}
    found = fit(said, quirks=Quirks(), max_completion_tokens=5, user="u")
    assert found == {"messages": [HI, said], "max_completion_tokens": 5, "user": "u"}


def test_a_field_under_its_own_name() -> None:
    quirks = Quirks(names={"max_completion_tokens": "max_tokens"})
    assert fit(quirks=quirks, max_completion_tokens=5) == {"messages": [HI], "max_tokens": 5}


def test_a_developer_becomes_the_system() -> None:
    said = {"role": "developer", "content": "x"}
    found = fit(said, quirks=Quirks(developer_role=False))
    assert found["messages"] == [HI, {"role": "system", "content": "x"}]
    assert said["role"] == "developer"  # the caller's own is not touched


def test_what_a_caller_wants_is_refused_and_the_rest_left_out() -> None:
    quirks = Quirks(without=("parallel_tool_calls", "user"))
    assert fit(quirks=quirks, user="u") == {"messages": [HI]}
    with pytest.raises(Unexpressible) as caught:
        fit(quirks=quirks, parallel_tool_calls=False)
    assert caught.value.param == "parallel_tool_calls"


@pytest.mark.parametrize(
    ("entry", "refused", "taken"),
    [
        (
            "response_format.json_schema",
            {"response_format": {"type": "json_schema"}},
            {"response_format": {"type": "json_object"}},
        ),
        ("reasoning_effort.low", {"reasoning_effort": "low"}, {"reasoning_effort": "high"}),
    ],
)
def test_a_value_that_it_does_not_take(
    entry: str, refused: dict[str, Any], taken: dict[str, Any]
) -> None:
    quirks = Quirks(without=(entry,))
    assert fit(quirks=quirks, **taken) == {"messages": [HI], **taken}
    with pytest.raises(Unexpressible):
        fit(quirks=quirks, **refused)


def test_json_without_a_schema_is_asked_for_in_words() -> None:
    quirks = Quirks(without=("response_format.json_object",))
    found = fit(quirks=quirks, response_format={"type": "json_object"})
    assert "response_format" not in found
    assert [message["role"] for message in found["messages"]] == ["system", "user"]
    assert "JSON object" in found["messages"][0]["content"]
    system = {"role": "system", "content": "Be brief."}
    request = {"messages": [system, HI], "response_format": {"type": "json_object"}}
    messages = fitted(request, quirks)["messages"]
    assert messages[0]["content"].startswith("Be brief.\n\n")
    assert messages[1:] == [HI]


def test_reasoning_sent_back_is_left_out_and_so_is_a_turn_of_nothing_else() -> None:
    quirks = Quirks(without=("reasoning_content",))
    thought = {"role": "assistant", "content": None, "reasoning_content": "hm"}
    spoken = {"role": "assistant", "content": "yes", "reasoning_details": [{}]}
    assert fit(thought, spoken, quirks=quirks)["messages"] == [
        HI,
        {"role": "assistant", "content": "yes"},
    ]


def test_a_refusal_becomes_text() -> None:
    said = {"role": "assistant", "content": None, "refusal": "No."}
    found = fit(said, quirks=Quirks(without=("refusal",)))["messages"][1]
    assert found == {"role": "assistant", "content": "No."}


def test_they_are_a_chat_providers() -> None:
    request = {"model": "m", "messages": [HI], "max_tokens": 5}
    quirks = Quirks(names={"max_completion_tokens": "limit"})
    assert translate_request(request, "messages", "chat", "m", quirks)["limit"] == 5
    assert "max_output_tokens" in translate_request(request, "messages", "responses", "m", quirks)


def test_the_door_knows_them() -> None:
    quirks = Quirks(without=("verbosity",))
    settings = Settings(providers={"p": Provider(base_url="http://p", quirks=quirks)})
    request = {"model": "p/m", "input": "Hi", "text": {"verbosity": "low"}}
    with pytest.raises(Unexpressible) as caught:
        expressible(settings, "responses", request, [Target("p", "m")])
    loss = caught.value.losses[0]
    assert (loss.path, loss.value, loss.provider) == ("text.verbosity", '"low"', "p")
    same = {"model": "p/m", "messages": [HI], "verbosity": "low"}
    expressible(settings, "chat", same, [Target("p", "m")])  # a caller of its own dialect
