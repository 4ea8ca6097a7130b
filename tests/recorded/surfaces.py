"""How each surface is asked, and what of a recorded stream it must show."""

import json
from collections.abc import Iterator
from typing import Any

from tests.recorded.reading import Event, events_of, exactly
from tests.recorded.stream import Recorded

PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}
_ANSWERED = {"id", "previous_response_id", "background", "store"}  # what was asked here, not there
_ENDS = ("response.completed", "response.incomplete", "response.failed")
_DONE = "response.output_item.done"


def request(dialect: str, model: str, text: str, **more: Any) -> dict[str, Any]:
    """A call of this dialect whose one message is the text."""
    said = [{"role": "user", "content": text}]
    if dialect == "chat":
        usage = {"stream_options": {"include_usage": True}} if more.get("stream") else {}
        return {"model": model, "messages": said, **usage, **more}
    if dialect == "messages":
        return {"model": model, "max_tokens": 9, "messages": said, **more}
    return {"model": model, "input": text, **more}


def owed(dialect: str, stream: Recorded) -> list[Any]:
    """What a reader of the stream's own dialect is owed, event by event, a bare terminal apart."""
    found = list(_up_to_the_end(dialect, events_of(stream.body)))
    if dialect == "responses" and found:
        found[-1] = _with_items(found)
    return [_said(dialect, event) for event in found]


def _with_items(events: list[Event]) -> Event:
    """The last event; of an end that names no items, with those that were done."""
    last = events[-1]
    told = json.loads(last.data)
    if last.name not in _ENDS[:2] or told["response"].get("output") != []:
        return last
    done = [json.loads(event.data) for event in events if event.name == _DONE]
    told["response"]["output"] = [each["item"] for each in sorted(done, key=_place)]
    return last._replace(data=json.dumps(told).encode())


def _place(done: dict[str, Any]) -> int:
    return int(done["output_index"])


def told(dialect: str, events: list[Event]) -> list[Any]:
    """What a reader was told, in the same terms, a bare terminal apart."""
    events = _with_one_end(events)
    kept = [each for each in events if not _is_terminal(dialect, each) or _says_more(each)]
    return [_said(dialect, event) for event in kept]


def terminals(dialect: str, events: list[Event]) -> list[str]:
    """The ends that a reader saw: ``completed`` or ``failed`` each."""
    found = []
    for event in _with_one_end(events):
        if _is_terminal(dialect, event):
            found.append("failed" if event.name == "error" else "completed")
        elif dialect == "responses" and event.name in _ENDS:
            found.append("failed" if event.name == _ENDS[2] else "completed")
    return found


def _with_one_end(events: list[Event]) -> list[Event]:
    """The events; of the two by which a response that failed ends, the first alone."""
    names = [event.name for event in events[-2:]]
    return events[:-1] if names == ["error", "response.failed"] else events


def _is_terminal(dialect: str, event: Event) -> bool:
    ends = {"chat": event.data == b"[DONE]", "messages": event.name == "message_stop"}
    return event.name == "error" or ends.get(dialect, False)


def _up_to_the_end(dialect: str, events: list[Event]) -> Iterator[Event]:
    """The events that are part of the answer. Pings are not, nor is what follows an end."""
    for event in events:
        if event.data == b"[DONE]" and dialect == "responses":
            continue
        kind = _kind(event)
        if kind == "message_stop" and _says_more(event):
            yield event._replace(name=kind)
        if event.data == b"[DONE]" or kind == "message_stop" or kind == "error":
            return
        if dialect == "chat" and b'"error"' in event.data:
            return
        if kind != "ping":
            yield event._replace(name=kind if dialect != "chat" else "")
        if kind in _ENDS:
            return


def _says_more(event: Event) -> bool:
    """Whether a message's last event holds more than that it is the last."""
    return event.name == "message_stop" and len(exactly(event.data)[1]) > 1


def _kind(event: Event) -> str:
    if event.data == b"[DONE]":
        return ""
    fields = dict(exactly(event.data)[1])
    return event.name or str(fields.get("type", ""))


def _said(dialect: str, event: Event) -> Any:
    """An event's name and its JSON; of a response less its number, and what is the broker's."""
    value = exactly(event.data)
    if dialect != "responses":
        return event.name, value
    pairs = [pair for pair in value[1] if pair[0] not in ("sequence_number", "response_id")]
    pairs = [pair for pair in pairs if pair[0] != "type"]  # some have it in their name alone
    return event.name, [
        (key, _response(inner) if key == "response" else inner) for key, inner in pairs
    ]


def _response(value: Any) -> Any:
    kind, pairs = value
    return kind, [(key, inner) for key, inner in pairs if key not in _ANSWERED]
