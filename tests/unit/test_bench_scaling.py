"""What large loads take, reckoned from figures that are easy to reckon with."""

import pytest

from bench.figures import STREAMHOLD, Figure, Report
from bench.scaling import Cost, Shape, costs, render

SHAPE = Shape(rate=50, tokens=500, share=0.5)


def report() -> Report:
    def figure(name: str, value: float, x: float | None = None) -> Figure:
        return Figure(name, "", {STREAMHOLD: value}, x=x)

    figures = [
        figure("idle_readers.memory", 20.0),
        figure("idle_streams.memory_worker", 40.0),
        figure("memory.plain_paced", 20.0),
        figure("memory.finished_job_in_all", 2000.0),
    ]
    for process, token in (("api", 50.0), ("worker", 100.0), ("store", 25.0)):
        figures += [
            figure(f"growth.{process}", 1.0, x=100),
            figure(f"growth.{process}", token, x=5000),
            figure(f"saturation.cpu_a_token_{process}", 4.0),
            figure(f"saturation.cpu_a_call_{process}", 1.0),
        ]
    return Report("2026-01-02T00:00:00Z", {"cores": "2", "python": "3.11"}, {}, figures)


def test_the_cost_is_that_of_the_most_streams() -> None:
    assert costs(report()) == {
        "api": Cost(50.0, 4.0, 1.0),
        "worker": Cost(100.0, 4.0, 1.0),
        "store": Cost(25.0, 4.0, 1.0),
    }


def test_streams_a_core_and_cores() -> None:
    # 50 tokens/s × 96 µs and a tenth of a call of 2 ms: 5 ms of CPU a second of each stream.
    cost = Cost(token=96.0, saturated=1.0, call=2.0)
    assert cost.streams(SHAPE) == pytest.approx(100)
    assert (cost.cores(100, SHAPE), cost.cores(101, SHAPE)) == (1, 2)


def test_the_tables() -> None:
    text = render(report(), SHAPE)
    assert "The worker core is full first." in text
    assert "| worker | 100 | 4 | 1 | 98 | 1,020 | 10,200 |" in text
    assert "| API, 20 KB a reader | 2.05 | 20.5 |" in text
    assert "| store, 11.7 KB a call, running | 1.2 | 12 |" in text


def test_a_part_of_a_run_is_not_enough() -> None:
    part = report()
    part.figures[:] = [each for each in part.figures if "saturation" not in each.name]
    with pytest.raises(KeyError, match="saturation"):
        render(part)
