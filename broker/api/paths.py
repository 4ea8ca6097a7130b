"""Where a call was meant to go: base URLs that have one ``/v1`` too many, or none, and slashes.

SDKs differ in what they add to a base URL: Anthropic's adds ``/v1/messages``, OpenAI's
``/chat/completions``. So a call whose path is off by that is served as what it means. Other paths
are answered with what is wrong with them, as far as they show it.
"""

import re

_SURFACE = ("chat", "completions", "embeddings", "messages", "models", "responses")
_VERSION = "v1"
_LONGEST = 2048  # characters of a path that are looked at
_GEMINI = re.compile(
    r"/v1(beta|alpha|beta1)?/.+:(stream)?(generate|count|embed|batch|predict)[A-Za-z]*\Z"
    r"|/v1(beta|alpha|beta1)/(models|files|cachedContents)(/|\Z)"
    r"|/upload/v1beta/",
    re.IGNORECASE,
)
_BELOW = re.compile(r"/.+/(chat/completions|completions|embeddings|messages|responses)\Z")
_OPENAI = re.compile(
    r"/v1/(assistants|audio|batches|containers|conversations|evals|files|fine_tuning|images"
    r"|moderations|organization|realtime|threads|uploads|vector_stores|videos)(/|\Z)"
)


def meant(path: str) -> str:
    """The path of the surface that a path means; the path itself if it means no other."""
    if len(path) > _LONGEST:
        return path
    words = [word for word in path.split("/") if word]
    while words[:1] == [_VERSION]:
        del words[0]
    return f"/{_VERSION}/" + "/".join(words) if words and words[0] in _SURFACE else path


def hint(path: str) -> str:
    """What a caller should know whose path is unknown; empty if that is not known."""
    path = path[:_LONGEST]
    if _GEMINI.search(path):
        return "Gemini's API is not spoken here; its models are served over the other surfaces."
    if _OPENAI.match(path):
        return "This part of OpenAI's API is not spoken here."
    if _BELOW.match(path):
        return "The base URL ends in /v1, and for Anthropic's clients before it."
    return "The surfaces are /v1/chat/completions, /v1/responses and /v1/messages."


def is_gemini(path: str) -> bool:
    """Whether a path is one of Gemini's."""
    return len(path) <= _LONGEST and _GEMINI.search(path) is not None
