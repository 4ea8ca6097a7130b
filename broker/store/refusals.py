"""Error replies of the server: what each means for us, and the line in the log for the odd ones.

A reply begins with a word, by which servers, proxies and modules tell errors apart:

    OOM                         full: it takes no writes that add something
    LOADING, READONLY, ...      away: it will take the same command again, or another node will
    NOPERM, WRONGTYPE, ...      a fault of its configuration or data; only people can mend it
    any other word              unknown

The last two are refused operations. They are logged once a minute and word, for many loops meet
the same one many times a second. The text behind the word is never logged: it may quote arguments.
"""

import re
import time
from typing import Literal

from broker import log
from broker.errors import StoreAway, StoreRefused

Kind = Literal["full", "away", "configuration", "unknown"]

_AWAY = frozenset(
    (
        "ASK",
        "BUSY",
        "CLUSTERDOWN",
        "EXECABORT",
        "FAILOVER",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "MOVED",
        "NOMASTERLINK",
        "NOREPLICAS",
        "NOSCRIPT",
        "NOTBUSY",
        "READONLY",
        "TRYAGAIN",
        "UNBLOCKED",
        "UNKILLABLE",
    )
)
# What a server says that was demoted, cut off or overtaken, among others: see ``store.failover``.
_DOUBTFUL = frozenset(
    (
        "CLUSTERDOWN",
        "FAILOVER",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "MOVED",
        "NOMASTERLINK",
        "NOREPLICAS",
        "READONLY",
        "UNBLOCKED",
    )
)
_CONFIGURATION = frozenset(
    ("CROSSSLOT", "DENIED", "NOAUTH", "NOPERM", "NOPROTO", "WRONGPASS", "WRONGTYPE")
)
_WORD = re.compile(r"[A-Z][A-Z0-9_]*(?=\s|$)")
_FULL = "OOM command not allowed"  # servers before 7 put their own words before it
_MINUTE = 60.0

_reported: dict[tuple[str, str], float] = {}  # when each word was logged last, by operation


def word_of(reply: str) -> str:
    """The word that a reply begins with; ERR if there is none."""
    found = _WORD.match(reply)
    return found[0] if found else "ERR"


def kind_of(reply: str) -> Kind:
    """What a reply means."""
    word = word_of(reply)
    if word == "OOM" or _FULL in reply:
        return "full"
    if word in _AWAY:
        return "away"
    return "configuration" if word in _CONFIGURATION else "unknown"


def raises_doubt(word: str) -> bool:
    """Whether a server that says this may be the store no longer: another may be by now."""
    return word in _DOUBTFUL


def damaged(error: StoreAway) -> bool:
    """Whether an operation on one job was refused for that job's data: it will be again."""
    return isinstance(error, StoreRefused) and error.detail == "WRONGTYPE"


def report(word: str, operation: str, kind: Kind) -> None:
    """Log that an operation was refused, unless it was lately."""
    now = time.monotonic()
    last = _reported.get((word, operation))
    if last is None or now - last >= _MINUTE:
        _reported[word, operation] = now
        log.warning("store.refused", word=word, operation=operation, kind=kind)
