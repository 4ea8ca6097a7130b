"""Clients known to make a failed or lost call again by themselves, without an ``Idempotency-Key``.

One list, read for two reasons: each target is tried once for all of them (``broker.api.retrying``),
and the calls of those whose repetition equals the first call can be joined (``broker.api.joining``)
unless something else is configured. They are known by the product with which their ``User-Agent``
begins, in upper or lower case:

    claude-cli/    Claude Code: its requests' header, ``claude-cli/2.1.197 (external, cli)``
    claude-code/   Claude Code: the header of its other calls
    codex          Codex: ``get_codex_user_agent`` in codex-rs, ``ORIGINATOR/VERSION (…)`` with the
                   originators ``codex_cli_rs``, ``codex_exec``, ``codex_vscode``, ``codex-tui``
    codex/         the library that starts Codex
    opencode/      OpenCode: ``session/llm.ts``, before the words that the AI SDK adds
    QwenCode/      Qwen Code: ``buildHeaders`` of its OpenAI-compatible provider
    ai/, ai-sdk/   Vercel's AI SDK, and any program that uses it
    litellm/       LiteLLM, the same

pi, aider and Continue repeat a call as well, but send what their SDK sends, or what any program
may: they need ``x-streamhold-join``, which each of them can be configured to send.

Libraries are not joined: programs that ask the same twice because they want two answers
(evaluations, sampling) use them too. The same holds for the official SDKs, which send
``x-stainless-retry-count`` with each call: a count above 0 comes with the repetition only, and
whether a call can be joined must be known when it is made first. Nor is the count proof where a
call can be joined: an agent's own repetition leaves it at 0.
"""

from typing import NamedTuple


class Client(NamedTuple):
    """``begins``: its ``User-Agent``, in lower case. ``joins``: its repetition equals the call."""

    begins: str
    joins: bool


CLIENTS = (
    Client("claude-cli/", joins=True),
    Client("claude-code/", joins=False),
    Client("codex_", joins=True),
    Client("codex-", joins=True),
    Client("codex/", joins=False),
    Client("opencode/", joins=True),
    Client("qwencode/", joins=True),
    Client("ai/", joins=False),
    Client("ai-sdk/", joins=False),
    Client("litellm/", joins=False),
)
_JOINED = tuple(each.begins for each in CLIENTS if each.joins)


def is_joined(user_agent: str | None) -> bool:
    """Whether the calls of a client of this name can be joined, if nothing says otherwise."""
    return user_agent is not None and user_agent.lower().startswith(_JOINED)
