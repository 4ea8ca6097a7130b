"""One client on one target dialect in one scenario: run it, and say what came of it."""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from enum import Enum
from pathlib import Path

import msgspec

from rig.program import until
from tests.agents import packages
from tests.agents.clients.client import LINE, MADE, NOTE, Call, Client, Place
from tests.agents.packages import Package
from tests.agents.stand import PACES, Stand, model, small

_PATIENCE = 180  # seconds for a client's whole turn
_SOON = 15.0  # seconds for a call that was left to be cancelled
_NOWHERE = "http://127.0.0.1:9"  # what a client calls elsewhere ends here
JOIN = {"x-streamhold-join": "120"}
CANCEL = {"x-streamhold-on-disconnect": "cancel", "x-streamhold-grace": "1"}


class Scenario(Enum):
    """What happens meanwhile: name, API processes, whether the first answer's reader is killed."""

    LOOP = "loop"
    KILL = "killed"
    JOIN = "killed, join"
    JOIN_TWO = "killed, join, two"
    SIDECAR = "killed, sidecar"
    SIDECAR_TWO = "killed, sidecar, two"
    TRANSPORT = "killed, transport"
    CANCEL = "left, cancel"

    @property
    def apis(self) -> int:
        """How many API processes it takes."""
        return 2 if self.value.endswith("two") else 1

    @property
    def kills(self) -> bool:
        """Whether the API process that is read dies in mid-answer."""
        return self not in (Scenario.LOOP, Scenario.CANCEL)

    @property
    def pace(self) -> str:
        """How fast the model answers."""
        return "slow" if self.kills else "endless" if self is Scenario.CANCEL else "quick"

    @property
    def headers(self) -> dict[str, str]:
        """What the client is told to send with each call."""
        return JOIN if self.joins else CANCEL if self is Scenario.CANCEL else {}

    @property
    def joins(self) -> bool:
        """Whether the client sends the header that lets a retry join its first try."""
        return self in (Scenario.JOIN, Scenario.JOIN_TWO)

    def concerns(self, client: Client) -> bool:
        """Whether this client can be in it."""
        return self is not Scenario.TRANSPORT or (client.framework and client.transports)

    @property
    def sidecar(self) -> bool:
        """Whether the client calls the sidecar."""
        return self in (Scenario.SIDECAR, Scenario.SIDECAR_TWO)


class Result(msgspec.Struct, frozen=True):
    """What came of a cell; ``problems`` is empty where all is as it must be."""

    client: str
    version: str
    surface: str
    dialect: str
    scenario: Scenario
    problems: list[str]
    calls: int  # that the provider had of the model
    seconds: float
    promised: bool = True  # False where it only shows what the client does by itself
    folder: Path | None = None  # what the client printed, in ``out`` and ``err``


