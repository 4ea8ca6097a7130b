"""A request's headers, as they came in.

Starlette's own mapping takes each name and value anew with every look into it, and answers for
one that lacks with an exception: for a call's few headers that costs more than reading its body.
"""

from starlette.requests import HTTPConnection


def header(request: HTTPConnection, name: bytes) -> str | None:
    """The header's text, the first where there are several. ``name`` is in lower case."""
    for own, value in request.scope["headers"]:
        if own == name:
            text: str = value.decode("latin-1")
            return text
    return None
