"""The modules that hold rule tables, and the fast tests that must miss any of their rows."""

from pathlib import Path
from typing import NamedTuple

READERS = ("tests/unit/test_plausible.py",)


class Tables(NamedTuple):
    """The tables of one module; ``tests`` run in this order up to the first that fails."""

    path: str
    tests: tuple[str, ...]


TABLES: tuple[Tables, ...] = ()


def listed() -> list[Tables]:
    """All of them.

    Raises:
        FileNotFoundError: a module or a test is listed that is not there.
    """
    for each in TABLES:
        for path in (each.path, *each.tests):
            if not Path(path.partition("::")[0]).exists():
                raise FileNotFoundError(path)
    return list(TABLES)
