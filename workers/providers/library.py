"""A provider that is called through a library: Bedrock, Vertex AI, and whom else it knows.

The library is asked in the chat dialect and answers in it, chunk by chunk, so that a job of
any dialect can be answered. What it can't be trusted with is done here:

    an end without a finish reason   a cut: the library would invent a ``stop``
    usage that the provider never gave   dropped: the library would estimate it
    fields that it takes for its own     refused: a caller could send a key to another host
    pictures and tools to be fetched     refused: the worker would fetch them
    silence                              the watchdogs of the settings

Connecting can't be told from waiting here: ``connect`` is part of ``first_token``.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from types import ModuleType
from typing import Any

import msgspec

from broker.dialects.posted import flagged
from broker.frames import Frame
from broker.model import Failure
from broker.settings import Provider as ProviderSettings
from broker.settings import Secret
from workers.providers import failures
from workers.providers.base import Call, Held, ProviderFailure, Reply, Sink
from workers.providers.chat_decoder import ChatDecoder, decode_whole
from workers.providers.library_failures import failure_of
from workers.providers.splitter import SseEvent
from workers.providers.watchdog import Watchdog

_PASSED = frozenset(
    (
        *("audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs"),
        *("max_completion_tokens", "max_tokens", "messages", "modalities", "parallel_tool_calls"),
        *("prediction", "presence_penalty", "reasoning_effort", "response_format", "seed", "stop"),
        *("temperature", "thinking", "tool_choice", "tools", "top_logprobs", "top_p", "user"),
        "verbosity",
    )
)
# They leave the answer as it is, or are said in another way.
_IGNORED = frozenset(("metadata", "model", "n", "safety_identifier", "store", "stream"))
_NOTHING: tuple[Any, ...] = (None, [], {})
_DONE = SseEvent(b"", b"[DONE]")


class LibraryProvider:
    """One account of a provider; keeps nothing of a call."""

    resumes = False

    def __init__(
        self, name: str, provider: ProviderSettings, key: Secret | None, library: ModuleType
    ) -> None:
        self._vendor = provider.vendor or name
        self._provider = provider
        self._key = None if key is None else key.reveal().strip()
        self._library = library

    async def stream(
        self, call: Call, reply: Reply, sink: Sink | None = None
    ) -> AsyncGenerator[list[Frame], None]:
        """See ``base.Provider``. The library wakes a task for each chunk: no use for a sink."""
        streams = self._provider.streams and call.wants_stream
        asked = self._asked(call, streams)
        run = _Run(call, self._library, self._key)
        try:
            answer = await run.step(self._library.acompletion(**asked))
            if not streams:
                frames = [decode_whole(_encoded(answer), reply)]
                reply.first_token = run.elapsed
                yield frames
                return
            run.answer = answer
            decoder = ChatDecoder(reply)
            async with aclosing(run.events()) as events:
                async for event in events:
                    frames = decoder.feed([event])
                    if frames:
                        if reply.first_token is None:
                            reply.first_token = run.elapsed
                        yield frames
                    if decoder.failure is not None:
                        raise ProviderFailure(decoder.failure)
        finally:
            await run.close()

    def knows(self, held: Held) -> bool:
        """See ``base.Provider``: no library can attach to a call."""
        return False

    async def stop(self, call: Call) -> None:
        """See ``base.Provider``: no call goes on without us."""

    def _asked(self, call: Call, streams: bool) -> dict[str, Any]:
        """The library's arguments.

        Raises:
            ProviderFailure: the request has something that must not be passed to it.
        """
        request = flagged(call.request, call.partial)
        fields = {key: value for key, value in request.items() if value not in _NOTHING}
        _refuse_foreign(fields)
        asked = {key: value for key, value in fields.items() if key in _PASSED}
        asked |= {
            **self._provider.options,
            "messages": request.get("messages", []),
            "model": f"{self._vendor}/{call.model}",
            "stream": streams,
            "max_retries": 0,
            "num_retries": 0,
            "timeout": call.timeouts.total,
            "_skip_mcp_handler": True,  # it would import a package for any tool
        }
        if streams:
            asked["stream_options"] = {"include_usage": True}
        if self._key is not None:
            asked["api_key"] = self._key
        if self._provider.base_url:
            asked["api_base"] = self._provider.base_url
        return asked


class _Run:
    """One call: its steps under the watchdogs, and the stream that has to be closed."""

    def __init__(self, call: Call, library: ModuleType, key: str | None) -> None:
        self.answer: Any = None
        self._library = library
        self._key = key
        self._began = False
        self._loop = asyncio.get_running_loop()
        self._clock: asyncio.Timeout | None = None  # of the step that is waited for
        self._watch = Watchdog(self._loop, call.timeouts)
        self._watch.sent()
        self._watch.watch(self._expire)

    @property
    def elapsed(self) -> float:
        return self._watch.elapsed

    async def step(self, awaited: Any) -> Any:
        """What the library gives, or None at the end of its stream.

        Raises:
            ProviderFailure: it raised, or a watchdog ran out.
        """
        self._watch.resume()
        try:
            async with asyncio.timeout(None) as self._clock:
                if self._watch.expired:
                    self._expire()
                return await awaited
        except StopAsyncIteration:
            return None
        except TimeoutError as error:
            if self._watch.expired is None:
                raise ProviderFailure(failures.cut()) from error
            raise ProviderFailure(failures.timed_out(self._watch.expired)) from error
        except Exception as error:
            failure = failure_of(self._library, error, self._began, self._key)
            raise ProviderFailure(failure) from error
        finally:
            self._clock = None
            self._watch.pause()

    async def events(self) -> AsyncGenerator[SseEvent, None]:
        """The answer as the events that a provider would have sent.

        Raises:
            ProviderFailure: as ``step``, or the answer ended without having come to an end.
        """
        while (chunk := await self.step(self.answer.__anext__())) is not None:
            fields = chunk.model_dump(exclude_none=True)
            if _ends(fields) and not self._ended:
                raise ProviderFailure(failures.cut())
            if (usage := fields.get("usage")) is not None and not _says(fields):
                if not self._measured:
                    continue
                fields = {**fields, "choices": [], "usage": usage}
            self._began = True
            self._watch.progress(1)
            yield SseEvent(b"", msgspec.json.encode(_completed(fields)))
        if not self._ended:
            raise ProviderFailure(failures.cut())
        yield _DONE

    @property
    def _ended(self) -> bool:
        """Whether the provider itself gave a finish reason."""
        answer = self.answer
        return bool(answer.received_finish_reason or answer.intermittent_finish_reason)

    @property
    def _measured(self) -> bool:
        """Whether the provider itself gave usage."""
        return any(getattr(chunk, "usage", None) is not None for chunk in self.answer.chunks)

    def _expire(self) -> None:
        if self._clock is not None:
            self._clock.reschedule(self._loop.time())

    async def close(self) -> None:
        """Close the connection, whatever the library still holds of it."""
        self._watch.stop()
        if self.answer is not None:
            await self.answer.aclose()


def _ends(fields: Mapping[str, Any]) -> bool:
    return any(choice.get("finish_reason") for choice in fields.get("choices", ()))


def _says(fields: Mapping[str, Any]) -> bool:
    """Whether a chunk holds anything of the answer."""
    choices = fields.get("choices", ())
    return any(choice.get("finish_reason") or choice.get("delta") for choice in choices)


def _completed(fields: dict[str, Any]) -> dict[str, Any]:
    """A chunk as OpenAI's clients know it: its reason to end is there when it is none, too."""
    if not fields.get("provider_specific_fields"):
        fields.pop("provider_specific_fields", None)
    for choice in fields.get("choices", ()):
        choice.setdefault("finish_reason", None)
        choice.setdefault("delta", {})
    return fields


