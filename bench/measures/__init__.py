"""The measures: each module answers one question, and says in its figures what it found."""

from bench.measures import (
    ceiling,
    cpu,
    fan_out,
    first_token,
    growth,
    idle_readers,
    idle_streams,
    long_calls,
    memory,
    resume,
    rising_load,
    saturation,
    sidecar,
    token_latency,
)
from bench.run import Measure

MEASURES: dict[str, Measure] = {
    "ceiling": ceiling.measure,
    "first_token": first_token.measure,
    # Early: memory that another load has left free would hide what a reader takes.
    "idle_readers": idle_readers.measure,
    "idle_streams": idle_streams.measure,
    "fan_out": fan_out.measure,
    "token_latency": token_latency.measure,
    "cpu": cpu.measure,
    "sidecar": sidecar.measure,
    "rising_load": rising_load.measure,
    "memory": memory.measure,
    "resume": resume.measure,
    "saturation": saturation.measure,
    "long_calls": long_calls.measure,
    "growth": growth.measure,  # last: on a machine that is too slow its streams go on for a while
}
