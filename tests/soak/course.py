"""What a provider does to a job, and what its route makes of it: one name each.

All of it is told by model names of the simulated provider. A text follows from the name and
the prompt, so the targets that may go on from each other's half answers share one name.
"""

from typing import NamedTuple

# The providers: all are the simulated one, reached through the worker's own proxy.
PROVIDERS = {
    "raw": "",
    "pre": "prefill = true\n",
    "pre2": "prefill = true\n",
    "json": "streams = false\n",
}

CONFIG = """
[server]
ping = 2.0
header_hold = 3.0
store_patience = 4.0
drain = 2.0
[store]
timeout = 3.0
partitions = 2
[worker]
concurrency = 20
drain = 2.0
backoff = 0.1
[timeouts]
connect = 3.0
first_token = 2.5
idle = 2.5
total = 40.0
[breaker]
least_calls = 1000000
"""


class Course(NamedTuple):
    """A route; ``weight`` is how often it is taken."""

    name: str
    targets: tuple[str, ...]
    options: str = ""
    weight: int = 1


def _both(model: str) -> tuple[str, ...]:
    return (f"pre/{model},prefill", f"pre2/{model},prefill")


_GOES_ON = "tokens=50,interval=20ms"
_AGAIN = 'on_loss = "replay"'

COURSES = (
    # healthy
    Course("plain", ("raw/tokens=50,interval=25ms,obfuscation=1",), weight=3),
    Course("quick", ("raw/tokens=5,interval=0",), weight=3),
    Course("trickle", ("raw/tokens=12,interval=300ms",), weight=2),
    Course("reasoning", ("raw/tokens=30,interval=20ms,reasoning=20",)),
    Course("tools", ("raw/tokens=20,interval=20ms,parallel=2",)),
    Course("big", ("raw/tokens=10,interval=20ms,bigchunk=200000",)),
    Course("odd", ("raw/tokens=40,interval=20ms,escape,split=7,crlf,comments=1",)),
    Course("unstreamed", ("raw/tokens=30,interval=20ms,nostream",)),
    Course("json", ("json/tokens=30,interval=20ms",)),
    Course("uncounted", ("raw/tokens=30,interval=20ms,nousage",)),
    # long enough for their workers to be lost in mid-stream
    Course("long-continue", _both("tokens=120,interval=30ms,obfuscation=1"), weight=4),
    Course("long-replay", ("raw/tokens=120,interval=30ms",), _AGAIN, 3),
    Course("long-terminate", ("raw/tokens=120,interval=30ms",), 'on_loss = "terminate"', 2),
    Course("long-odd", _both("tokens=80,interval=30ms,escape"), 'on_loss = "continue"', 2),
    # nothing before the first token
    Course("refuse", ("raw/status=500", "raw/tokens=20,interval=20ms")),
    Course("refuse-all", ("raw/status=503",)),
    Course("bad-call", ("raw/status=400",)),
    Course(
        "storm", ("raw/tokens=20,interval=20ms,status=429,failfirst=2,retryafter=0.3",), weight=2
    ),
    Course("limited", ("raw/status=429,retryafter=0.2",)),
    Course("web-page", ("raw/tokens=20,contenttype=html,failfirst=1",)),
    Course("drop", ("raw/tokens=20,interval=20ms,drop,failfirst=1",)),
    Course("hang", ("raw/hang", "raw/tokens=20,interval=20ms")),
    Course("mute", ("raw/tokens=20,interval=20ms,hangafter=0,failfirst=1",)),
    # in mid-stream
    Course("cut-continue", _both(f"{_GOES_ON},dropafter=20,failfirst=1"), weight=2),
    Course("eof-continue", _both(f"{_GOES_ON},eofafter=20,failfirst=1")),
    Course("hang-continue", _both(f"{_GOES_ON},hangafter=20,failfirst=1")),
    Course("error-continue", _both(f"{_GOES_ON},errorafter=20,failfirst=1,obfuscation=1")),
    Course("garble-continue", _both(f"{_GOES_ON},garbleafter=20,failfirst=1")),
    Course("cut-replay", (f"raw/{_GOES_ON},dropafter=20,failfirst=1",), _AGAIN, 2),
    Course("hang-replay", (f"raw/{_GOES_ON},hangafter=20,failfirst=1",), _AGAIN),
    Course("tools-replay", ("raw/tokens=20,interval=20ms,tools,eofafter=9,failfirst=1",), _AGAIN),
    Course("vary-replay", (f"raw/{_GOES_ON},vary,dropafter=20,failfirst=1",), _AGAIN),
    Course("cut-terminate", (f"raw/{_GOES_ON},dropafter=20",), 'on_loss = "terminate"'),
    Course("cut-unset", (f"raw/{_GOES_ON},dropafter=20",)),
    Course(
        "tools-held",
        ("raw/tokens=20,interval=20ms,tools,dropafter=9,failfirst=1",),
        "hold_tool_calls = true",
    ),
    Course("deadline", ("raw/tokens=400,interval=50ms",), "deadline = 2.5"),
    Course("hang-deadline", ("raw/hang",), "deadline = 1.5"),
)
BY_NAME = {course.name: course for course in COURSES}


def render(provider_url: str) -> str:
    """The configuration of a process that reaches the provider at this address."""
    parts = [CONFIG]
    for name, options in PROVIDERS.items():
        parts.append(f'[providers.{name}]\nbase_url = "{provider_url}"\n{options}')
    for course in COURSES:
        targets = ", ".join(f'"{target}"' for target in course.targets)
        parts.append(f'[routes."{course.name}"]\ntargets = [{targets}]\n{course.options}\n')
    return "\n".join(parts)
