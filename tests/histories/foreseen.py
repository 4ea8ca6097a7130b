"""What may be refused before the call, by its name as the caller wrote it, and why.

A refusal is foreseen if the path it names is here: then no vendor was called in vain. The rest of
what a caller may ask is put to every vendor in a way that it takes.
"""

import re

FORESEEN: dict[str, str] = {
    r"seed|frequency_penalty|presence_penalty": "messages and responses have nothing like it",
    r"top_k": "responses, and most chat vendors, have nothing like it",
    r"verbosity|text\.verbosity": "only OpenAI has it",
    r"temperature|top_p": "reasoning models, and models that think, take none",
    r"thinking(\..+)?|output_config\.effort|reasoning_effort|reasoning(\..+)?": (
        "the model does not think, or not so much or so little"
    ),
    r"tool_choice(\..+)?": "a model that thinks can't be forced to call a tool",
    r"response_format(\..+)?|text\.format(\..+)?|output_config\.format(\..+)?": (
        "the vendor has no such output, or not beside tools"
    ),
    r"max_tokens|max_completion_tokens|max_output_tokens": (
        "no vendor of responses answers in fewer than 16 tokens"
    ),
    r"(messages|input)\[\d+\]\.content\[\d+\](\..+)?": (
        "pictures by URL, and pictures and files where the vendor takes none"
    ),
    r"messages\[\d+\]\.tool_calls\[\d+\]|input\[\d+\]": (
        "arguments that were cut off, and are no JSON object"
    ),
    r"(messages|input)\[\d+\](\.content\[\d+\])?\.(content|output)(\[\d+\])?": (
        "pictures of tools' results where the vendor takes none"
    ),
}
_ALL = re.compile("|".join(f"(?:{path})" for path in FORESEEN))


def is_foreseen(path: str) -> bool:
    """Whether a refusal may name this path."""
    return _ALL.fullmatch(path) is not None