def _encoded(answer: Any) -> bytes:
    return msgspec.json.encode(answer.model_dump(exclude_none=True))


def _refuse_foreign(fields: Mapping[str, Any]) -> None:
    """Raise ProviderFailure over the first thing that the library must not be given."""
    for key in fields:
        if key not in _PASSED and key not in _IGNORED and key != "stream_options":
            raise _refusal(key, f"'{key}' can't be passed through a library.")
    if fields.get("n", 1) != 1:
        raise _refusal("n", "A library gives one choice.")
    if fields.get("store") is True:
        raise _refusal("store", "'store' can't be passed through a library.")
    for tool in _objects(fields.get("tools")):
        if tool.get("type", "function") != "function":
            raise _refusal("tools", "Only functions can be passed through a library.")
    for message in _objects(fields.get("messages")):
        for part in _objects(message.get("content")):
            if not _harmless(part):
                raise _refusal(
                    "messages", "Only text, audio and pictures sent as data can be passed on."
                )


def _harmless(part: Mapping[str, Any]) -> bool:
    match part.get("type"):
        case "image_url":
            image = part.get("image_url")
            url = image.get("url") if isinstance(image, dict) else image
            return isinstance(url, str) and url.startswith("data:")
        case "file":
            file = part.get("file")
            data = file.get("file_data") if isinstance(file, dict) else None
            return isinstance(data, str) and data.startswith("data:")
        case "text" | "input_audio" | "refusal" | "thinking" | "redacted_thinking":
            return True
        case _:
            return False


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _refusal(param: str, message: str) -> ProviderFailure:
    """Nobody was called; another target may do."""
    return ProviderFailure(
        Failure(
            type="invalid_request_error",
            message=message,
            status=400,
            remedy="next",
            code="unexpressible",
            param=param,
        )
    )
