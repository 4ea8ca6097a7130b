"""The Lua scripts: loaded from files, run by digest, reloaded when the server forgot them.

A script file, or a part, may include parts (``--@include NAME`` stands for ``NAME.part.lua``).
Servers older than 7 and fakeredis know no ``#!lua`` line: ``Scripts(..., shebang=False)``
strips it.
"""

import hashlib
import re
from collections import Counter
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

from broker.errors import StoreAway, StoreFull, StoreRefused
from broker.store import refusals

_INCLUDE = re.compile(r"^--@include (\w+)$", re.MULTILINE)
_WORD = re.compile(r"\w+")
_ASIDE = re.compile(r"--.*|'[^'\n]*'")  # comments and strings
_FUNCTION = re.compile(r"^local function (\w+)\(.*?^end\n", re.MULTILINE | re.DOTALL)


class ReplyError(Exception):
    """An error reply of the server, as it was sent."""


class Executor(Protocol):
    """Sends one command. Raises StoreAway without an answer, ReplyError for an error reply."""

    async def execute(self, *args: str | bytes | int) -> Any: ...

    async def server(self) -> str:
        """The server that takes the next command; empty if not known. See ``Wire.server``."""
        ...


@cache
def source(name: str) -> str:
    """The text of a script, with what it needs of the parts that it includes.

    A server makes each function anew whenever a script runs. What a script doesn't call is left
    out, for scripts stand in the way of every first token.
    """
    folder = files("broker.store") / "lua"

    def whole(file: str) -> str:
        text = (folder / f"{file}.lua").read_text()
        return _INCLUDE.sub(lambda part: whole(f"{part[1]}.part"), text)

    return _needed(whole(name))


def _needed(text: str) -> str:
    """A script without the functions on its top level that nothing in it calls."""
    while True:
        named = Counter(_WORD.findall(_ASIDE.sub("", text)))
        unused = [found for found in _FUNCTION.finditer(text) if named[found[1]] == 1]
        if not unused:
            return text
        for found in reversed(unused):
            text = text[: found.start()] + text[found.end() :]


@cache
def digest_of(name: str) -> str:
    """By which a server knows the script, its first line included."""
    return _digest(source(name))


def _digest(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Scripts:
    """Runs scripts over one executor."""

    def __init__(self, executor: Executor, *, shebang: bool = True) -> None:
        self._executor = executor
        self._shebang = shebang
        self._digests: dict[str, tuple[str, str]] = {}

    async def run(
        self,
        name: str,
        prefix: str,
        *args: str | bytes | int,
        over: Executor | None = None,
        server_at: int | None = None,
    ) -> Any:
        """The reply of a script over the partition with this prefix.

        ``over`` is another connection to the same server. With ``server_at`` the script is given,
        before that argument, which server runs it.

        Raises:
            StoreAway: no answer, or the server is not able to run scripts just now.
            StoreFull: the server refuses writes because its memory is full.
            StoreRefused: any other error reply. It is logged.
        """
        digest, text = self.prepared(name)
        executor = over or self._executor
        try:
            try:
                if server_at is None:
                    return await executor.execute("EVALSHA", digest, 1, prefix, *args)
                return await _evaluate(executor, digest, prefix, args, server_at)
            except ReplyError as error:
                if not str(error).startswith("NOSCRIPT"):
                    raise
            await executor.execute("SCRIPT", "LOAD", text)
            return await _evaluate(executor, digest, prefix, args, server_at)
        except ReplyError as error:
            raise translate(error, name) from error

    def prepared(self, name: str) -> tuple[str, str]:
        """A script's digest, and the text that the server gives that digest."""
        found = self._digests.get(name)
        if found is not None:
            return found
        text = source(name)
        if not self._shebang:
            text = text.partition("\n")[2]
        prepared = (_digest(text), text)
        self._digests[name] = prepared
        return prepared


async def _evaluate(
    executor: Executor,
    digest: str,
    prefix: str,
    args: tuple[str | bytes | int, ...],
    server_at: int | None,
) -> Any:
    if server_at is not None:
        server = await executor.server()  # the command leaves in the same turn
        args = (*args[:server_at], server, *args[server_at:])
    return await executor.execute("EVALSHA", digest, 1, prefix, *args)


def translate(error: ReplyError, operation: str = "command") -> StoreAway:
    """Our error for an error reply of the server, whatever it is.

    All are kinds of ``StoreAway``, so that whatever runs for ever tries again: a store whose
    rights or data somebody damaged may be mended while we run.
    """
    kind = refusals.kind_of(str(error))
    if kind == "full":
        return StoreFull()
    word = refusals.word_of(str(error))
    if kind == "away":
        return StoreAway(word)
    refusals.report(word, operation, kind)
    return StoreRefused(word)
