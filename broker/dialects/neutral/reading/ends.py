"""Ends that are none: what an answer holds is not what it says, or not all of it."""

from broker.dialects.neutral.event import Failed


def ended_by(reason: str, *, fault: bool) -> Failed:
    """The provider's reason to end is one that no other dialect has, or a fault of its own."""
    if fault:
        return Failed("provider", f"The provider ended its answer with {reason[:100]!r}.")
    message = (
        f"The answer ended for the reason {reason[:100]!r}, which can't be expressed in the "
        "caller's dialect."
    )
    return Failed("invalid_request", message, "unexpressible_answer")


def unread(field: str) -> Failed:
    """Nothing of the answer could be read, but in a field that nobody has heard of; or, if that is
    empty, the tool call that it ends with."""
    what = f"nothing but {field[:100]!r}" if field else "no tool call, though it ends with one"
    return Failed("provider", f"The provider's answer holds {what}.")
