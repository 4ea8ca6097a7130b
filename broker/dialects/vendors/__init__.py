"""What each vendor and model takes of what its dialect can say: one table.

A row (``row``) says one thing of the models of a dialect or vendor, and where that is known from.
Writers of requests ask ``takes_of`` and shape what they write by it, so that nothing is sent that
the vendor is known to refuse: it is said otherwise, or the call is refused by the name of what is
not taken, before it is made. An operator's own words (``Provider.takes``) come after the table's.

To add a row: write it into the vendor's module; a test that fails without it proves that it works
(``tests/unit/test_vendors_rows.py`` holds that every row has one).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import lru_cache

import msgspec

from broker.dialects.vendors import anthropic, google, kin, openai
from broker.dialects.vendors.model import model_named
from broker.dialects.vendors.row import Row
from broker.settings.takes import Takes

ROWS: tuple[Row, ...] = (*anthropic.ROWS, *openai.ROWS, *google.ROWS, *kin.ROWS)

_off: set[str] = set()  # rows that are switched off, by their names: tests alone do that
_NONE: Mapping[str, Takes] = {}


def takes_of(dialect: str, model: str, own: Mapping[str, Takes] = _NONE) -> Takes:
    """What a model takes that is asked in this dialect; ``own`` is the operator's, by patterns."""
    found = _known(dialect, model)
    for pattern, takes in own.items():
        if fnmatchcase(model, pattern):
            found = _over(found, takes)
    return found


@contextmanager
def switched_off(name: str) -> Iterator[None]:
    """Without the row of this name, as long as this lasts: does anything notice?

    Raises:
        KeyError: there is none.
    """
    if all(row.name != name for row in ROWS):
        raise KeyError(name)
    _off.add(name)
    _known.cache_clear()
    try:
        yield
    finally:
        _off.discard(name)
        _known.cache_clear()


@lru_cache(maxsize=1024)
def _known(dialect: str, model: str) -> Takes:
    named = model_named(model)
    found = Takes()
    for row in ROWS:
        if row.name not in _off and row.is_about(dialect, named):
            found = _over(found, row.takes)
    return found


def _over(under: Takes, over: Takes) -> Takes:
    said = {
        key: value for key in Takes.__struct_fields__ if (value := getattr(over, key)) is not None
    }
    return msgspec.structs.replace(under, **said)
