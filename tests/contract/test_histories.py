"""Failover in the middle of a loop of tool calls, with vendors that refuse what real ones refuse.

Each turn of the loop is served by another vendor than the last, for all before it are down or
break off; what one said comes back to each other one. No vendor may be asked what it refuses.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from broker.settings import Quirks
from broker.settings.presets import PRESETS
from tests.deployment import Deployment
from tests.histories.caller import Caller, draw_result
from tests.histories.drawing import Tool, Wishes
from tests.histories.server import VendorServer
from tests.histories.turns import User

TARGETS = (
    "anthropic/claude-opus-4-8",
    "google/gemini-3-pro-preview",
    "openai-responses/gpt-5.2",
    "deepseek/deepseek-reasoner",
    "mistral/mistral-large-latest",
    "anthropic/claude-opus-5-5",
    "vllm/Qwen/Qwen3.6-27B",
)
PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}
PORT = {"type": "object", "properties": {"port": {"type": "string"}}}
ROUNDS = 12


def provider(name: str, url: str) -> str:
    """The configuration of a preset's provider at this address."""
    preset = PRESETS[name].provider
    lines = [f"[providers.{name}]", f'base_url = "{url}/{name}"', f'dialect = "{preset.dialect}"']
    if preset.dialect == "chat":
        lines.append(f"[providers.{name}.quirks]")
        for key in Quirks.__struct_fields__:
            value = getattr(preset.quirks, key)
            if value != getattr(Quirks(), key):
                lines.append(f"{key} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "{" + ", ".join(f'{key} = "{each}"' for key, each in value.items()) + "}"
        case _:
            return "[" + ", ".join(f'"{each}"' for each in value) + "]"


@pytest.fixture(scope="module")
def server() -> Iterator[VendorServer]:
    server = VendorServer("histories")
    yield server
    server.close()


@pytest.fixture(scope="module")
def histories(
    tmp_path_factory: pytest.TempPathFactory, server: VendorServer
) -> Iterator[Deployment]:
    names = sorted({target.partition("/")[0] for target in TARGETS})
    targets = ", ".join(f'"{target}"' for target in TARGETS)
    config = f"""
[worker]
backoff = 0.01
[breaker]
least_calls = 100_000
[routes.agent]
targets = [{targets}]
attempts = {2 * len(TARGETS)}
{"".join(provider(name, server.url) for name in names)}
"""
    folder: Path = tmp_path_factory.mktemp("histories")
    deployment = Deployment(folder, config=config)
    yield deployment
    deployment.close()


@pytest.mark.parametrize("dialect", PATHS)
async def test_a_loop_of_calls_goes_from_vendor_to_vendor(
    histories: Deployment, server: VendorServer, dialect: str
) -> None:
    dice = random.Random(dialect)
    wishes = Wishes(system="Be brief.", tools=[Tool("tide", PORT), Tool("wind", PORT)])
    wishes.limit = 4096 if dialect == "messages" else None
    caller = Caller(dialect, wishes, keeps=True)
    caller.ask(User(["How is the harbour?"], []))
    served_in_loop: list[str] = []
    async with aiohttp.ClientSession(histories.urls[0]) as session:
        for round_ in range(ROUNDS):
            first = round_ % len(TARGETS)
            server.down = set(TARGETS[:first:2])
            server.cut = set(TARGETS[1:first:2])
            server.served.clear()
            server.asked.clear()
            request = {**caller.request(), "model": "agent"}
            async with session.post(PATHS[dialect], json=request) as response:
                answer = await response.json()
                assert response.status == 200, (answer, server.refused)
            assert server.refused == []
            (served,) = server.served
            # One that can't be asked, a picture say, is passed over before it is called.
            assert served == TARGETS[first] or TARGETS[first] not in server.asked
            calls = caller.take(answer)
            if calls:
                served_in_loop.append(served)
                caller.give([draw_result(dice, dialect, *call, "given") for call in calls])
            else:
                caller.ask(User(["And now?"], []))
    assert len(set(served_in_loop)) >= 4  # vendors that had a part in the loops
