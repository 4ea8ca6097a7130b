"""Models in addresses: what a name may be that becomes part of a provider's URL.

A name that a caller chooses must not lead out of the place that models have there, under the
operator's key: ``..`` would, and so would whatever an HTTP client, a proxy or the provider
itself reads as the end of a segment, of the path or of the method behind it.
"""

import re
from urllib.parse import quote

from broker.settings import Provider

# One segment of a path: nothing that ends it, or that anybody on the way might decode or drop.
_SEGMENT = re.compile(r"[^\x00-\x20\x7f/\\?#%:;]+")
_COLLECTIONS = ("models", "tunedModels")  # of Google's API, which hold models and nothing else


def in_address(provider: Provider) -> bool:
    """Whether a model of this provider is part of an address; libraries put it into one."""
    return provider.dialect == "gemini" or provider.library is not None


def is_path(model: str, dialect: str) -> bool:
    """Whether a name that a caller chose can be a model's where it is part of an address."""
    segments = model.split("/")
    if dialect == "gemini" and len(segments) > 1:
        return len(segments) == 2 and segments[0] in _COLLECTIONS and is_segment(segments[1])
    return all(_is_part(each) for each in segments)


def is_segment(text: str) -> bool:
    """Whether it can be one segment of a path."""
    return _SEGMENT.fullmatch(text) is not None and text not in (".", "..")


def segment(text: str) -> str:
    """The text as one segment of a path.

    Raises:
        ValueError: it can be none.
    """
    if not text or text in (".", ".."):
        raise ValueError("This can be no segment of a path.")
    return quote(text, safe="")


def path(model: str) -> str:
    """A model's name as a path, each part of it one segment.

    Raises:
        ValueError: a part can be none.
    """
    return "/".join(map(segment, model.split("/")))


def _is_part(text: str) -> bool:
    """The same, but for colons: Bedrock has them in its models' names."""
    return is_segment(text.replace(":", "-"))
