"""The modules that hold rule tables, and the fast tests that must miss any of their rows."""

from pathlib import Path
from typing import NamedTuple

_PLAUSIBLE = "tests/unit/test_plausible.py::test_each_shape_is_told_in_full"


def _played(dialect: str) -> tuple[str, ...]:
    """The plausible answers of a dialect, for every caller."""
    callers = ("messages", "responses", "chat")
    pairs = sorted(callers, key=lambda caller: caller == dialect)
    return tuple(f"{_PLAUSIBLE}[{dialect}-{caller}]" for caller in pairs)


class Tables(NamedTuple):
    """The tables of one module, those of these names; ``tests`` run up to the first that fails.

    ``deep`` are those whose rows have rows.
    """

    path: str
    names: tuple[str, ...]
    tests: tuple[str, ...]
    deep: tuple[str, ...] = ()


_UNIT = "tests/unit/test_"
_WORDS = f"{_UNIT}reader_words.py"
_CHAT = (
    f"{_UNIT}reader_words_chat.py",
    *_played("chat"),
    f"{_UNIT}neutral_streams.py",
    f"{_UNIT}chat_decoder.py",
)
_MESSAGES = (_WORDS, *_played("messages"), f"{_UNIT}neutral_streams.py")
_RESPONSES = (_WORDS, *_played("responses"), f"{_UNIT}responses_fold.py")
_GEMINI = (_WORDS, *_played("gemini"))
_COUNTS = (*_CHAT, *_played("gemini"), *_played("messages"), *_played("responses"))
_VENDORS = (f"{_UNIT}vendors_rows.py::test_a_row_holds",)

TABLES = (
    Tables(
        "broker/dialects/chat/words.py",
        ("REASONS", "THOUGHTS", "PARTS", "UNTOLD", "UNTOLD_PARTS", "SILENT", "USAGE"),
        _CHAT,
    ),
    Tables(
        "broker/dialects/messages/words.py",
        ("REASONS", "DELTAS", "BLOCKS", "CALLS", "UNTOLD_BLOCKS"),
        _MESSAGES,
    ),
    Tables(
        "broker/dialects/neutral/reading/responses_events.py",
        ("TEXTS", "PARTS", "UNTOLD_ITEMS", "INCOMPLETE"),
        _RESPONSES,
    ),
    Tables("broker/dialects/responses/gathered.py", ("ENDS", "TEXTS", "_BEGUN"), _RESPONSES),
    Tables("broker/dialects/neutral/reading/gemini_events.py", ("FAULTS", "REASONS"), _GEMINI),
    Tables("broker/dialects/neutral/reading/gemini_shape.py", ("NAMES",), _GEMINI),
    Tables("broker/dialects/neutral/counts.py", ("PLACES", "CONVENTIONS"), _COUNTS, ("PLACES",)),
    *(
        Tables(f"broker/dialects/vendors/{vendor}.py", ("ROWS",), _VENDORS)
        for vendor in ("anthropic", "openai", "google", "kin")
    ),
)


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
