"""Who may call: accounts by their keys, web pages, and bearers of tickets."""

import re
from collections.abc import Mapping

from broker.settings import Account, Secret, Server

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\sA-Z]+")
_SHORTEST = 32  # characters of a ticket key


def check(server: Server, accounts: Mapping[str, Account], found: list[str]) -> None:
    """Complain of what is wrong, each by its key."""
    for name, account in accounts.items():
        if account.concurrency is not None and account.concurrency < 1:
            found.append(f"accounts.{name}.concurrency: must be 1 or more")
        for digest in account.key_sha256:
            if not re.fullmatch(r"[0-9a-f]{64}", digest):
                found.append(
                    f"accounts.{name}.key_sha256: {digest[:8]}… is not 64 lower-case hex digits"
                )
    _check_origins(server, keyed=bool(accounts), found=found)


def _check_origins(server: Server, *, keyed: bool, found: list[str]) -> None:
    """Complain of origins that no browser sends, and of those that anyone can have.

    Where no key is asked for, a page of any site could spend the operator's through loopback.
    """
    for place, origin in enumerate(server.allowed_origins):
        key = f"server.allowed_origins[{place}]"
        if origin in ("*", "null"):
            if not keyed:
                found.append(f"{key}: {origin!r} lets any web page in, so it needs [accounts]")
        elif not _ORIGIN.fullmatch(origin):
            found.append(
                f"{key}: {origin!r} must be as browsers send it: SCHEME://HOST or "
                "SCHEME://HOST:PORT, in lower case, with no path"
            )


def ticket_keys(text: str, found: list[str]) -> tuple[Secret, ...]:
    """The keys in STREAMHOLD_TICKET_KEY, separated by commas or blanks: the first one signs."""
    keys = text.replace(",", " ").split()
    if any(len(key) < _SHORTEST for key in keys):
        found.append(f"STREAMHOLD_TICKET_KEY: a key has {_SHORTEST} characters or more")
    return tuple(Secret(key) for key in keys)
