"""A provider's list of models: how each dialect is asked for it, and what the answers say.

What is not a model's name for us, too long or not printable, is left out, and so is whatever can't
be read: a list is a help, and its provider's word for anything else.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from broker.dialects.messages.request import VERSION
from broker.dialects.model_name import LONGEST_MODEL
from broker.settings import Provider, Secret

_PAGE = 1000  # models that are asked for at once
_LONGEST_PLACE = 1000  # characters of where a page begins
# What providers call the number of tokens that a model takes, in this order.
_WINDOWS = (
    *("context_length", "context_window", "max_context_length", "max_model_len"),
    *("max_input_tokens", "inputTokenLimit"),
)


class Listed(msgspec.Struct, frozen=True, array_like=True):
    """A model. ``created`` is Unix seconds, ``window`` tokens; both may be unknown."""

    id: str
    created: int | None = None
    window: int | None = None


class Page(NamedTuple):
    """A part of a list, and where the next part begins; None after the last one."""

    models: list[Listed]
    after: str | None = None


def is_listing(provider: Provider) -> bool:
    """Whether there is a way to ask this provider for its models."""
    return provider.library is None


def question(
    provider: Provider, key: Secret | None, after: str | None
) -> tuple[str, dict[str, str]]:
    """The address and the headers that ask for a page."""
    text = key.reveal().strip() if key is not None else ""
    headers = {"Accept": "application/json", "User-Agent": "streamhold"}
    place = quote(after or "", safe="")
    match provider.dialect:
        case "messages":
            query = f"?limit={_PAGE}" + (f"&after_id={place}" if after else "")
            headers["anthropic-version"] = VERSION
            own = {"x-api-key": text}
        case "gemini":
            query = f"?pageSize={_PAGE}" + (f"&pageToken={place}" if after else "")
            own = {"x-goog-api-key": text}
        case _:  # OpenAI's list is one page; others have been seen to take its usual parameter
            query = f"?after={place}" if after else ""
            bearer = provider.key_header.lower() == "authorization"
            own = {provider.key_header: f"Bearer {text}" if bearer else text}
    headers |= own if text else {}
    return provider.base_url.rstrip("/") + "/models" + query, {**headers, **provider.headers}


def read(provider: Provider, body: bytes | bytearray) -> Page:
    """The page in an answer.

    Raises:
        ValueError: it is none.
    """
    try:
        answer = msgspec.json.decode(body)
    except RecursionError as error:
        raise ValueError("It is nested too deep.") from error
    fields = answer if isinstance(answer, dict) else {}
    rows = answer if isinstance(answer, list) else fields.get("data", fields.get("models"))
    if not isinstance(rows, list):
        raise ValueError("It has no list of models.")
    found = [_listed(row, provider.dialect) for row in rows if isinstance(row, dict)]
    models = [each for each in found if each is not None]
    if provider.dialect == "gemini":
        after = fields.get("nextPageToken")
    else:
        after = fields.get("last_id") if fields.get("has_more") is True else None
    here = isinstance(after, str) and 0 < len(after) <= _LONGEST_PLACE
    return Page(models, after if here else None)


def _listed(row: Mapping[str, Any], dialect: str) -> Listed | None:
    name = row.get("name") if dialect == "gemini" else row.get("id")
    if not isinstance(name, str) or not name.isprintable():
        return None
    if dialect == "gemini":
        methods = row.get("supportedGenerationMethods")
        if isinstance(methods, list) and "generateContent" not in methods:
            return None  # it embeds, say
        name = name.removeprefix("models/")
    if not 0 < len(name) <= LONGEST_MODEL or "*" in name:
        return None
    created = _whole(row.get("created")) or _seconds(row.get("created_at"))
    window = next(filter(None, (_whole(row.get(field)) for field in _WINDOWS)), None)
    return Listed(name, created, window)


def _whole(value: Any) -> int | None:
    """A count, or Unix seconds; None if it says nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**53:
        return None
    return int(value) if math.isfinite(value) else None


def _seconds(text: Any) -> int | None:
    """The Unix seconds of a date in RFC 3339."""
    if not isinstance(text, str):
        return _whole(text)
    try:
        return max(0, int(datetime.fromisoformat(text).timestamp())) or None
    except (ValueError, OverflowError, OSError):
        return None
