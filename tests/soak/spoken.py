"""What the simulated provider would have said: known from the model's name and the prompt."""

import json
from functools import cache

import msgspec

from rig.cluster import ask
from sim.answer import compose
from sim.behaviour import parse
from sim.render import whole
from sim.request import decode
from tests.soak.verdict import texts

_HEALTHY = 1_000  # an ordinal beyond every failfirst


def could_say(model: str, prompt: str, said: str, calls: int) -> bool:
    """Whether this is the whole of one of the model's answers to so many calls."""
    ordinals = range(1, calls + 1) if parse(model).vary else (1,)
    return any(said == uncut(model, prompt, ordinal) for ordinal in ordinals)


@cache
def uncut(model: str, prompt: str, ordinal: int) -> str:
    """All that one call is answered with, had it met no fault; as JSON."""
    request = decode(msgspec.json.encode(ask(model, prompt)))
    behaviour = parse(model).at_call(_HEALTHY)
    answer = json.loads(whole(compose(request, behaviour, ordinal), behaviour))
    return texts(answer["choices"][0]["message"])
