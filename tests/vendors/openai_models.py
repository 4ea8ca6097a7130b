"""What OpenAI's models take, by their names.

Sources: developers.openai.com, "Reasoning models", "Using GPT-5.2" (parameter compatibility), and
the models' own pages.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Traits:
    """One model. ``efforts`` are those that it knows; a model without any does not reason."""

    efforts: tuple[str, ...]
    sampling: bool  # temperature, top_p and penalties other than the defaults
    idle: bool = False  # whether it does not reason unless told to; then sampling is taken

    @property
    def reasons(self) -> bool:
        return bool(self.efforts)

    def samples(self, effort: str | None) -> bool:
        """Whether it takes sampling parameters beside this effort."""
        return self.sampling or (self.idle and effort in (None, "none"))


_LEVELS = ("low", "medium", "high")
MODELS = {
    "gpt-4o-mini": Traits((), True),
    "gpt-4.1": Traits((), True),
    "o4-mini": Traits(_LEVELS, False),
    "gpt-5-mini": Traits(("minimal", *_LEVELS), False),
    "gpt-5.2": Traits(("none", *_LEVELS, "xhigh"), False, idle=True),
}
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
EFFORTS = "https://developers.openai.com/api/docs/guides/reasoning"
SAMPLING = (
    "https://developers.openai.com/api/docs/guides/latest-model#gpt-52-parameter-compatibility"
)
FUNCTIONS = "https://developers.openai.com/api/docs/guides/function-calling"
STRUCTURED = "https://developers.openai.com/api/docs/guides/structured-outputs"
LISTS = "https://github.com/modelscope/ms-agent/pull/610"  # "array schema missing items"
