"""The judges of requests: each rule refuses what breaks it, and all take what is good."""

import pytest

from tests.unit.judged_requests import BROKEN, GOOD, Change, changed
from tests.vendors.rule import Issued
from tests.vendors.table import RULES, table, vendor, vendors

_OF_SIGNATURES = ("thoughts as they were", "thoughts of this conversation")  # broken below
_STRICT = ("deepseek/deepseek-reasoner",)  # takes no call without reasoning beside it


@pytest.mark.parametrize("name", [each.name for each in vendors() if each.name not in _STRICT])
def test_a_good_request_is_taken(name: str) -> None:
    judge = vendor(name)
    assert judge.refusals(GOOD[judge.dialect]) == []


def test_a_call_with_its_reasoning_is_taken() -> None:
    body = changed(GOOD["chat"], {"messages[2].reasoning_content": "Hm"})
    assert vendor(_STRICT[0]).refusals(body) == []


@pytest.mark.parametrize(("name", "rule", "change"), BROKEN)
def test_a_rule_refuses_what_breaks_it(name: str, rule: str, change: Change) -> None:
    judge = vendor(name)
    found = judge.refusals(changed(GOOD[judge.dialect], change))
    assert rule in [refusal.rule for refusal in found]
    assert all(refusal.at and refusal.words for refusal in found)


def test_every_rule_is_broken_somewhere() -> None:
    broken = {(name.partition("/")[0], rule) for name, rule, _ in BROKEN}
    broken |= {("anthropic", rule) for rule in _OF_SIGNATURES}
    common = {rule for name, rule in broken if name == "openai"}  # its kin's too
    for name, rules in RULES.items():
        kin = name in ("mistral", "deepseek", "groq", "vllm")
        for rule in rules:
            assert (name, rule.name) in broken or (kin and rule.name in common), (name, rule.name)


def test_every_rule_has_its_source() -> None:
    sources = [rule.source for rules in RULES.values() for rule in rules]
    assert all(
        each.startswith(("https://", "anthropic.types.", "openai.types.")) for each in sources
    )
    assert len(table().splitlines()) == len(sources)


def test_what_a_vendor_signed_it_takes_whichever_of_its_models_reads_it() -> None:
    thought = {"type": "thinking", "thinking": "Hm", "signature": "c2ln"}
    body = changed(GOOD["messages"], {"messages[1].content[0]": thought})
    first, second = (
        each for each in vendors() if each.model in ("claude-opus-4-7", "claude-opus-4-8")
    )
    assert [refusal.rule for refusal in second.refusals(body)] == ["signatures"]
    first.issued["c2ln"] = Issued("Hm", first.model)
    assert second.refusals(body) == []
    first.issued["c2ln"] = Issued("Hm, well", first.model)
    assert [refusal.rule for refusal in second.refusals(body)] == ["thoughts as they were"]


def test_a_thought_is_bound_to_what_was_said_before_it() -> None:
    thought = {"type": "thinking", "thinking": "Hm", "signature": "c2ln"}
    body = changed(GOOD["messages"], {"messages[1].content[0]": thought})
    judge = vendor("anthropic/claude-opus-5-5")
    then = {"messages": body["messages"][:1]}
    judge.issued["c2ln"] = Issued("Hm", judge.model, then)
    assert judge.refusals(body) == []
    before = changed(body, {"messages[0].content": "Hi!"})
    assert [refusal.rule for refusal in judge.refusals(before)] == ["thoughts of this conversation"]
    judge.issued["c2ln"] = Issued("Hm", "claude-fable-5-1", then)
    assert judge.refusals(before) == []
