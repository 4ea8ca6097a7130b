"""Pictures in requests."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

_DATA = re.compile(r"data:([\w.+/-]+);base64,(.*)\Z", re.DOTALL)


def bad_picture(source: dict[str, Any], at: str, kinds: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with data of base64 under its media type; a URL is taken."""
    if source.get("type") == "base64":
        if source.get("media_type") not in kinds:
            yield f"{at}.media_type"
        if not is_base64(source.get("data")):
            yield f"{at}.data"


def bad_url(url: Any, at: str, kinds: tuple[str, ...]) -> Iterator[str]:
    """The same of a URL, which may hold the data itself."""
    if not isinstance(url, str):
        yield at
    elif url.startswith("data:"):
        found = _DATA.match(url)
        if found is None or found[1] not in kinds or not is_base64(found[2]):
            yield at
    elif not url.startswith(("http://", "https://")):
        yield at


def is_base64(data: Any) -> bool:
    """Whether it is base64, and not nothing."""
    try:
        return bool(base64.b64decode(data, validate=True))
    except (TypeError, ValueError, binascii.Error):
        return False
