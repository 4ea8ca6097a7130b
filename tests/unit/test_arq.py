"""What of arq the LeaseWorker stands on."""

import inspect
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import pytest
from arq import jobs as arq_jobs
from arq.cron import CronJob
from arq.worker import Function, Worker, func

from broker.queue import deserialize, serialize
from workers.lease_worker import LeaseWorker


def shape(function: Callable[..., Any]) -> dict[str, Any]:
    """The parameters by name, with the default of each that has one."""
    parameters = inspect.signature(function).parameters.values()
    return {each.name: None if each.default is each.empty else each.default for each in parameters}


def test_arq_is_the_release_that_was_read() -> None:
    assert version("arq") == "0.28.0"
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert "arq==0.28.0" in project["project"]["dependencies"]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (Worker.main, {"self": None}),
        (Worker.async_run, {"self": None}),
        (Worker.run_job, {"self": None, "job_id": None, "score": None}),
        (Worker.run_cron, {"self": None, "n": None, "delay": None, "num_windows": 2}),
        (Worker.close, {"self": None}),
        (Worker._wait_for_tasks_to_complete, {"self": None, "signum": None}),
        (Worker.handle_sig_wait_for_completion, {"self": None, "signum": None}),
        (CronJob.calculate_next, {"self": None, "prev_run": None}),
        (arq_jobs.deserialize_job_raw, {"r": None, "deserializer": None}),
        (
            arq_jobs.serialize_job,
            {
                "function_name": None,
                "args": None,
                "kwargs": None,
                "job_try": None,
                "enqueue_time_ms": None,
                "serializer": None,
            },
        ),
    ],
)
def test_what_is_used_of_arq_takes_what_it_took(
    function: Callable[..., Any], expected: dict[str, Any]
) -> None:
    assert shape(function) == expected


@pytest.mark.parametrize("name", ["main", "run_job", "run_cron", "close"])
def test_what_is_overridden_is_a_coroutine_and_stays_one(name: str) -> None:
    assert inspect.iscoroutinefunction(getattr(Worker, name))
    assert inspect.iscoroutinefunction(getattr(LeaseWorker, name))
    assert shape(getattr(LeaseWorker, name)) == shape(getattr(Worker, name))


def test_the_worker_s_options_are_arq_s() -> None:
    known = shape(Worker.__init__)
    used = {
        "functions": (),
        "max_jobs": 10,
        "job_completion_wait": 0,
        "job_timeout": 300,
        "job_serializer": None,
        "job_deserializer": None,
        "log_results": True,
        "handle_signals": True,
        "cron_jobs": None,
        "on_startup": None,
        "on_shutdown": None,
        "on_job_start": None,
        "on_job_end": None,
        "ctx": None,
    }
    assert {name: known[name] for name in used} == used


def test_a_packed_job_is_unpacked() -> None:
    packed = arq_jobs.serialize_job("f", ("k",), {}, None, 5, serializer=serialize)
    name, args, kwargs, *rest = arq_jobs.deserialize_job_raw(packed, deserializer=deserialize)
    assert (name, list(args), kwargs, rest) == ("f", ["k"], {}, [None, 5])


def test_functions_are_arq_s_own() -> None:
    async def nothing(ctx: dict[Any, Any]) -> None: ...

    made = func(cast(Any, nothing), name="n")
    assert isinstance(made, Function)
    assert (made.name, made.coroutine) == ("n", nothing)
