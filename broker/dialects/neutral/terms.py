"""Terms: how the operator has requests of other dialects put to a provider; and what callers
call the settings of a neutral request."""

import msgspec

from broker.settings import Names, Provider, Quirks, SystemTurns
from broker.settings.takes import Takes


class Terms(msgspec.Struct, frozen=True):
    """Of one provider: its name and what ``[providers.NAME]`` says of translated requests."""

    provider: str | None = None
    allow_loss: frozenset[str] = frozenset()
    names: Names = "ignore"
    system_turns: SystemTurns = "auto"
    quirks: Quirks = Quirks()
    takes: dict[str, Takes] = {}  # what models take, by patterns of their names
    drop: tuple[str, ...] = ()  # hosted tools that the route leaves out: ``dropping``

    @classmethod
    def of(cls, name: str, provider: Provider, drop: tuple[str, ...] = ()) -> "Terms":
        """The terms of a provider of the settings, for a route that drops these tools."""
        return cls(
            provider=name or None,
            allow_loss=frozenset(provider.allow_loss),
            names=provider.names,
            system_turns=provider.system_turns,
            quirks=provider.quirks,
            takes=provider.takes,
            drop=drop,
        )


_PATHS: dict[str, dict[str, str]] = {
    "chat": {
        "parallel": "parallel_tool_calls",
        "output": "response_format",
        "effort": "reasoning_effort",
        "max_tokens": "max_completion_tokens",
    },
    "messages": {
        "parallel": "tool_choice.disable_parallel_tool_use",
        "output": "output_config.format",
        "effort": "output_config.effort",
        "stop": "stop_sequences",
        "user": "metadata.user_id",
    },
    "responses": {
        "parallel": "parallel_tool_calls",
        "output": "text.format",
        "effort": "reasoning.effort",
        "verbosity": "text.verbosity",
        "max_tokens": "max_output_tokens",
    },
}
# What a chat provider may be without, by the neutral name.
_OF_CHAT = {path: name for name, path in _PATHS["chat"].items()}


def path_of(name: str, caller: str) -> str:
    """Where a caller of this dialect writes a setting of the neutral request."""
    return _PATHS.get(caller, _PATHS["chat"]).get(name, name)


def path_of_chat(field: str, caller: str) -> str:
    """Where a caller of this dialect writes what chat has under this name."""
    return path_of(_OF_CHAT.get(field, field), caller)
