"""A call whose targets speak three dialects, each but the last lost: what its caller hears."""

import asyncio
import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from rig.answers import begins, has_half, uncut
from sim.answer import compose
from sim.behaviour import parse
from sim.request import decode
from sim.text import decoded
from tests.contract import heard
from tests.contract.heard import Hear, Heard
from tests.deployment import Deployment, ask

HEAD = """
[worker]
backoff = 0.01
[breaker]
least_calls = 1000
[timeouts]
first_token = 0.4
idle = 0.4
[providers.chat]
base_url = "{sim}"
prefill = true
[providers.messages]
base_url = "{sim}"
dialect = "messages"
prefill = true
[providers.responses]
base_url = "{sim}"
dialect = "responses"
prefill = true
[providers.gemini]
base_url = "{sim}beta"
dialect = "gemini"
prefill = true
[providers.unable]
base_url = "{sim}"
dialect = "messages"
[providers.unable-either]
base_url = "{sim}beta"
dialect = "gemini"
[providers.flagged]
base_url = "{sim}"
dialect = "messages"
prefill = "prefix"
"""
KEPT = "kept_connection"
ALL = ("chat", "messages", "gemini")
ROUTES: dict[str, str] = {}


def route(
    name: str, models: list[str] | str, lines: str = "", order: tuple[str, ...] = ALL
) -> tuple[str, tuple[str, ...]]:
    """The name of a route of these targets, which is configured by this, and its providers."""
    models = [models] * len(order) if isinstance(models, str) else models
    targets = [f'"{provider}/{model}"' for provider, model in zip(order, models, strict=True)]
    ROUTES[name] = f'[routes."{name}"]\ntargets = [{", ".join(targets)}]\n{lines}\n'
    return name, order


def lost(model: str, fault: str = "dropafter=8", times: int = 2) -> str:
    return f"{model},interval=1ms,prefill,{fault},failfirst={times}"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    deployment = Deployment(folder, config=HEAD + "".join(ROUTES.values()))
    yield deployment
    deployment.close()


@pytest.fixture
def callers(sdk: AsyncOpenAI, claude: AsyncAnthropic) -> dict[str, Hear]:
    """A caller of each surface, by its dialect."""
    return {
        "chat": lambda model, prompt: heard.chat(sdk, model, prompt),
        "messages": lambda model, prompt: heard.messages(claude, model, prompt),
        "responses": lambda model, prompt: heard.responses(sdk, model, prompt),
    }


class Case:
    """A route asked by the three callers at once."""

    def __init__(
        self, deployment: Deployment, api: aiohttp.ClientSession, callers: dict[str, Hear]
    ) -> None:
        self._deployment = deployment
        self._api = api
        self._callers = callers

    async def ask(
        self, name: str, wanted: Callable[[str], bool] = lambda _prompt: True
    ) -> dict[str, tuple[str, Heard]]:
        """Prompt and answer by dialect; ``wanted`` says which prompts do."""
        prompts = {dialect: _prompt(f"{name}-{dialect}", wanted) for dialect in self._callers}
        told = await asyncio.gather(
            *(self._callers[each](name, prompt) for each, prompt in prompts.items())
        )
        return dict(zip(prompts, zip(prompts.values(), told, strict=True), strict=True))

    async def check(self, prompt: str, answer: Heard, providers: tuple[str, ...]) -> list[str]:
        """A call an attempt, all on record, their cost summed. Gives how each went on."""
        job = await self._json(f"/v1/jobs/{prompt}")
        attempts = job["attempts"]
        # One that was cut over a connection from before is called once more over a new one.
        fresh = [each for each in attempts if (each["error"] or {}).get("code") != KEPT]
        assert tuple(each["provider"] for each in fresh) == providers, prompt
        assert self._deployment.sim_calls(prompt) == len(attempts)
        failed = attempts[:-1] if answer.whole else attempts
        assert all(each["outcome"] == "failed" and each["error"] for each in failed)
        assert job["state"] == ("completed" if answer.whole else "failed"), job["error"]
        costs = [_counted(each["usage"]) for each in attempts if each["usage"]]
        total = (sum(cost[0] for cost in costs), sum(cost[1] for cost in costs))
        assert _counted(job["usage"]) == total
        if answer.whole:
            assert answer.usage == total
            result = await self._json(f"/v1/jobs/{prompt}/result")
            assert _text(result) == answer.text
        return await self._modes(prompt)

    async def _json(self, path: str) -> Any:
        async with self._api.get(path) as response:
            assert response.status == 200
            return await response.json()

    async def _modes(self, prompt: str) -> list[str]:
        async with self._api.get(f"/v1/jobs/{prompt}/events") as response:
            events = (await response.text()).split("\n\n")
        told = [each for each in events if "\nevent: attempt\n" in f"\n{each}\n"]
        marks = {'"mode":"continue"': "continue", '"mode":"replay"': "replay"}
        return [next((m for k, m in marks.items() if k in each), "fresh") for each in told]


