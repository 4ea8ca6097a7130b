"""The text of an answer: the same prompt and model give the same text, always.

A token is a JSON string body, which is to say the bytes between the quotes: an answer may hold
escapes that no encoder would write again, and they must reach the wire as they are.

Token k depends on the seed and k alone, so a shorter answer is the beginning of a longer one.
"""

import hashlib
import json

_WORDS = """
the of and to in is that it for was on as with be at by this had not are but from or have an
they which one you were all her she there would their we him been has when who will no more
if out so up said what its about than into them can only time café some naïve could other
"""
WORDS = tuple(f" {word}".encode() for word in _WORDS.split())

# Each is valid inside a JSON string; few are what an encoder would write. The two halves of a
# surrogate pair are tokens of their own, so that a pair may be cut by a chunk's end, or never
# be completed.
ODD = (
    rb" caf\u00e9",
    rb" and\/or",
    rb" \ud83d",
    rb"\ude00",
    rb" \u0041\u006Ed",
    rb" \"quoted\"",
    rb" back\\slash",
    rb"\n\t",
    rb" \u2028",
    rb" \u0000",
    rb" \uD83D\uDE80",
    rb"\b\f\r",
    " 🚀".encode(),
)

UNSET_CLOCK = b"0" * 16  # a token in the place of which the time of its write is sent

_BLOCKS = 16  # different ones an answer: a long answer of large tokens must not fill the memory
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_TO_WORD = tuple(WORDS[byte % len(WORDS)] for byte in range(256))
_TO_LETTER = bytes(_LETTERS[byte % len(_LETTERS)] for byte in range(256))


def seed(*parts: str) -> bytes:
    """A seed of 16 bytes that differs with every part."""
    hashed = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        hashed.update(b"%d:%b" % (len(raw), raw))
    return hashed.digest()[:16]


def tokens(source: bytes, count: int, *, escape: bool = False) -> list[bytes]:
    """The first ``count`` tokens of a seed's text; with ``escape`` every other one is odd."""
    picks = hashlib.shake_128(source + b"text").digest(count)
    words = [_TO_WORD[pick] for pick in picks]
    if escape:
        words[1::2] = [ODD[pick % len(ODD)] for pick in picks[1::2]]
    return words


def blocks(source: bytes, count: int, size: int) -> list[bytes]:
    """The first ``count`` tokens of ``size`` letters each; a few, that come again and again."""
    few = [letters(source + b"block%d" % number, size) for number in range(_BLOCKS)]
    picks = hashlib.shake_128(source + b"blocks").digest(count)
    return [few[pick % _BLOCKS] for pick in picks]


def letters(source: bytes, size: int) -> bytes:
    """``size`` bytes of A-Z a-z 0-9 that look random."""
    return hashlib.shake_128(source + b"letters").digest(size).translate(_TO_LETTER)


def quoted(text: str) -> bytes:
    """A text as a JSON string."""
    return json.dumps(text).encode()


def decoded(token: bytes) -> str:
    """The text that a token stands for."""
    text: str = json.loads(b'"%b"' % token)
    return text


def halves(text: str) -> str:
    """A text with each character beyond the basic plane as its two surrogates."""
    raw = text.encode("utf-16-le", "surrogatepass")
    units = (raw[at : at + 2] for at in range(0, len(raw), 2))
    return "".join(unit.decode("utf-16-le", "surrogatepass") for unit in units)
