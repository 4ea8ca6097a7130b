"""Who may call: accounts by their keys, web pages, and bearers of tickets."""

import math
import re
from collections.abc import Mapping
from hashlib import sha256

from broker.settings import Account, Secret, Server

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\sA-Z]+")
_SHORTEST = 32  # characters of a ticket key
_WORDS = (
    *("change-me", "changeme", "change_me", "CHANGE-ME", "CHANGEME", "example", "placeholder"),
    *("key", "api-key", "apikey", "your-key", "YOUR_KEY", "$KEY", "KEY", "secret", "password"),
    *("test", "token", "admin", "default", "streamhold", "sk-...", "…", "..."),
)
_PLAIN = {f"{word!r}": word for word in _WORDS} | {"no text at all": ""}
# By digest what is known of them: with a line's end too, as ``echo`` would have sent it.
_GUESSED = {
    sha256((word + end).encode()).hexdigest(): about
    for about, word in _PLAIN.items()
    for end in ("", "\n")
}


def check(server: Server, accounts: Mapping[str, Account], found: list[str]) -> None:
    """Complain of what is wrong, each by its key."""
    for name, account in accounts.items():
        if account.concurrency is not None and account.concurrency < 1:
            found.append(f"accounts.{name}.concurrency: must be 1 or more")
        if account.join is not None and not 0 <= account.join < math.inf:
            found.append(f"accounts.{name}.join: must be 0 or more")
    _check_keys(accounts, found)
    _check_origins(server, keyed=bool(accounts), found=found)


def _check_keys(accounts: Mapping[str, Account], found: list[str]) -> None:
    """Complain of keys that can be none, of those that anybody may guess, and of shared ones."""
    owners: dict[str, str] = {}
    for name, account in accounts.items():
        for digest in account.key_sha256:
            key = f"accounts.{name}.key_sha256: {digest[:8]}…"
            if not re.fullmatch(r"[0-9a-f]{64}", digest):
                found.append(f"{key} is not 64 lower-case hex digits")
            elif digest in _GUESSED:
                found.append(f"{key} is the digest of {_GUESSED[digest]}: take a key of your own")
            elif len(set(digest)) == 1:
                found.append(f"{key} is the digest of no key")
            elif digest in owners:
                also = "twice" if owners[digest] == name else f"of accounts.{owners[digest]} too"
                found.append(f"{key} is there {also}: whose call would it be?")
            owners.setdefault(digest, name)


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
