"""What a provider's error says, whatever the shape it comes in.

OpenAI's and Anthropic's ``{"error": {…}}``; the fields bare; a list of such (Google); ``detail`` as
a sentence, an object, or a list of places and complaints (FastAPI, and so vLLM and its kin);
``errors``; an ``error`` or a ``message`` that holds another error as JSON (relays); a page, or a
line of text. The innermost sentence is the one that says most, and the codes and types of all
layers are kept: see ``broker.blame``, which reads them.
"""

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

_DEEPEST = 20  # layers of errors in errors
_MOST = 5  # complaints of a list that are told
_WORD = re.compile(r"[A-Za-z][\w.\-]{0,199}\Z", re.ASCII)
_TITLE = re.compile(r"<(title|h1|message)\b[^>]*>([^<]*)</\1\s*>", re.IGNORECASE)
_VALUE = re.compile(r"(null|true|false|-?[\d.]+)\Z", re.ASCII)  # JSON, but no sentence
_EVENT_DATA = re.compile(r"^data:(.*)$", re.MULTILINE)

# Keys, those first that say most. What holds another error:
_HOLDERS = ("error", "errors", "detail", "Error", "fault", "innererror", "inner_error", "message")
_SENTENCES = (
    *("message", "Message", "msg", "error_message", "errorMessage", "error_msg"),
    *("error_description", "detail", "details", "description", "faultstring", "reason", "title"),
)
_CODES = ("code", "Code", "error_code", "errorCode", "__type")
_WORDS = (*_CODES, "type", "status", "reason", "error_type", "errorType", "object")
_PLACES = ("body", "query", "path", "header")  # FastAPI's word for where a place is


class Said(NamedTuple):
    """``code`` is text, of a number too; ``param`` the path of what is wrong, where that is told.

    ``words`` are the codes, types and statuses of every layer. ``spoken``: it is JSON, as an API
    answers; else it is a page, a text or nothing, and comes from whatever stands before one.
    """

    message: str | None = None
    code: str | None = None
    param: str | None = None
    words: frozenset[str] = frozenset()
    spoken: bool = False


_NOTHING = Said()


def said_in(body: bytes) -> Said:
    """What the body of an error says; it may be cut short."""
    text = body.decode("utf-8-sig", "replace").strip()
    value = _decoded(text)
    if value is None and (data := _EVENT_DATA.findall(text)):
        value = _decoded("\n".join(data).strip())
    if value is not None:
        return said_by(value)
    if text.startswith("<"):
        found = _TITLE.search(text)
        title = " ".join(html.unescape(found[2]).split()) if found else ""
        return Said(message=title or None)
    # JSON that was cut short is no sentence.
    mute = not text or text[0] in '{["' or _VALUE.match(text)
    return _NOTHING if mute else Said(message=text)


def said_by(value: Any) -> Said:
    """What a decoded error says: the body, or the object that stands for it in a stream."""
    return _read(value, _DEEPEST)._replace(spoken=True)


def _decoded(text: str) -> Any:
    """The first JSON value of a text that is an object, a list or a text; None if there is none."""
    if text[:1] not in ("{", "[", '"'):
        return None
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def _read(value: Any, depth: int) -> Said:
    if not depth:
        return _NOTHING
    if isinstance(value, str):
        return _of_text(value, depth)
    if isinstance(value, list):
        return _of_list(value, depth)
    return _of_object(value, depth) if isinstance(value, dict) else _NOTHING


def _of_text(text: str, depth: int) -> Said:
    inner = _decoded(text.strip()) if text.lstrip()[:1] in ("{", "[") else None
    found = _read(inner, depth - 1) if isinstance(inner, dict | list) else _NOTHING
    return found if found.message else found._replace(message=text.strip() or None)


def _of_list(values: list[Any], depth: int) -> Said:
    """Complaints: each with its place, or an error each."""
    found = [
        said
        for said in (_located(each) or _read(each, depth - 1) for each in values)
        if said.message or said.words
    ]
    told = list(dict.fromkeys(said.message for said in found if said.message))
    message = "; ".join(told[:_MOST])
    if len(told) > _MOST:
        message += f" (and {len(told) - _MOST} more)"
    return Said(
        message or None,
        _first(said.code for said in found),
        _first(said.param for said in found),
        frozenset().union(*(said.words for said in found)),
    )


