"""Job options: every header, and what is wrong with it."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from starlette.datastructures import Headers

from broker.api.options import DESCRIBED, check, from_headers, header_of
from broker.errors import BadRequest
from broker.model import Options

PREFIX = "x-streamhold-"


def read(**headers: str) -> Options:
    """The options of these headers, named without their prefix and with underscores."""
    return from_headers(Headers({header_of(name): text for name, text in headers.items()}).raw)


def refused(headers: Mapping[str, str]) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        from_headers(Headers(headers).raw)
    return caught.value


def test_a_call_without_such_headers_narrows_nothing() -> None:
    assert from_headers(Headers({"accept": "*/*", "x-stream": "1"}).raw) == Options()


def test_a_proxys_name_for_the_call_is_no_option() -> None:
    assert from_headers(Headers({f"{PREFIX}request-id": "req_1"}).raw) == Options()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("targets", "two/b", ("two/b",)),
        ("targets", " two/b , one/a:free ,", ("two/b", "one/a:free")),
        ("retries", "0", 0),
        ("retries", "100", 100),
        ("attempts", " 1 ", 1),
        ("deadline", "0.001", 0.001),
        ("deadline", "30", 30.0),
        ("deadline", "1e3", 1000.0),
        ("priority", "batch", "batch"),
        ("priority", "interactive", "interactive"),
        ("on_disconnect", "cancel", "cancel"),
        ("on_disconnect", "continue", "continue"),
        ("grace", "1", 1.0),
        ("grace", "2.5", 2.5),
        ("join", "120", 120.0),
        ("join", "0", 0.0),
        ("caller_retries", "true", True),
        ("caller_retries", "false", False),
    ],
)
def test_a_header_sets_its_option(name: str, text: str, value: Any) -> None:
    assert read(**{name: text}) == msgspec.structs.replace(Options(), **{name: value})


def test_all_of_them_together() -> None:
    assert read(
        targets="two/b,one/a",
        retries="2",
        attempts="3",
        deadline="60",
        priority="batch",
        on_disconnect="cancel",
        grace="5",
        join="120",
        caller_retries="true",
    ) == Options(("two/b", "one/a"), 2, 3, 60.0, "batch", "cancel", 5.0, 120.0, True)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("targets", ""),
        ("targets", " , "),
        ("retries", "-1"),
        ("retries", "101"),
        ("retries", "1.0"),
        ("retries", ""),
        ("retries", "१"),
        ("attempts", "0"),
        ("attempts", "many"),
        ("attempts", "1" * 5000),
        ("deadline", "0"),
        ("deadline", "-1"),
        ("deadline", "nan"),
        ("deadline", "inf"),
        ("deadline", "soon"),
        ("deadline", "1" * 5000),
        ("priority", "urgent"),
        ("priority", ""),
        ("priority", "Batch"),
        ("on_disconnect", "stop"),
        ("grace", "0.5"),
        ("grace", "nan"),
        ("grace", "10s"),
        ("join", "-1"),
        ("join", "86401"),
    ],
)
def test_a_wrong_value_names_its_header(name: str, text: str) -> None:
    right = {header_of("attempts" if name != "attempts" else "retries"): "1"}
    raw = [(header.encode(), value.encode()) for header, value in right.items()]
    raw.append((header_of(name).encode(), text.encode()))
    with pytest.raises(BadRequest) as caught:
        from_headers(raw)
    assert caught.value.param == header_of(name)


@pytest.mark.parametrize("name", ["", "target", "on_disconnect", "retries-", "x-streamhold-grace"])
def test_an_unknown_header_is_refused(name: str) -> None:
    assert refused({PREFIX + name: "1"}).param == PREFIX + name


def test_a_header_that_comes_twice_is_refused() -> None:
    header = header_of("grace").encode()
    with pytest.raises(BadRequest) as caught:
        from_headers([(header, b"2"), (header, b"2")])
    assert caught.value.param == header_of("grace")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"targets": []}, "targets"),
        ({"retries": -1}, "retries"),
        ({"attempts": 0}, "attempts"),
        ({"deadline": 0}, "deadline"),
        ({"grace": 0}, "grace"),
        ({"join": -1}, "join"),
    ],
)
def test_options_of_a_body_are_held_to_the_same_ranges(body: Any, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check(msgspec.convert(body, Options))
    assert caught.value.param == param


def test_every_option_is_described_and_none_besides() -> None:
    assert list(DESCRIBED) == list(Options.__struct_fields__)
    for name, (schema, _) in DESCRIBED.items():
        for end in ("minimum", "maximum"):
            if end in schema:
                check(msgspec.convert({name: schema[end]}, Options, strict=False))
