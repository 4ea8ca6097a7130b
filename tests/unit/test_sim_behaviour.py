"""The model's name as a description of the answer."""

import re

import pytest

import sim.behaviour
from sim.behaviour import Behaviour, BehaviourError, End, parse


@pytest.mark.parametrize("name", ["default", "echo", "gpt-4.1-mini", "", "a,b"])
def test_a_plain_name_is_all_defaults(name: str) -> None:
    assert parse(name) == Behaviour()


def test_every_kind_of_value() -> None:
    behaviour = parse("tokens=7, interval=1.5s,ttft=20ms,obfuscation,failfirst=2,status=503,id=abc")
    assert behaviour == Behaviour(
        tokens=7,
        interval=1.5,
        ttft=0.02,
        obfuscation=True,
        failfirst=2,
        status=503,
        id="abc",
    )


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0.0), ("0ms", 0.0), ("250ms", 0.25), ("2s", 2.0), ("0.5ms", 0.0005)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse(f"interval={text}").interval == pytest.approx(seconds)


def test_a_bare_key_means_one_even_alone() -> None:
    assert parse("hang").hang
    assert parse("dropafter").dropafter == 1
    assert parse("tools=0").tools is False


def test_several_calls_imply_tools() -> None:
    assert parse("parallel=3") == Behaviour(tools=True, parallel=3)
    assert not parse("parallel=1").tools


def test_retry_after_takes_seconds_or_a_duration() -> None:
    assert parse("status=429,retryafter=3").retryafter == 3
    assert parse("status=429,retryafter=500ms").retryafter == 0.5


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("tokens=x", "tokens"),
        ("tokens=-1", "tokens"),
        ("tokens=", "tokens"),
        ("tokens=²", "tokens"),
        ("tokens=99999999999", "tokens"),
        ("interval=20", "interval"),
        ("interval", "interval"),
        ("interval=infs", "interval"),
        ("interval=1.s", "interval"),
        ("status=200", "status"),
        ("status", "status"),
        ("batch=0", "batch"),
        ("hang=2", "hang"),
        ("contenttype=pdf", "contenttype"),
        ("id=", "id"),
        ("tokns=5", "tokns"),
        ("hang,echo", "echo"),
        ("tokens=5,", ""),
        ("tokens=5,tokens=6", "tokens"),
        ("tokens=5,failfirst=1", "failfirst"),
        ("retryafter=1", "retryafter"),
    ],
)
def test_an_error_names_the_key(name: str, key: str) -> None:
    with pytest.raises(BehaviourError, match=re.escape(repr(key))) as caught:
        parse(name)
    assert caught.value.key == key


def test_the_earliest_end_wins() -> None:
    assert parse("default").end is None
    assert parse("hangafter=0").end == (End.HANG, 0)
    assert parse("errorafter=4,eofafter=9").end == (End.ERROR, 4)
    assert parse("hangafter=4,dropafter=4").end == (End.DROP, 4)


def test_faults_pass_after_the_first_calls() -> None:
    failing = parse("tokens=9,failfirst=2,dropafter=3,garbleafter=1,status=500,obfuscation")
    assert failing.at_call(1) is failing
    assert failing.at_call(2) is failing
    assert failing.at_call(3) == Behaviour(tokens=9, obfuscation=True)
    always = parse("dropafter=3")
    assert always.at_call(1000) is always


def test_the_table_documents_every_key() -> None:
    table = (sim.behaviour.__doc__ or "").split("============  ")[2]
    rows = re.findall(r"^([a-z]+)  ", table, re.MULTILINE)
    assert sorted(rows) == sorted(Behaviour.__struct_fields__)


@pytest.mark.parametrize("key", Behaviour.__struct_fields__)
def test_no_key_takes_an_empty_value(key: str) -> None:
    with pytest.raises(BehaviourError, match=f"'{key}'"):
        parse(f"{key}=")
