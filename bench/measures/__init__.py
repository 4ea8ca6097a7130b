"""The measures: each module answers one question, and says in its figures what it found."""

from bench.measures import cpu, fan_out, first_token, memory, resume, saturation
from bench.run import Measure

MEASURES: dict[str, Measure] = {
    "first_token": first_token.measure,
    "fan_out": fan_out.measure,  # early: memory that a load has left free would hide a reader's
    "cpu": cpu.measure,
    "memory": memory.measure,
    "resume": resume.measure,
    "saturation": saturation.measure,
}
