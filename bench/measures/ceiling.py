"""Ceilings: what the simulator and this client could do if nothing stood between them.

They are run against each other at full speed, and what each got done is divided by the CPU it
took: so much a full core of it would do. Whatever a subject reaches must lie well below both.
"""

from bench.figures import DIRECT, Figure
from bench.load import Rate, closed_loop
from bench.processes import CLIENT
from bench.run import Run

_SIM = "sim"


async def measure(run: Run) -> list[Figure]:
    """Tokens and calls a second of a core of each, and how busy each was."""
    plan, direct = run.plan, run.streamhold.direct

    async def loop(model: str) -> Rate:
        pids = {_SIM: run.streamhold.sim_pid}
        return await closed_loop(
            direct, model, plan.saturation_clients, plan.saturation_seconds, pids
        )

    batch = f"{plan.saturation_batch} a write"
    figures: list[Figure] = []
    for name, model, note in (
        ("tokens", plan.dense_model, "a write each"),
        ("tokens_batched", plan.batched_model, batch),
        ("calls", plan.short_model, "20 tokens a call"),
    ):
        rate = await loop(model)
        done = rate.calls if name == "calls" else rate.tokens
        values = {
            name: (done / rate.seconds, "1/s", note),
            f"{name}_a_simulator_core": (done / rate.used[_SIM], "1/s", ""),
            f"{name}_a_client_core": (done / rate.used[CLIENT], "1/s", ""),
            f"{name}_simulator_busy": (rate.used[_SIM] / rate.seconds * 100, "% of a core", ""),
            f"{name}_client_busy": (rate.used[CLIENT] / rate.seconds * 100, "% of a core", ""),
        }
        figures += [
            Figure(f"ceiling.{key}", unit, {DIRECT: value}, None, text)
            for key, (value, unit, text) in values.items()
        ]
    return figures
