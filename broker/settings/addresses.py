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


def is_path(model: str, provider: Provider) -> bool:
    """Whether a name can be part of this provider's addresses."""
    if provider.library is not None:  # Bedrock has colons in its models' names
        model = model.replace(":", "-")
    return all(_is_segment(each) for each in model.split("/"))


def is_model(model: str, provider: Provider) -> bool:
    """The same of a name that a caller chose: it leads to a model, and to nothing else there."""
    place, slash, _ = model.rpartition("/")
    if provider.dialect == "gemini" and slash and place not in _COLLECTIONS:
        return False
    return is_path(model, provider)


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


def _is_segment(text: str) -> bool:
    return _SEGMENT.fullmatch(text) is not None and text not in (".", "..")
