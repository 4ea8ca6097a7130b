"""How long a provider asks to be left alone, and who is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from broker.model import Attempt, Failure
from broker.refusal import wait_of
from broker.retry_after import left_alone, wait_asked_for
from broker.routing import LONGEST_WAIT, Target

A, B = Target("one", "a"), Target("two", "b")
NOW = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"Retry-After-Ms": "1500.5", "Retry-After": "9"}, 1.5005),
        ({"x-ms-retry-after-ms": "20", "Retry-After": "9"}, 0.02),
        ({"retry-after-ms": "30", "x-ms-retry-after-ms": "20"}, 0.03),
        ({"retry-after-ms": " 250 "}, 0.25),
        ({"retry-after-ms": "soon", "Retry-After": "9"}, 9.0),
        ({"retry-after-ms": "-1", "Retry-After": "9"}, 9.0),
        ({"retry-after-ms": "NaN", "Retry-After": "9"}, 9.0),
        ({"retry-after-ms": "", "Retry-After": "9"}, 9.0),
        ({"retry-after-ms": "9" * 40, "Retry-After": "9"}, 9.0),
        ({"retry-after-ms": "0", "Retry-After": "9"}, 0.0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:50:37 GMT"}, 60.0),
        ({"Retry-After": "Sunday, 06-Nov-94 08:50:37 GMT"}, 60.0),
        ({"Retry-After": "Sun Nov  6 08:50:37 1994"}, 60.0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:00 GMT"}, 0.0),
        ({"Retry-After": "later"}, None),
    ],
)
def test_what_headers_ask(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_of(wait_asked_for(CIMultiDict(headers)), NOW) == seconds


@given(st.floats(0, 1e9, allow_nan=False))
def test_any_number_of_milliseconds(milliseconds: float) -> None:
    found = wait_of(wait_asked_for(CIMultiDict({"retry-after-ms": f"{milliseconds:.3f}"})), NOW)
    assert found == pytest.approx(milliseconds / 1000, abs=1e-5)


def failed(target: Target, wait: float | None, ended: float | None = NOW) -> Attempt:
    error = Failure("rate_limit_exceeded", "Too many.", status=429, retry_after=wait)
    return Attempt(1, target.provider, target.model, NOW - 1, ended, error=error)


@pytest.mark.parametrize(
    ("history", "left"),
    [
        ([], {}),
        ([failed(A, None)], {}),
        ([failed(A, 5.0)], {}),
        ([failed(A, LONGEST_WAIT)], {}),
        ([failed(A, 3600.0)], {A: 3600.0}),
        ([failed(A, 3600.0, None)], {A: 3600.0}),
        ([failed(A, 3600.0, NOW - 100)], {A: 3500.0}),
        ([failed(A, 3600.0, NOW - 3600)], {}),
        ([failed(A, 3600.0), failed(B, None)], {A: 3600.0}),
        ([failed(A, 3600.0), failed(B, 60.0)], {A: 3600.0, B: 60.0}),
        ([failed(A, 6.0, NOW - 6), failed(A, 6.0)], {A: 6.0}),  # twelve seconds in all
        ([failed(A, 4.0, NOW - 4), failed(A, 4.0)], {}),
        ([failed(A, 6.0, NOW - 6), failed(B, 6.0)], {}),
    ],
)
def test_who_is_left_alone(history: list[Attempt], left: dict[Target, float]) -> None:
    assert left_alone(history, NOW) == left


def test_a_deadline_is_all_the_patience_there_is() -> None:
    assert left_alone([failed(A, 5.0)], NOW, 4.0) == {A: 5.0}
    assert left_alone([failed(A, 5.0)], NOW, 6.0) == {}
