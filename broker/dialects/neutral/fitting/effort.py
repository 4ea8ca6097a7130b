"""How hard to think, in the words that a model takes."""

from broker.dialects.neutral.losing import lose_setting
from broker.dialects.neutral.request import Reasoning, Request
from broker.settings.takes import Takes

_SCALE = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_LOW, _MEDIUM = 4096, 12288  # tokens; a larger budget is a high effort


def nearest(effort: str, efforts: tuple[str, ...]) -> str:
    """The effort, or of these the next lower one, or else the lowest."""
    if effort in efforts:
        return effort
    place = _SCALE.index(effort)
    lower = [each for each in efforts if each != "none" and _SCALE.index(each) < place]
    return lower[-1] if lower else next(each for each in efforts if each != "none")


def effort_of(reasoning: Reasoning | None) -> str | None:
    """The effort that OpenAI's dialects ask for; a budget is put into one."""
    if reasoning is None:
        return None
    if reasoning.on is False:
        return "none"
    if reasoning.effort is None and reasoning.budget is not None:
        if reasoning.budget <= _LOW:
            return "low"
        return "medium" if reasoning.budget <= _MEDIUM else "high"
    return "xhigh" if reasoning.effort == "max" else reasoning.effort


def fitting_effort(reasoning: Reasoning | None, takes: Takes) -> str | None:
    """The same in the words that the model takes.

    Raises:
        Unexpressible: it has none for it, and nobody collects losses.
    """
    effort = effort_of(reasoning)
    if effort is None or takes.efforts is None:
        return effort
    if not takes.efforts:  # it does not think, whatever is asked
        if effort != "none":
            lose_effort(effort, "this model does not think")
        return None
    if effort == "none" and "none" not in takes.efforts:
        lose_effort(effort, "this model always thinks")
        return takes.efforts[0]
    return nearest(effort, takes.efforts)


def lose_effort(effort: str | None, why: str) -> None:
    """Go on without this effort, or without any."""
    lose_setting("effort", effort, why, "reasoning", "value")


def forces_a_tool(request: Request) -> bool:
    """Whether its tool choice insists on a call."""
    return bool(request.tools) and request.tool_choice not in (None, "auto", "none")
