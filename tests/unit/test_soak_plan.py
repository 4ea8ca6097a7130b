"""The soak's schedule and callers follow from the seed; its configuration is one."""

from itertools import islice

import pytest

from broker.settings.load import load
from sim.behaviour import parse
from tests.soak import course
from tests.soak.course import COURSES
from tests.soak.plan import KINDS, make_plan, render
from tests.soak.scenario import make_scenario


@pytest.mark.parametrize("minutes", [0.1, 0.3, 1.0, 30.0])
def test_a_plan_is_a_function_of_seed_and_length(minutes: float) -> None:
    plan = make_plan(7, minutes)
    assert plan == make_plan(7, minutes)
    assert plan.faults != make_plan(8, minutes).faults
    assert plan.faults
    assert plan.faults_end < plan.calls_end < minutes * 60
    times = [fault.at for fault in plan.faults]
    assert times == sorted(times)
    assert all(fault.at + fault.seconds <= plan.faults_end + 0.01 for fault in plan.faults)
    assert len(render(plan).splitlines()) == len(plan.faults) + 2


def test_a_plan_of_minutes_deals_every_kind() -> None:
    assert {fault.kind for fault in make_plan(1, 2).faults} == set(KINDS)


def test_a_part_is_left_alone_while_it_is_down() -> None:
    until: dict[str, float] = {}
    for fault in make_plan(3, 10).faults:
        assert fault.at >= until.get(fault.target, 0.0)
        until[fault.target] = fault.at + fault.seconds


def test_scenarios_follow_from_seed_and_number() -> None:
    made = [make_scenario(5, number) for number in range(2000)]
    assert made == [make_scenario(5, number) for number in range(2000)]
    assert {scenario.course for scenario in made} == set(COURSES)
    assert len({scenario.job for scenario in made}) == len(made)
    assert next(islice(made, 1)) != make_scenario(6, 0)


def test_the_configuration_is_valid_and_its_models_are_behaviours(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.mktemp("soak") / "streamhold.toml"
    file.write_text(course.render("http://127.0.0.1:1/v1"))
    settings = load(file, {})
    assert set(settings.routes) == {each.name for each in COURSES}
    for each in COURSES:
        for target in each.targets:
            provider, _, model = target.partition("/")
            assert provider in settings.providers
            parse(model)
