"""Signatures travel through other dialects, and come back as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.dialects.neutral.signature import Origin, Signature, seal, unseal
from tests.unit.neutral_answers import signature


@given(signature, st.sampled_from(["chat", "messages", "responses"]))
def test_sealed_and_unsealed(given: Signature, dialect: Origin) -> None:
    assert unseal(seal(given, dialect, "item"), dialect, "item") == given


def test_its_own_are_plain() -> None:
    assert seal(Signature("messages", "x:y"), "messages") == "x:y"
    assert seal(Signature("gemini", "x:y"), "messages") == "streamhold:gemini::x:y"


@pytest.mark.parametrize("text", ["", "x", "streamhold:", "streamhold:news:1:x", "a:b:c:d"])
def test_what_isnt_sealed_is_the_dialects_own(text: str) -> None:
    assert unseal(text, "chat") == Signature("chat", text)