def _prompt(name: str, wanted: Callable[[str], bool]) -> str:
    while True:
        prompt = f"{name}-{secrets.token_hex(4)}"
        if wanted(prompt):
            return prompt


def _counted(usage: dict[str, Any]) -> tuple[int, int]:
    """Input and output in whichever dialect."""
    if "prompt_tokens" in usage:
        return usage["prompt_tokens"], usage["completion_tokens"]
    cached = usage.get("cache_read_input_tokens") or 0
    return usage["input_tokens"] + cached, usage["output_tokens"]


def _text(result: dict[str, Any]) -> str:
    """The text of a whole answer in whichever dialect."""
    if "choices" in result:
        return result["choices"][0]["message"].get("content") or ""
    blocks = result.get("content") or [
        part for item in result["output"] for part in item.get("content", ())
    ]
    return "".join(block.get("text", "") for block in blocks)


@pytest.fixture
def case(deployment: Deployment, api: aiohttp.ClientSession, callers: dict[str, Hear]) -> Case:
    return Case(deployment, api, callers)


REASONS = {"chat": "stop", "messages": "end_turn", "responses": "completed"}
CALLED = {"chat": "tool_calls", "messages": "tool_use", "responses": "completed"}


def is_whole(answer: Heard, model: str, prompt: str, dialect: str) -> bool:
    """Whether the caller heard all of it, once and in order."""
    said = uncut(model, prompt)
    calls = [
        (c["function"]["name"], c["function"]["arguments"]) for c in said.get("tool_calls", ())
    ]
    assert (answer.error, answer.message) == (None, ""), dialect
    assert (answer.text, answer.thoughts) == (
        said.get("content", ""),
        said.get("reasoning_content", ""),
    ), dialect
    assert answer.calls == calls, dialect
    return answer.reason == (CALLED if calls else REASONS)[dialect]


# ── Before the first token ─────────────────────────────────────────────────────────────

WELL = "tokens=12,interval=1ms,reasoning=2,cached=1"
EARLY = [
    route(name, [first, second, WELL])
    for name, first, second in [
        ("refused-dropped", "status=503", "drop"),
        ("dropped-silent", "drop", "hang"),
        ("silent-overloaded", "hang", "status=529"),
        ("garbled-refused", "contenttype=html", "status=401"),
        ("role-only", "tokens=9,dropafter=0", "tokens=9,errorafter=0"),
    ]
]
EARLY += [
    route("gemini-first", ["status=500", "tokens=9,garbleafter=0", WELL], "", ALL[::-1]),
    route("gemini-second", ["drop", "hang", WELL], "", ("responses", "gemini", "chat")),
]


@pytest.mark.parametrize(("name", "order"), EARLY)
async def test_lost_before_the_first_token(case: Case, name: str, order: tuple[str, ...]) -> None:
    for dialect, (prompt, answer) in (await case.ask(name)).items():
        assert is_whole(answer, WELL, prompt, dialect)
        assert "continue" not in await case.check(prompt, answer, order)


# ── After it: going on ─────────────────────────────────────────────────────────────────

FAULTS = ("dropafter=8", "eofafter=8", "errorafter=8", "hangafter=8", "garbleafter=8")
ORDERS = (ALL, ("gemini", "chat", "messages"), ("responses", "gemini", "chat"))
MIDWAY = [
    (*route(f"{fault[:-2]}-{order[0]}", lost("tokens=30", fault), 'on_loss = "continue"', order),
     lost("tokens=30", fault))
    for fault in FAULTS
    for order in ORDERS
]  # fmt: skip
THOUGHT = lost("reasoning=3,tokens=30,cached=2", "dropafter=8")
MIDWAY.append((*route("in-the-text", THOUGHT), THOUGHT))
FLAGGED = lost("tokens=30")
MIDWAY.append((*route("flagged", FLAGGED, "", ("gemini", "flagged", "chat")), FLAGGED))


@pytest.mark.parametrize(("name", "order", "model"), MIDWAY)
async def test_going_on_in_another_dialect_and_in_a_third(
    case: Case, name: str, order: tuple[str, ...], model: str
) -> None:
    for dialect, (prompt, answer) in (await case.ask(name)).items():
        assert is_whole(answer, model, prompt, dialect)
        modes = await case.check(prompt, answer, order)
        assert modes == ["fresh", "continue", "continue"]


SPACED = lost("tokens=12,escape", "dropafter=8", times=1)
AFTER_SPACE = route("after-space", SPACED, "", ("chat", "messages"))


def ends_in_space(prompt: str) -> bool:
    """Whether the text is lost just after white space, and has no half a character."""
    if has_half(SPACED, prompt, 12):
        return False
    asked = decode(json.dumps(ask(SPACED, prompt)).encode())
    content = compose(asked, parse(SPACED)).choices[0].content
    return decoded(content[7])[-1].isspace()


