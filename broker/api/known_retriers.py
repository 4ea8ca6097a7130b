"""Clients known to send a lost call again, as it was and without an ``Idempotency-Key``.

Theirs are joinable unless something else is configured. Known by the product with which their
``User-Agent`` begins, each with what sets it:

    claude-cli/    Claude Code: the header of its requests, ``claude-cli/2.1.197 (external, cli)``
    codex          Codex: ``get_codex_user_agent`` in codex-rs, ``ORIGINATOR/VERSION (…)`` with the
                   originators ``codex_cli_rs``, ``codex_exec``, ``codex_vscode``, ``codex-tui``
    opencode/      OpenCode: ``session/llm.ts``, before the words that the AI SDK adds
    QwenCode/      Qwen Code: ``buildHeaders`` of its OpenAI-compatible provider

pi, aider and Continue repeat a call as well, but send what their SDK sends, or what any program
may: they need ``x-streamhold-join``, which each of them can be configured to send.

The official SDKs are not among them, though they repeat a call, with ``x-stainless-retry-count``
above 0. The count comes with the repetition only: whether a call is joinable must be known when it
is made first, so all calls of all SDKs would have to be, those of programs that ask the same
twice because they want two answers (evaluations, sampling) among them. And the count is no proof
for joining where a call *is* joinable: an agent's own repetition leaves it at 0.
"""

_PRODUCTS = ("claude-cli/", "codex_", "codex-", "opencode/", "QwenCode/")


def is_known(user_agent: str | None) -> bool:
    """Whether a client of this name repeats a lost call."""
    return user_agent is not None and user_agent.startswith(_PRODUCTS)
