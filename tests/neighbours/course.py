"""The deployment's configuration: whose accounts, which providers, and the innocent's routes.

There are two simulated providers, each a process of its own in all four dialects: ``sim…`` is
what the attackers call, ``steady…`` and ``reserve…`` are the innocent's. So a long answer that
an attacker asks for slows the broker, if it slows anything, and not the innocent's provider.
"""

from typing import NamedTuple

from tests.deployment import account
from tests.neighbours.attacks.calls import ACCOUNTS
from tests.neighbours.attacks.strike import key

INNOCENT = "innocents-key"
DIALECTS = ("chat", "messages", "responses", "gemini")
MAX_BODY = 32 * 1024 * 1024
LEASE = 2.0

# Open at once: what the attackers may have leaves the workers room for the innocent. The last
# of them has no limit; it makes batch jobs, which never take all of a worker.
_LIMIT = 100
_WORKER = 400  # jobs a process

CONFIG = f"""
[server]
max_body = {MAX_BODY}
drain = 2.0
[worker]
concurrency = {_WORKER}
batch_share = 0.5
lease = {LEASE}
drain = 2.0
"""


class Pace(NamedTuple):
    """How long an innocent stream is, and how fast: 20 to 40 tokens a second."""

    tokens: int
    milliseconds: int

    @property
    def model(self) -> str:
        """The provider's name for it."""
        return f"tokens={self.tokens},interval={self.milliseconds}ms,prefill"

    @property
    def seconds(self) -> float:
        return self.tokens * self.milliseconds / 1000


PACES = (Pace(100, 50), Pace(160, 33), Pace(240, 40), Pace(480, 25), Pace(400, 45))


def provider(name: str, dialect: str) -> str:
    """A provider's name: ``steady``, ``steady-messages`` and so on."""
    return name if dialect == "chat" else f"{name}-{dialect}"


def route(dialect: str, pace: Pace) -> str:
    """The public name of a model with two targets, the second of which must never be called."""
    return f"brook-{dialect}-{pace.tokens}"


ROUTES = tuple(route(dialect, pace) for dialect in DIALECTS for pace in PACES)


def render(sim_url: str, steady_url: str) -> str:
    """The configuration file. Both addresses end in ``/v1``, or stand for one that does."""
    parts = [CONFIG, account("innocent", INNOCENT)]
    for number in range(ACCOUNTS):
        limit = f"concurrency = {_LIMIT}\n" if number < ACCOUNTS - 1 else ""
        parts.append(account(f"attacker-{number}", key(number)) + limit)
    for dialect in DIALECTS:
        names = {"sim": sim_url, "steady": steady_url, "reserve": steady_url}
        for name, url in names.items():
            base = f"{url}beta" if dialect == "gemini" else url
            parts.append(
                f'[providers.{provider(name, dialect)}]\nbase_url = "{base}"\n'
                f'dialect = "{dialect}"\nprefill = true\n'
            )
        for pace in PACES:
            targets = [f"{provider(name, dialect)}/{pace.model}" for name in ("steady", "reserve")]
            parts.append(f"[routes.{route(dialect, pace)}]\ntargets = {targets}\n")
    return "\n".join(parts)
