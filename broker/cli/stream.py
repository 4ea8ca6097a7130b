"""``streamhold submit`` and ``streamhold tail``: a job's text in the terminal.

Text goes to stdout and everything else to stderr. Ctrl-C leaves the job running and says
how to go on from there.
"""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

import click
import msgspec

from broker.cli.client import DEFAULT_API, ApiError, Client, api_options
from broker.cli.events import Event
from broker.cli.program import own_name
from broker.errors import BadRequestId
from broker.model import check_request_id, new_request_id

_INTERRUPTED = 130  # as shells have it: 128 + SIGINT


@click.command()
@click.argument("prompt")
@click.option("--model", metavar="MODEL", help="A route or PROVIDER/MODEL.  [default: the first]")
@click.option("--id", "request_id", metavar="ID", help="The job's request id; else one is made.")
@click.option("--no-wait", is_flag=True, help="Print the request id and leave.")
@api_options
def submit(
    prompt: str, model: str | None, request_id: str | None, no_wait: bool, api: str, key: str | None
) -> None:
    """Submit PROMPT (- reads it from stdin) and stream the answer.

    The same --id again attaches to the same job, whose provider is not called twice.
    """
    if prompt == "-":
        prompt = sys.stdin.read()
    view = _View(_checked(request_id or new_request_id()), api)
    _run(view, _submit(view, prompt, model, no_wait, key))


@click.command()
@click.argument("request_id")
@click.option(
    "--after", type=click.IntRange(0), default=0, metavar="N", help="Go on after this cursor."
)
@click.option("--raw", is_flag=True, help="Print the events themselves.")
@api_options
def tail(request_id: str, after: int, raw: bool, api: str, key: str | None) -> None:
    """Follow the stream of the job REQUEST_ID from its start, or from a cursor, to its end."""
    view = _View(_checked(request_id), api, cursor=after, raw=raw)
    _run(view, _tail(view, key))


class _View:
    """Prints events, and remembers how far it got."""

    def __init__(self, request_id: str, api: str, cursor: int = 0, raw: bool = False) -> None:
        self.request_id = request_id
        self.api = api
        self.cursor = cursor
        self.raw = raw
        self.accepted = False  # whether there is a job to come back to
        self.failure: str | None = None

    def show(self, event: Event) -> None:
        """Print one event, and note its cursor once it is printed."""
        click.echo(event.raw if self.raw else _text(event), nl=False)
        if event.id is not None:
            self.cursor = event.id
        if event.event == "end":
            self._end(event)

    def _end(self, event: Event) -> None:
        if not self.raw:
            click.echo()
        summary = _decode(event.data)
        state = summary.get("state")
        if state != "completed":
            error = summary.get("error")
            why = error.get("message") if isinstance(error, dict) else None
            self.failure = f"{str(state).capitalize()}: {why or 'the job has no answer.'}"


async def _submit(
    view: _View, prompt: str, model: str | None, no_wait: bool, key: str | None
) -> None:
    async with Client(view.api, key, _say) as client:
        request = {
            "model": model or await _first_model(client),
            "messages": [{"role": "user", "content": prompt}],
            "stream": True,
        }
        body = {"request_id": view.request_id, "dialect": "chat", "request": request}
        await client.submit(body)
        view.accepted = True
        if no_wait:
            click.echo(view.request_id)
            return
        click.echo(f"request id: {view.request_id}", err=True)
        await _follow(client, view)


async def _tail(view: _View, key: str | None) -> None:
    view.accepted = True
    async with Client(view.api, key, _say) as client:
        await _follow(client, view)


async def _follow(client: Client, view: _View) -> None:
    async for event in client.follow(view.request_id, view.cursor):
        view.show(event)


async def _first_model(client: Client) -> str:
    listed = await client.call("GET", "/v1/models")
    names = [str(model["id"]) for model in listed.get("data", [])]
    if not names:
        raise ApiError("The API lists no models; name one with --model.")
    return names[0]


def _say(text: str) -> None:
    click.echo(f"\n[{text}]", err=True)


def _run(view: _View, work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        if view.accepted:
            where = "" if view.api == DEFAULT_API else f" --api {view.api}"
            onward = f"{own_name()} tail {view.request_id} --after {view.cursor}{where}"
            click.echo(f"\nThe job goes on. Come back with:  {onward}", err=True)
        raise SystemExit(_INTERRUPTED) from None
    if view.failure is not None:
        raise ApiError(view.failure)


def _checked(request_id: str) -> str:
    try:
        return check_request_id(request_id)
    except BadRequestId as error:
        raise click.BadParameter(error.message) from error


def _decode(data: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


class _Said(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Said | None = None
    message: _Said | None = None  # a whole answer in one frame


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []


_CHUNKS = msgspec.json.Decoder(_Chunk)


def _text(event: Event) -> str:
    """What the first choice says in this event."""
    if event.event != "message":
        return ""
    try:
        chunk = _CHUNKS.decode(event.data)
    except msgspec.MsgspecError:
        return ""
    said = (choice.delta or choice.message for choice in chunk.choices if choice.index == 0)
    return "".join(each.content or "" for each in said if each)