def run(
    client: Client, package: Package, stand: Stand, dialect: str, scenario: Scenario, folder: Path
) -> Result:
    """Run one cell in a folder of its own, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("home/tmp", "work"):
        (folder / name).mkdir(parents=True)
    word = f"word-{secrets.token_hex(6)}"
    (folder / "work" / NOTE).write_text(word + "\n")
    stand.wait_until_whole()
    stand.reset()
    began = time.monotonic()
    problems: list[str] = []
    try:
        url = stand.sidecar_url if scenario.sidecar else stand.url
    except AssertionError as error:
        problems.append(str(error))
    else:
        place = Place(
            home=folder / "home",
            work=folder / "work",
            programs=package.programs,
            url=url,
            model=model(dialect, scenario.pace),
            small=small(dialect),
            headers=scenario.headers,
            prompt=client.prompt,
            transport=scenario is Scenario.TRANSPORT,
        )
        if scenario is Scenario.CANCEL:
            problems += _leave(client, place, stand, folder)
        else:
            problems += _run(client, place, stand, scenario, folder)
            problems += _missing(client, folder, word)
    calls = stand.calls(PACES[scenario.pace])
    right = 1 if scenario is Scenario.CANCEL else client.turns
    if calls != right:
        problems.append(f"{calls} provider calls, {right} are right")
    return Result(
        client=client.name,
        version=package.version,
        surface=client.surface,
        dialect=dialect,
        scenario=scenario,
        problems=problems,
        calls=calls,
        seconds=time.monotonic() - began,
        promised=scenario is not Scenario.KILL and not (scenario.joins and client.apart),
        folder=folder,
    )


def _run(client: Client, place: Place, stand: Stand, scenario: Scenario, folder: Path) -> list[str]:
    """Run the client to its end, and kill what it reads from; what went wrong."""
    deaths = list(_deaths(client, scenario))
    if not client.retries and scenario.joins:
        # Nobody retries but the user, once the first try has died.
        if not _try(client, place, stand, deaths[:1], folder):
            return []
        stand.wait_until_whole()
        return _try(client, place, stand, [], folder)
    return _try(client, place, stand, deaths, folder)


def _try(client: Client, place: Place, stand: Stand, deaths: list[int], folder: Path) -> list[str]:
    problems: list[str] = []
    with _running(client, place, folder) as process:
        for number in deaths:
            failure = stand.kill_in_answer(PACES["slow"], number, lambda: process.poll() is None)
            problems += [failure] if failure else []
        try:
            code = process.wait(_PATIENCE)
            problems += [f"ended with {code}"] if code else []
        except subprocess.TimeoutExpired:
            problems.append(f"not done after {_PATIENCE} s")
    return problems


def _leave(client: Client, place: Place, stand: Stand, folder: Path) -> list[str]:
    """Interrupt the client in mid-answer, as Ctrl-C does, until it has left.

    The provider's call must end too.
    """
    with _running(client, place, folder) as process:
        failure = stand.wait_for_answer(PACES["endless"], 1, lambda: process.poll() is None)
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):  # the second time in earnest
            if process.poll() is None:
                os.killpg(process.pid, number)
                until(lambda: process.poll() is not None, 2)
        ended = failure or until(lambda: stand.aborted > 0, _SOON)
    problems = [failure] if failure else []
    return problems if ended else [f"the provider still answers after {_SOON:.0f} s"]


@contextmanager
def _running(client: Client, place: Place, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The client, as long as the block runs."""
    call = client.prepare(place)
    (folder / "in").write_text(call.told)
    names = {"in": "rb", "out": "wb", "err": "wb"}
    with ExitStack() as files:
        told, out, err = (files.enter_context(open(folder / n, m)) for n, m in names.items())
        process = subprocess.Popen(
            call.words,
            cwd=place.work,
            env=_environment(place, call),
            stdin=told,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            _end_daemons(place.home)


def _end_daemons(home: Path) -> None:
    """End what a client has left behind: it is known by the throw-away home that it has."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile, or is another user's
            if f"HOME={home}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)


def _deaths(client: Client, scenario: Scenario) -> range:
    """The answers in the middle of which an API process dies.

    Each of them is meant to be one provider call. Where nothing sees to that, the last one is
    enough: what retries pay twice for is counted too.
    """
    if not scenario.kills:
        return range(0)
    return range(client.turns if scenario is Scenario.KILL else 1, client.turns + 1)


def _environment(place: Place, call: Call) -> dict[str, str]:
    outside = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NOWHERE)
    inside = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    return {
        "PATH": f"{place.programs}:{packages.PATH}",
        "HOME": str(place.home),
        "TMPDIR": str(place.home / "tmp"),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "DO_NOT_TRACK": "1",
        **outside,
        **inside,
        **call.env,
        **call.quiet,
    }


def _missing(client: Client, folder: Path, word: str) -> list[str]:
    """What the turn has not brought: its effect, once, and the last answer's text."""
    problems = []
    made = folder / "work" / MADE
    found = made.read_text() if made.exists() else None
    if found is None or found.strip() != LINE:
        problems.append(f"{MADE} has {found!r}" if found is not None else f"no {MADE}")
    if client.reads and word not in (folder / "out").read_text(errors="replace"):
        problems.append("the last answer has not come")
    return problems
