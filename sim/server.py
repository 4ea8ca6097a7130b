"""The simulated provider's HTTP server: loopback only, its own process or inside a test's.

| | |
|---|---|
| ``POST /v1/chat/completions`` | an answer as the model's name says, see ``sim.behaviour`` |
| ``POST /v1/responses`` | the same, as a response; ``background`` goes on without its reader |
| ``GET /v1/responses/{id}`` | one in the background; ``stream``, ``starting_after`` |
| ``POST /v1/responses/{id}/cancel`` | stops one in the background; counted as aborted |
| ``POST /v1/messages`` | the same, as a message |
| ``POST /v1/messages/count_tokens`` | ``{"input_tokens"}``; not counted as a call |
| ``POST /v1/embeddings``, ``/v1/completions`` | see ``sim.passed`` |
| ``POST /v1/responses/input_tokens``, ``/compact`` | the same |
| ``POST /v1beta/models/{model}:generateContent`` | the same, as Gemini has it, and with
  ``:streamGenerateContent?alt=sse`` as events |
| ``GET /v1/models`` | the one model with a plain name |
| ``GET /sim/calls`` | ``{"total", "active", "by_model", "by_prompt", "aborted", "closed"}`` |
| ``POST /sim/reset`` | counts from nothing again |
| ``GET /healthz`` | 200 |

A client that goes away is noticed by the connection's end, not by the next write: the server
has aiohttp cancel the handler, and the cancellation is what counts as aborted.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import uvloop
from aiohttp import web

from sim import gemini, messages, passed, responses_render, responses_request
from sim.answer import CREATED, Answer, compose
from sim.background import Background, going_on
from sim.behaviour import Behaviour, BehaviourError, parse
from sim.calls import Calls
from sim.errors import answer_error, bad_key
from sim.playback import play, play_whole, refuse
from sim.render import script, whole
from sim.request import Message, RequestError, decode
from sim.responses_request import ResponsesRequest

_BAD_KEY = "sk-bad"
_MAX_BODY = 256 << 20  # bytes; above what any broker in front lets through
_GRACE = 0.05  # seconds for running calls to end by themselves when the server closes

_CALLS = web.AppKey("calls", Calls)
_RESPONSES = web.AppKey("responses", set[str])  # the ids of those that are kept
_HISTORIES = web.AppKey("histories", dict[str, list[Message]])  # of agents' models, by these ids
_BACKGROUND = web.AppKey("background", dict[str, Background])


class SimServer:
    """A running server."""

    def __init__(self, runner: web.AppRunner, host: str, port: int, calls: Calls) -> None:
        self._runner = runner
        self.host = host
        self.port = port
        self.calls = calls

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as its base URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/v1"

    async def close(self) -> None:
        """Stop listening and cut what is still running."""
        await self._runner.cleanup()


def create_app() -> web.Application:
    """The application, with counts of its own.

    Run it with ``handler_cancellation=True``, as ``start`` does; else nothing counts as aborted.
    """
    app = web.Application(client_max_size=_MAX_BODY)
    app[_CALLS] = Calls()
    app[_RESPONSES] = set()
    app[_HISTORIES] = {}
    app[_BACKGROUND] = {}
    app.on_shutdown.append(_shutdown)
    app.router.add_post("/v1/chat/completions", _chat)
    app.router.add_post("/v1/embeddings", _passed(passed.embeddings))
    app.router.add_post("/v1/completions", _passed(passed.completion))
    app.router.add_post("/v1/responses/input_tokens", _passed(passed.input_tokens))
    app.router.add_post("/v1/responses/compact", _passed(passed.compacted))
    app.router.add_post("/v1/responses", _respond)
    app.router.add_get("/v1/responses/{id}", _response)
    app.router.add_post("/v1/responses/{id}/cancel", _cancel)
    app.router.add_post("/v1/messages", _message)
    app.router.add_post("/v1/messages/count_tokens", _count_tokens)
    app.router.add_post("/v1beta/models/{model:[^/]+}:{method:[^/:]+}", _generate_content)
    app.router.add_get("/v1/models", _models)
    app.router.add_get("/sim/calls", _calls)
    app.router.add_post("/sim/reset", _reset)
    app.router.add_get("/healthz", _healthz)
    return app


async def start(host: str = "127.0.0.1", port: int = 0) -> SimServer:
    """Serve on the running loop; port 0 takes any free one.

    Raises:
        ValueError: the host is not a loopback address.
        OSError: the port is taken.
    """
    host = _loopback(host)
    app = create_app()
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_GRACE)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
    except OSError:
        await runner.cleanup()
        raise
    return SimServer(runner, host, runner.addresses[0][1], app[_CALLS])


def run(
    host: str = "127.0.0.1", port: int = 0, *, ready: Callable[[int], None] | None = None
) -> None:
    """Serve until SIGINT or SIGTERM, on a uvloop of its own; main thread only.

    ``ready`` is called with the port once the server listens.

    Raises:
        ValueError: the host is not a loopback address.
        OSError: the port is taken.
    """
    uvloop.run(_serve(host, port, ready))


async def _serve(host: str, port: int, ready: Callable[[int], None] | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = await start(host, port)
    try:
        if ready is not None:
            ready(server.port)
        await stop.wait()
    finally:
        await server.close()


def _loopback(host: str) -> str:
    """The address to bind; ``localhost`` is not looked up, for it may be anything."""
    if host == "localhost":
        return "127.0.0.1"
    if not ip_address(host).is_loopback:
        raise ValueError(f"the simulated provider binds to loopback only, not to {host}")
    return host


async def _chat(request: web.Request) -> web.StreamResponse:
    body = await request.read()
    try:
        asked = decode(body)
    except RequestError as error:
        return answer_error(request, 400, f"The request can't be read: {error}")

    async def answer(behaviour: Behaviour, ordinal: int) -> web.StreamResponse:
        made = compose(asked, behaviour, ordinal)
        if asked.stream and not behaviour.nostream:
            return await play(request, script(made, asked, behaviour), behaviour)
        return await play_whole(request, whole(made, behaviour), made, behaviour)

    return await _counted(request, asked.model, asked.prompt, answer)


async def _message(request: web.Request) -> web.StreamResponse:
    body = await request.read()
    try:
        asked = messages.decode(body)
    except RequestError as error:
        return answer_error(request, 400, f"The request can't be read: {error}")

    async def answer(behaviour: Behaviour, ordinal: int) -> web.StreamResponse:
        made = compose(asked, behaviour, ordinal)
        if asked.stream and not behaviour.nostream:
            return await play(request, messages.script(made, behaviour), behaviour)
        return await play_whole(request, messages.whole(made, behaviour), made, behaviour)

    return await _counted(request, asked.model, asked.prompt, answer)


async def _generate_content(request: web.Request) -> web.StreamResponse:
    model, method = request.match_info["model"], request.match_info["method"]
    streams = method == "streamGenerateContent"
    if not streams and method != "generateContent":
        return answer_error(request, 404, f"There is no method {method!r}.")
    if streams and request.query.get("alt") != "sse":
        return answer_error(request, 400, "Only alt=sse is streamed here.")
    try:
        asked = gemini.decode(await request.read(), model, streams=streams)
    except RequestError as error:
        return answer_error(request, 400, f"The request can't be read: {error}")

    async def answer(behaviour: Behaviour, ordinal: int) -> web.StreamResponse:
        made = compose(asked, behaviour, ordinal)
        if streams and not behaviour.nostream:
            return await play(request, gemini.script(made, behaviour), behaviour)
        return await play_whole(request, gemini.whole(made, behaviour), made, behaviour)

    return await _counted(request, model, asked.prompt, answer)


async def _count_tokens(request: web.Request) -> web.StreamResponse:
    try:
        asked = messages.decode(await request.read(), counting=True)
        behaviour = parse(asked.model)
    except (RequestError, BehaviourError) as error:
        return answer_error(request, 400, f"The request can't be read: {error}")
    if _BAD_KEY in _keys(request):
        return bad_key(request)
    refusal = await refuse(request, behaviour)
    return refusal or web.json_response({"input_tokens": asked.prompt_tokens})


def _passed(answer: passed.Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler of what is asked and answered in one step."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            asked = passed.decode(await request.read())
        except RequestError as error:
            return answer_error(request, 400, f"The request can't be read: {error}")

        async def play_it(_behaviour: Behaviour, _ordinal: int) -> web.StreamResponse:
            return web.Response(body=answer(asked), content_type="application/json")

        return await _counted(request, asked.model, asked.prompt, play_it)

    return handle


def _keys(request: web.Request) -> tuple[str, ...]:
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    named = ("x-api-key", "x-goog-api-key")
    return bearer, *(request.headers.get(name, "") for name in named)


async def _respond(request: web.Request) -> web.StreamResponse:
    body = await request.read()
    try:
        asked = responses_request.decode(body)
        chat = asked.as_chat()
    except (RequestError, ValueError) as error:
        return answer_error(request, 400, f"The request can't be read: {error}")
    known = request.app[_RESPONSES]

    async def answer(behaviour: Behaviour, ordinal: int) -> web.StreamResponse:
        if asked.previous_response_id is not None and asked.previous_response_id not in known:
            return answer_error(request, 400, "No such response.", param="previous_response_id")
        if asked.previous_response_id is not None:
            before = request.app[_HISTORIES].get(asked.previous_response_id, [])
            chat.messages[:0] = before
        made = responses_render.named(compose(chat, behaviour, ordinal))
        if asked.store is not False:
            known.add(made.id)
            if behaviour.agent:
                request.app[_HISTORIES][made.id] = chat.messages
            if asked.background:
                return await _run(request, asked, behaviour, made, chat.prompt)
        if asked.stream and not behaviour.nostream:
            told = responses_render.script(made, asked, behaviour)
            return await play(request, told, behaviour)
        told_whole = responses_render.whole(made, asked, behaviour)
        return await play_whole(request, told_whole, made, behaviour)

    return await _counted(request, asked.model, chat.prompt, answer)


async def _run(
    request: web.Request,
    asked: ResponsesRequest,
    behaviour: Behaviour,
    made: Answer,
    prompt: str,
) -> web.StreamResponse:
    """Answer in the background, and read along as far as the caller stays."""
    healthy = going_on(behaviour)
    script = responses_render.script(made, asked, healthy)
    running = Background(script, responses_render.whole(made, asked, healthy), behaviour, prompt)
    request.app[_BACKGROUND][made.id] = running
    running.start(request.app[_CALLS].going_on())
    if not asked.stream:
        return web.json_response(running.told)
    try:
        return await running.answer(request, posted=True)
    except (asyncio.CancelledError, ConnectionError):
        return web.Response()  # it goes on: nothing was aborted


async def _response(request: web.Request) -> web.StreamResponse:
    running = request.app[_BACKGROUND].get(request.match_info["id"])
    if running is None:
        return answer_error(request, 404, "No such response.")
    if request.query.get("stream") != "true":
        return web.json_response(running.told)
    try:
        return await running.answer(request, after=int(request.query.get("starting_after", "-1")))
    except ConnectionError:
        return web.Response()


async def _cancel(request: web.Request) -> web.StreamResponse:
    running = request.app[_BACKGROUND].get(request.match_info["id"])
    if running is None:
        return answer_error(request, 404, "No such response.")
    if running.cancel():
        request.app[_CALLS].count_aborted(running.prompt)
    return web.json_response(running.told)


_Answer = Callable[[Behaviour, int], Awaitable[web.StreamResponse]]


async def _counted(
    request: web.Request, model: str, prompt: str, answer: _Answer
) -> web.StreamResponse:
    """Count the call, refuse it if it is to be refused, else answer it."""
    try:
        with request.app[_CALLS].counted(model, prompt) as ordinal:
            if _BAD_KEY in _keys(request):
                return bad_key(request)
            try:
                behaviour = parse(model).at_call(ordinal)
            except BehaviourError as error:
                return answer_error(
                    request, 404, f"The model does not exist: {error}", param="model"
                )
            refusal = await refuse(request, behaviour)
            return await answer(behaviour, ordinal) if refusal is None else refusal
    except ConnectionError:  # counted; raised further, aiohttp would log it as our failure
        return web.Response()


async def _models(request: web.Request) -> web.Response:
    model = {"id": "default", "object": "model", "created": CREATED, "owned_by": "sim"}
    return web.json_response({"object": "list", "data": [model]})


async def _calls(request: web.Request) -> web.Response:
    return web.json_response(request.app[_CALLS].snapshot())


async def _reset(request: web.Request) -> web.Response:
    request.app[_CALLS].reset()
    return web.Response(status=204)


async def _healthz(request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _shutdown(app: web.Application) -> None:
    app[_CALLS].closing = True
