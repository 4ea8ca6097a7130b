"""What attempts cost: estimates and sums."""

from typing import Any

import pytest

from broker.dialects.chat.usage import estimate, prompt
from broker.dialects.usage import add, tokens


@pytest.mark.parametrize(("characters", "expected"), [(0, 0), (1, 1), (4, 1), (5, 2), (400, 100)])
def test_four_characters_are_a_token(characters: int, expected: int) -> None:
    assert tokens(characters) == expected


@pytest.mark.parametrize(("delivered", "frames", "completion"), [(8, 0, 2), (8, 5, 5), (0, 0, 0)])
def test_an_estimate_says_that_it_is_one(delivered: int, frames: int, completion: int) -> None:
    request = {"messages": [{"content": "x" * 6}]}  # 21 bytes of JSON
    assert estimate(prompt(request), delivered, frames) == {
        "prompt_tokens": 6,
        "completion_tokens": completion,
        "total_tokens": 6 + completion,
        "estimated": True,
    }


def test_an_estimate_without_its_request_counts_the_answer_alone() -> None:
    assert estimate(None, 8, 0) == {
        "prompt_tokens": 0,
        "completion_tokens": 2,
        "total_tokens": 2,
        "estimated": True,
    }
    assert estimate(None, 8, 0, {"prompt_tokens": 3})["total_tokens"] == 5


def test_an_estimate_keeps_what_another_dialects_provider_said() -> None:
    said = {"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": {"x": 1}}
    request = {"messages": [{"content": "x" * 6}]}
    told = {"total_tokens": 7, "estimated": True}
    assert estimate(prompt(request), 8, 0, said) == said | told
    assert estimate(prompt(request), 8, 9, said)["completion_tokens"] == 9
    assert estimate(prompt(request), 8, 0, {"prompt_tokens": 0})["prompt_tokens"] == 6


@pytest.mark.parametrize(
    ("usages", "expected"),
    [
        ([], None),
        ([None, None], None),
        ([{}, None], None),
        ([{"total_tokens": 1}, None, {"total_tokens": 2}], {"total_tokens": 3}),
        ([{"a": 1}, {"b": 2.5}], {"a": 1, "b": 2.5}),
        ([{"estimated": True, "a": 1}, {"a": 1}], {"estimated": True, "a": 2}),
        ([{"a": 1}, {"estimated": True, "a": 1}], {"a": 2, "estimated": True}),
        ([{"d": {"x": 1}}, {"d": {"x": 2, "y": 3}}], {"d": {"x": 3, "y": 3}}),
        ([{"d": None, "a": 1}, {"d": {"x": 2}}], {"d": {"x": 2}, "a": 1}),
        ([{"d": {"x": 2}}, {"d": None}], {"d": {"x": 2}}),
        ([{"a": None}, {"a": 1}], {"a": 1}),
        ([{"a": 1}, {"a": None}], {"a": 1}),
        ([{"d": {}}, {"d": {}}], {"d": {}}),
        ([{"tier": "x"}, {"tier": None}], {"tier": "x"}),
    ],
)
def test_the_sum_over_attempts(
    usages: list[dict[str, Any] | None], expected: dict[str, Any] | None
) -> None:
    assert add(*usages) == expected


def test_a_sum_changes_none_of_its_parts() -> None:
    first: dict[str, Any] = {"d": {"x": 1}}
    assert add(first, {"d": {"x": 1}}) == {"d": {"x": 2}}
    assert first == {"d": {"x": 1}}
