"""What readers got of an answer that was lost on the way, against what it would have been.

The simulated provider says the same text to the same prompt and model, so the uncut answer is
known without asking for it.
"""

import asyncio
import json
from typing import Any

import msgspec

from broker.dialects.chat import fold
from broker.frames import Kind, data_frame
from broker.model import JobState, Terminal
from rig.cluster import WAIT, Cluster, ask
from rig.evidence import replay, terminal_of
from rig.sse_reader import SseReader, always
from sim.answer import compose
from sim.behaviour import parse
from sim.render import whole
from sim.request import decode
from sim.text import decoded

_TEXTS = ("content", "reasoning_content", "tool_calls")
_HEALTHY = 1_000  # an ordinal beyond every failfirst
_USAGE = {"include_usage": True}

Said = dict[str, Any]


class Witness:
    """A job read as it ran, in both views; ``call`` is the body that asks for it."""

    def __init__(self, cluster: Cluster, prompt: str, model: str) -> None:
        self.cluster = cluster
        self.prompt = prompt
        self.call = ask(model, prompt, stream_options=_USAGE)
        url = always(cluster.urls[0])
        self.chat = SseReader(cluster.session, prompt, url, self.call)
        self.native = SseReader(cluster.session, prompt, url)

    async def begin(self) -> "Witness":
        """Make the call, and read it in both views from its first event on."""
        self.chat.start()
        await self.chat.reached(lambda r: bool(r.events), WAIT)
        self.native.start()
        return self

    async def finish(self) -> Terminal:
        """Read to the end; checks all that holds of any job, and gives its terminal."""
        await self.chat.finish(WAIT)
        await self.native.finish(WAIT)
        terminal = await terminal_of(self.cluster, self.prompt)
        await self._check_replays()
        self._check_chunks(terminal)
        await self._check_attempts(terminal)
        return terminal

    @property
    def chunks(self) -> list[dict[str, Any]]:
        """What the chat view showed, its terminal apart."""
        return [json.loads(event.data) for event in self.chat.events[:-1]]

    @property
    def said(self) -> Said:
        """The message that the chunks add up to."""
        return said_to(self.chat)

    @property
    def modes(self) -> list[str]:
        """How each attempt went on, as the native view told."""
        told = [json.loads(e.data) for e in self.native.events if e.name == b"attempt"]
        return [notice.get("mode", "fresh") for notice in told]

    async def _check_replays(self) -> None:
        """A late reader gets the bytes that a live one got; no number is left out."""
        assert self.chat.connections == self.native.connections == 1
        assert [e.id for e in self.native.events] == list(range(1, len(self.native.events) + 1))
        assert self.native.transcript == await replay(self.cluster, self.prompt, 0)
        url = always(self.cluster.urls[0])
        late = SseReader(self.cluster.session, self.prompt, url, self.call)
        await late.start().finish(WAIT)
        assert self.chat.transcript == late.transcript

    def _check_chunks(self, terminal: Terminal) -> None:
        """One id, one role, and one finish if it is whole."""
        chunks = self.chunks
        choices = [choice for chunk in chunks for choice in chunk["choices"]]
        assert len({chunk["id"] for chunk in chunks}) == 1
        assert len([c for c in choices if "role" in c["delta"]]) == 1
        finishes = [c["finish_reason"] for c in choices if c["finish_reason"]]
        last = self.chat.events[-1]
        if terminal.state is JobState.COMPLETED:
            assert (len(finishes), last.data) == (1, b"[DONE]"), self.prompt
        else:
            assert terminal.error is not None
            assert (finishes, last.name) == ([], b"error"), self.prompt
            assert json.loads(last.data)["error"]["type"] == terminal.error.type

    async def _check_attempts(self, terminal: Terminal) -> None:
        """The provider was called as often as is recorded, and every call is settled."""
        attempts = (await self.cluster.job(self.prompt)).attempts
        assert await self.cluster.sim_calls(self.prompt) == len(attempts) == len(self.modes)
        assert all(attempt.outcome for attempt in attempts)
        costs = [attempt.usage for attempt in attempts if attempt.usage]
        usage = terminal.usage or {}
        for key in ("prompt_tokens", "completion_tokens", "total_tokens"):
            assert usage.get(key, 0) == sum(cost[key] for cost in costs), self.prompt
        flagged = any(cost.get("estimated") for cost in costs)
        assert usage.get("estimated", False) is flagged, self.prompt
        shown = [chunk["usage"] for chunk in self.chunks if chunk.get("usage")]
        assert all(each == usage for each in shown), self.prompt


def said_to(reader: SseReader) -> Said:
    """The message that the chunks of a chat reader add up to."""
    answer = fold([data_frame(Kind.DIALECT, event.data) for event in reader.events[:-1]])
    return _texts(answer["choices"][0]["message"]) if answer["choices"] else {}


def uncut(model: str, prompt: str) -> Said:
    """The message that the provider would have said to the end."""
    request = decode(msgspec.json.encode(ask(model, prompt)))
    behaviour = parse(model).at_call(_HEALTHY)
    answer = json.loads(whole(compose(request, behaviour), behaviour))
    return _texts(answer["choices"][0]["message"])


def has_half(model: str, prompt: str, count: int) -> bool:
    """Whether so many chunks of the answer's text hold half a character: no UTF-8 has that."""
    request = decode(msgspec.json.encode(ask(model, prompt)))
    content = compose(request, parse(model)).choices[0].content[:count]
    text: str = joined_halves("".join(map(decoded, content)))
    return text.encode(errors="replace").decode() != text


def begins(part: Said, said: Said) -> bool:
    """Whether the one is a beginning of the other, text by text."""
    calls = zip(part.get("tool_calls", ()), said.get("tool_calls", ()), strict=False)
    return all(
        said.get(key, "").startswith(text) for key, text in part.items() if key != "tool_calls"
    ) and all(
        ours["function"]["name"] == its["function"]["name"]
        and its["function"]["arguments"].startswith(ours["function"]["arguments"])
        for ours, its in calls
    )


async def result_of(cluster: Cluster, prompt: str) -> Said:
    """The folded answer's message, as the result endpoint gives it."""
    async with cluster.session.get(f"{cluster.urls[0]}/v1/jobs/{prompt}/result") as response:
        assert response.status == 200, await response.text()
        return _texts((await response.json())["choices"][0]["message"])


async def witness_all(cluster: Cluster, models: dict[str, str]) -> dict[str, Witness]:
    """A call of each model, all at once; both are by prompt."""
    witnesses = [Witness(cluster, prompt, model) for prompt, model in models.items()]
    await asyncio.gather(*(witness.begin() for witness in witnesses))
    return {witness.prompt: witness for witness in witnesses}


def _texts(message: dict[str, Any]) -> Said:
    return {key: joined_halves(message[key]) for key in _TEXTS if message.get(key)}


def joined_halves(value: Any) -> Any:
    """The same with halves of a character that stand side by side as one."""
    return json.loads(json.dumps(value))