def _located(value: Any) -> Said | None:
    """FastAPI's complaint: a place and a sentence. The ``input`` beside it is the caller's."""
    if not isinstance(value, dict) or "loc" not in value:
        return None
    message, place = value.get("msg") or value.get("message"), _path(value["loc"])
    text = message if isinstance(message, str) and message else None
    if text and place:
        text = f"{place}: {text}"
    return Said(text, None, place, frozenset(_words_of(value)))


def _path(loc: Any) -> str | None:
    """``["body", "messages", 0, "role"]`` as ``messages[0].role``."""
    if not isinstance(loc, list | tuple):
        return loc if isinstance(loc, str) and loc else None
    steps = list(loc)
    if len(steps) > 1 and steps[0] in _PLACES and isinstance(steps[1], str):
        del steps[0]
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        elif isinstance(step, str):
            path += f".{step}" if path else step
    return path or None


def _of_object(fields: Mapping[str, Any], depth: int) -> Said:
    inner = _inner(fields, depth)
    own = _first(_texts(fields, _SENTENCES))
    error = fields.get("error")
    if isinstance(error, str):  # the sentence itself, or a word beside one
        own = own or error
    words = frozenset(_words_of(fields)) | inner.words
    code = inner.code or _first(_codes(fields))
    if code is None and own and isinstance(error, str) and own != error and _WORD.match(error):
        code = error
    param = _first(_texts(fields, ("param", "field"))) or inner.param or _violation(fields)
    return _with_raw(fields, depth, Said(inner.message or own, code, param, words))


def _inner(fields: Mapping[str, Any], depth: int) -> Said:
    """What stands in the errors that this one holds, those first that say something."""
    message = code = param = None
    words: frozenset[str] = frozenset()
    for key in _HOLDERS:
        value = fields.get(key)
        if isinstance(value, str) and value.lstrip()[:1] not in ("{", "["):
            continue
        said = _read(value, depth - 1)
        message, code, param = message or said.message, code or said.code, param or said.param
        words |= said.words
    return Said(message, code, param, words)


def _with_raw(fields: Mapping[str, Any], depth: int, said: Said) -> Said:
    """With what a router keeps of the error that it was given itself (OpenRouter)."""
    metadata = fields.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if isinstance(raw, str) and raw.lstrip().startswith("<"):
        return said  # a page
    inner = _read(raw, depth - 1)
    if isinstance(metadata, dict) and "flagged_input" in metadata:
        said = said._replace(words=said.words | {"flagged_input"})
    message = said.message
    if inner.message and inner.message != message:
        message = f"{message.rstrip('.:')}: {inner.message}" if message else inner.message
    return Said(
        message, inner.code or said.code, said.param or inner.param, said.words | inner.words
    )


def _violation(fields: Mapping[str, Any]) -> str | None:
    """The field that Google says is at fault."""
    for detail in _objects(fields.get("details")):
        for violation in _objects(detail.get("fieldViolations")):
            if isinstance(field := violation.get("field"), str) and field:
                return field
    return None


def _codes(fields: Mapping[str, Any]) -> Iterator[str]:
    for key in _CODES:
        value = fields.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            yield str(value)
        elif isinstance(value, str) and value:
            yield _bare(value) if key == "__type" else value


def _words_of(fields: Mapping[str, Any]) -> Iterator[str]:
    for key in _WORDS:
        if isinstance(value := fields.get(key), str) and value:
            yield _bare(value) if key == "__type" else value
    if isinstance(error := fields.get("error"), str) and _WORD.match(error):
        yield error
    for detail in _objects(fields.get("details")):
        yield from _texts(detail, ("reason",))


def _bare(shape: str) -> str:
    """The name of an error of AWS, which may come with a namespace before and a link behind it."""
    return shape.rpartition("#")[2].partition(":")[0]


def _texts(fields: Mapping[str, Any], keys: Iterable[str]) -> Iterator[str]:
    for key in keys:
        value = fields.get(key)
        if isinstance(value, str) and value.strip() and value.lstrip()[:1] not in ("{", "["):
            yield value.strip()


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    return (
        (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())
    )


def _first(values: Iterable[str | None]) -> str | None:
    return next((each for each in values if each), None)
