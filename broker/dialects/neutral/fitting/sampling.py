"""Temperature, top_p, top_k and penalties, as a model takes them.

A value that is the default anyway is left out where a model takes none; any other is lost by its
name.
"""

import msgspec

from broker.dialects.neutral.losing import lose_setting
from broker.dialects.neutral.request import Request
from broker.settings.takes import Takes

_DEFAULT = 1.0  # of temperature and top_p
_WHY = "this model takes no other than its own"
_BESIDE = "this model takes none while it thinks"
_BOTH = "this model does not take it beside a temperature"


def with_fitting_sampling(request: Request, takes: Takes, *, thinks: bool) -> Request:
    """The request with what the model takes of these; ``thinks``: it is asked to.

    Raises:
        Unexpressible: something is not taken, and nobody collects losses.
    """
    request = _within(request, takes)
    if takes.sampling is False:
        request = _without(request, _WHY)
    elif thinks and takes.sampling_beside_thinking is False:
        request = _without(request, _BESIDE, takes.top_p_beside_thinking)
    if takes.temperature_beside_top_p is False and None not in (request.temperature, request.top_p):
        request = _one_of_both(request)
    if takes.penalties is False:
        request = _without_penalties(request)
    return request


def _within(request: Request, takes: Takes) -> Request:
    most, temperature = takes.temperature_most, request.temperature
    if most is None or temperature is None or temperature <= most:
        return request
    lose_setting("temperature", temperature, f"above {most} it has none", kind="value")
    return msgspec.structs.replace(request, temperature=most)


def _without(request: Request, why: str, top_p_least: float | None = None) -> Request:
    if request.temperature not in (None, _DEFAULT):
        lose_setting("temperature", request.temperature, why, kind="value")
    if request.top_k is not None:
        lose_setting("top_k", request.top_k, why)
    top_p = request.top_p
    if top_p is not None and top_p_least is not None and top_p_least <= top_p <= _DEFAULT:
        return msgspec.structs.replace(request, temperature=None, top_k=None)
    if top_p not in (None, _DEFAULT):
        lose_setting("top_p", top_p, why, kind="value")
    return msgspec.structs.replace(request, temperature=None, top_p=None, top_k=None)


def _one_of_both(request: Request) -> Request:
    if request.temperature == _DEFAULT:
        return msgspec.structs.replace(request, temperature=None)
    if request.top_p != _DEFAULT:
        lose_setting("top_p", request.top_p, _BOTH, kind="value")
    return msgspec.structs.replace(request, top_p=None)


def _without_penalties(request: Request) -> Request:
    for name in ("frequency_penalty", "presence_penalty"):
        if value := getattr(request, name):
            lose_setting(name, value, "this model has none", "penalties")
    return msgspec.structs.replace(request, frequency_penalty=None, presence_penalty=None)