async def test_going_on_after_white_space_where_a_provider_takes_none(case: Case) -> None:
    for dialect, (prompt, answer) in (await case.ask(AFTER_SPACE[0], ends_in_space)).items():
        assert is_whole(answer, SPACED, prompt, dialect)
        await case.check(prompt, answer, AFTER_SPACE[1])


# ── After it: again, or not at all ─────────────────────────────────────────────────────

SPEECH = {
    "text": "tokens=30",
    "thought": "reasoning=20,tokens=10",
    "calls": "parallel=2,tokens=5,reasoning=3",
}
AGAIN = [
    (
        *route(
            f"again-{provider}-{said}",
            ["status=500", lost(model, f"dropafter={4 if said == 'calls' else 12}", 1)],
            'on_loss = "replay"',
            ("messages" if provider == "chat" else "chat", provider),
        ),
        lost(model, f"dropafter={4 if said == 'calls' else 12}", 1),
    )
    for provider in (*ALL, "responses")
    for said, model in SPEECH.items()
]


@pytest.mark.parametrize(("name", "order", "model"), AGAIN)
async def test_replayed_by_the_target_that_lost_it(
    case: Case, name: str, order: tuple[str, ...], model: str
) -> None:
    for dialect, (prompt, answer) in (await case.ask(name)).items():
        assert is_whole(answer, model, prompt, dialect)
        modes = await case.check(prompt, answer, (*order, order[-1]))
        assert modes == ["fresh", "fresh", "replay"]


ENDED = [
    (*route("terminate", lost("tokens=30"), 'on_loss = "terminate"'), lost("tokens=30")),
    (*route("unable", lost("tokens=30"), "", ("unable-either", "unable")), lost("tokens=30")),
    *(
        (*route(f"ended-{order[0]}-{said}", model := lost(SPEECH[said], "dropafter=4"),
                'on_loss = "continue"', order), model)
        for order in ORDERS
        for said in ("thought", "calls")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "order", "model"), ENDED)
async def test_what_nobody_may_go_on_with_ends_in_its_failure(
    case: Case, name: str, order: tuple[str, ...], model: str
) -> None:
    for dialect, (prompt, answer) in (await case.ask(name)).items():
        said = uncut(model, prompt)
        assert (answer.error, answer.reason) == ("provider_cut", None), dialect
        assert answer.text or answer.thoughts
        assert begins({"content": answer.text, "reasoning_content": answer.thoughts}, said)
        assert await case.check(prompt, answer, order[:1]) == ["fresh"]


HELD = [
    (*route(f"held-{order[0]}", lost(SPEECH["calls"].split(",reas")[0], "dropafter=1"),
            "hold_tool_calls = true", order),
     lost(SPEECH["calls"].split(",reas")[0], "dropafter=1"))
    for order in ORDERS
]  # fmt: skip


@pytest.mark.parametrize(("name", "order", "model"), HELD)
async def test_held_tool_calls_are_anothers_to_make(
    case: Case, name: str, order: tuple[str, ...], model: str
) -> None:
    for dialect, (prompt, answer) in (await case.ask(name)).items():
        assert is_whole(answer, model, prompt, dialect)
        await case.check(prompt, answer, order)


# ── The provider's own word on its failure ─────────────────────────────────────────────

LAST_WORDS = [
    route(f"last-words-of-{order[-1]}", lost("tokens=30", "errorafter=8", 9), "attempts = 2", order)
    for order in (("chat", "responses"), ("responses", "gemini"), ("gemini", "messages"))
]


@pytest.mark.parametrize(("name", "order"), LAST_WORDS)
async def test_the_last_providers_word_on_its_failure(
    case: Case, name: str, order: tuple[str, ...]
) -> None:
    model = lost("tokens=30", "errorafter=8", 9)
    for dialect, (prompt, answer) in (await case.ask(name)).items():
        assert answer.error == "provider_stream_error", dialect
        assert "failed on purpose" in answer.message
        said = uncut(model, prompt)["content"]
        assert said.startswith(answer.text)
        assert len(answer.text.split()) == 16
        assert await case.check(prompt, answer, order) == ["fresh", "continue"]


OWN_WORD = route(
    "own-word", ["status=500", "tokens=9,errorafter=4"], "attempts = 2", ("chat", "responses")
)


async def test_it_is_passed_on_where_it_tells_of_all_that_was_said(case: Case) -> None:
    for dialect, (prompt, answer) in (await case.ask(OWN_WORD[0])).items():
        own = "response.failed: server_error"
        assert answer.error == (own if dialect == "responses" else "provider_stream_error")
        assert "failed on purpose" in answer.message
        assert len(answer.text.split()) == 4
        await case.check(prompt, answer, OWN_WORD[1])
