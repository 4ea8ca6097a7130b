"""Plain chunks, however they arrive, and what is left to the parser."""

import random

import pytest

from workers.providers.chunks import Chunks, read_chunks


def chunk(text: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(text), text)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", Chunks(b"", 0, 0)),
        (chunk(b"ab"), Chunks(b"ab", 7, 0)),
        (chunk(b"ab") + chunk(b"c" * 300), Chunks(b"ab" + b"c" * 300, 314, 0)),
        (b"1F\r\n" + b"x" * 31 + b"\r\n", Chunks(b"x" * 31, 37, 0)),
        (chunk(b"ab") + b"5\r\nabc", Chunks(b"ab", 7, 4)),
        (b"5\r\nabcde", Chunks(b"", 0, 2)),
        (b"5\r\nabcde\r", Chunks(b"", 0, 1)),
        (b"5\r\n", Chunks(b"", 0, 7)),
        (b"5\r", Chunks(b"", 0, 0)),
        (b"5", Chunks(b"", 0, 0)),
        (b"0\r\n\r\n", Chunks(b"", 0, 0)),
        (chunk(b"ab") + b"0\r\n\r\n", Chunks(b"ab", 7, 0)),
        (b"2;x=y\r\nab\r\n", Chunks(b"", 0, 0)),
        (b"2\nab\n", Chunks(b"", 0, 0)),
        (b"+2\r\nab\r\n", Chunks(b"", 0, 0)),
        (b" 2\r\nab\r\n", Chunks(b"", 0, 0)),
        (b"2_0\r\nab\r\n", Chunks(b"", 0, 0)),
        (b"00000002\r\nab\r\n", Chunks(b"", 0, 0)),
        (b"2\r\nabc\r\n", Chunks(b"", 0, 0)),
        (b"2\r\nabX\n", Chunks(b"", 0, 0)),
        (b"5\r\nabcdeX", Chunks(b"", 0, 0)),
        (b"<html>", Chunks(b"", 0, 0)),
    ],
)
def test_what_is_plain(data: bytes, expected: Chunks) -> None:
    assert read_chunks(data) == expected


@pytest.mark.parametrize("seed", range(20))
def test_wherever_it_is_cut(seed: int) -> None:
    """What is used and what is missing lead from one chunk's beginning to another's."""
    drawn = random.Random(seed)
    texts = [drawn.randbytes(drawn.choice([1, 2, 15, 16, 300])) for _ in range(30)]
    body = b"".join(map(chunk, texts))
    starts = {len(b"".join(map(chunk, texts[:count]))) for count in range(len(texts) + 1)}
    for start in starts:
        end = drawn.randint(start, len(body))
        found = read_chunks(body[start:end])
        assert start + found.used in starts
        assert chunk_texts(body[start : start + found.used]) == found.content
        if found.missing:
            assert end + found.missing in starts


def chunk_texts(body: bytes) -> bytes:
    """A reading of its own."""
    content = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        content += rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]
    return content
