"""A deployment whose providers are hostile, and good ones to fall back on."""

import asyncio
import random
import re
from pathlib import Path
from typing import Any

from tests.deployment import Deployment
from tests.hostile import manner
from tests.hostile.spoiling import Spoiled
from tests.recorded.provider import Provider
from tests.recorded.surfaces import PATHS

DIALECTS = ("chat", "messages", "responses", "gemini")
CALLERS = tuple(PATHS)
LOSSES = ("continue", "replay", "terminate")
RESUMED = "the rest"  # of a provider that goes on with a call that was lost
IDLE, TOTAL = 0.7, 3.0  # seconds
ATTEMPTS = 3
PATIENCE = ATTEMPTS * (TOTAL + 2) + 5  # seconds that any answer may take
_WORKER = f"""
[worker]
attempts = {ATTEMPTS}
backoff = 0.01

[timeouts]
connect = 2
first_token = {IDLE}
idle = {IDLE}
total = {TOTAL}

[breaker]
least_calls = 1000000
"""


def config(url: str) -> str:
    """Each dialect's hostile provider, a good one, and routes from one to the other."""
    parts = [_WORKER]
    for dialect in DIALECTS:
        spoken = f'dialect = "{dialect}"\n'
        parts.append(f'[providers.{dialect}]\nbase_url = "{url}/bad"\n{spoken}')
        parts.append(
            f'[providers.good-{dialect}]\nbase_url = "{url}/good"\nprefill = true\n{spoken}'
        )
        if dialect != "gemini":
            parts.append(
                f'[providers.{dialect}-again]\nbase_url = "{url}/bad"\nresumes = true\n{spoken}'
            )
        for loss in LOSSES:
            targets = f'targets = ["{dialect}/m", "good-{dialect}/m"]\non_loss = "{loss}"\n'
            held = f"hold_tool_calls = {str(loss == 'terminate').lower()}\n"
            parts.append(f"[routes.{dialect}-{loss}]\n{targets}{held}")
    return "\n".join(parts)


class Case:
    """One call: who asks, by which way, and what the hostile provider will say to it."""

    def __init__(self, number: int, seed: int) -> None:
        drawn = random.Random(f"case {seed} {number}")
        self.number = number
        self.caller: str = drawn.choice(CALLERS)
        dialect = drawn.choice(DIALECTS)
        self.answer = Spoiled(dialect, f"{seed} {number}", giants=True)
        self.route: str | None = drawn.choice(LOSSES) if drawn.random() < 0.4 else None
        if self.route is None and dialect != "gemini" and drawn.random() < 0.2:
            self.route = RESUMED
        foul = not self.answer.harmless and drawn.random() < 0.3
        self.manner = drawn.choice(manner.FOUL if foul else manner.FAIR)
        self.drawn = random.Random(f"manner {seed} {number}")

    @property
    def model(self) -> str:
        dialect = self.answer.dialect
        if self.route == RESUMED:
            return f"{dialect}-again/m"
        return f"{dialect}/m" if self.route is None else f"{dialect}-{self.route}"

    def __repr__(self) -> str:
        way = self.manner.__name__
        return f"case {self.number}, {self.caller} of {self.model}: {self.answer}; {way}"


class Scene:
    """The processes, and what is known of them."""

    def __init__(self, folder: Path) -> None:
        self.cases: dict[int, Case] = {}
        self.provider = Provider(self._answer)
        self.deployment = Deployment(folder, config=config(self.provider.url))
        self.url = self.deployment.urls[0]
        self.pids = self.deployment.pids

    async def _answer(self, number: int, head: bytes, writer: asyncio.StreamWriter) -> None:
        case = self.cases.get(number)
        if head.startswith(b"GET /bad"):  # the rest of a response, which names no case
            writer.write(manner.PLAIN + Spoiled("responses", head.split(b" ")[1]).body)
        elif case is None:
            writer.write(b"HTTP/1.1 404 None\r\ncontent-length: 0\r\n\r\n")
        elif head.startswith(b"POST /good"):
            writer.write(manner.PLAIN + case.answer.stream.body)
        else:
            await case.manner(case.drawn, case.answer, writer)

    def faults(self) -> list[str]:
        """What is wrong with the processes: started again, too large, a defect in a log."""
        found = []
        if self.deployment.pids != self.pids:
            found.append(f"processes ended: {self.pids}, now {self.deployment.pids}")
        found += [
            f"{name} grew to {peak(pid)} MB" for name, pid in self.pids.items() if peak(pid) > 900
        ]
        if any(manner.STOLEN in head.split(b"\r\n", 1)[0] for head in self.provider.heads):
            found.append("a redirect was followed")
        for line in self.deployment.up.events():
            if line.get("level") in ("error", "critical"):
                found.append(str({k: str(line[k])[-1500:] for k in line}))
        text = self.deployment.up.log.read_text()
        found += re.findall(r"^Traceback[^{]*", text, re.MULTILINE)
        return found

    def close(self) -> None:
        try:
            self.deployment.close()
        finally:
            self.provider.close()


def peak(pid: int) -> int:
    """The most memory that a process has had, in MB."""
    text: Any = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    return int(found[1]) // 1024 if found else 0
