"""Whose fault a provider's refusal is: the caller's, the broker's or the operator's.

A status alone does not tell. A 400 may be of the caller's own words, or of a translation of them
that the vendor does not take; a 404 of a response that the caller names, or of a model that the
operator's route names. So it is judged by three things:

    the provider's code or words   ``SIGNS``: what is asked, the model, the operator's account
    who wrote the body             as the caller did, or the broker (translated, written out)
    who chose the model            a route, which is the operator's, or the caller

What follows, for a job that has delivered nothing:

    caller     final: the same call is refused again, wherever the fault lies in what it asks
    broker     it wrote the body, or took a target that is not for this: the next one has its turn
    operator   the same, and the target's breaker counts it

Alone each stays what the provider said, with its status. ``refusal`` reads the first of the three
and ``judged`` has the last word.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from msgspec.structs import replace

from broker.error_body import Said
from broker.model import Failure, Fault

About = Literal["request", "model", "ability", "account"]


class Sign(NamedTuple):
    """What tells what a refusal is about, whatever its status.

    ``word`` is a code or a type, in any case; ``text`` how the sentence begins, of vendors that
    give no code. ``source`` says whose it is.
    """

    about: About
    source: str
    word: str | None = None
    text: str | None = None


# request: nobody can be asked this, or nobody should be asked again.
# model: there is no such model there, or it can't be called there.
# ability: the model is there, and this is not for it: another one may do, and this one is well.
# account: the operator's key, its rights, its money.
SIGNS = (
    Sign("request", "OpenAI, Azure, Groq, OpenRouter", "context_length_exceeded"),
    Sign("request", "llama.cpp", "exceed_context_size_error"),
    Sign("request", "GitHub Copilot", "model_max_prompt_tokens_exceeded"),
    Sign("request", "OpenAI Responses", "previous_response_not_found"),
    Sign("request", "OpenAI Responses", "invalid_prompt"),
    Sign("request", "OpenAI", "content_policy_violation"),
    Sign("request", "OpenAI", "image_content_policy_violation"),
    Sign("request", "Azure OpenAI", "content_filter"),
    Sign("request", "Azure OpenAI, of a content filter", "ResponsibleAIPolicyViolation"),
    Sign("request", "DashScope", "data_inspection_failed"),
    Sign("request", "DashScope", "DataInspectionFailed"),
    Sign("request", "OpenRouter, of a moderation", "flagged_input"),
    Sign("model", "OpenAI and most of its kin", "model_not_found"),
    Sign("model", "Groq", "model_decommissioned"),
    Sign("model", "Mistral", "invalid_model"),
    Sign("model", "Together", "model_not_available"),
    Sign("model", "GitHub Models", "unknown_model"),
    Sign("model", "watsonx, GitHub Copilot", "model_not_supported"),
    Sign("model", "GitHub Copilot", "unsupported_api_for_model"),
    Sign("model", "Azure OpenAI", "DeploymentNotFound"),
    Sign("model", "Azure OpenAI, of a deployment", "OperationNotSupported"),
    Sign("model", "DeepSeek", text="Model Not Exist"),
    Sign("model", "Bedrock", text="The provided model identifier is invalid"),
    Sign("model", "Bedrock", text="This model version has reached the end of its life"),
    Sign("ability", "OpenRouter", text="No endpoints found that support"),
    Sign("ability", "OpenRouter", text="No endpoints found that can handle the requested param"),
    Sign("account", "OpenAI", "invalid_api_key"),
    Sign("account", "OpenAI", "account_deactivated"),
    Sign("account", "OpenAI", "billing_not_active"),
    Sign("account", "OpenAI", "billing_hard_limit_reached"),
    Sign("account", "Anthropic, one-api", "authentication_error"),
    Sign("account", "Anthropic", "permission_error"),
    Sign("account", "Anthropic", "billing_error"),
    Sign("account", "Anthropic", text="Your credit balance is too low"),
    Sign("account", "Google", "UNAUTHENTICATED"),
    Sign("account", "Google", "PERMISSION_DENIED"),
    Sign("account", "Google", "API_KEY_INVALID"),
    Sign("account", "Google", "API_KEY_SERVICE_BLOCKED"),
    Sign("account", "Google", "SERVICE_DISABLED"),
    Sign("account", "Google", text="API key not valid"),
    Sign("account", "Google", text="User location is not supported"),
    Sign("account", "xAI", text="Incorrect API key provided"),
    Sign("account", "AWS", "UnrecognizedClientException"),
    Sign("account", "AWS", "InvalidSignatureException"),
    Sign("account", "AWS", "ExpiredTokenException"),
    Sign("account", "AWS", "AccessDeniedException"),
    Sign("account", "DashScope", "Arrearage"),
)

_MISSING = (404, 410)
_ADDED = ("background", "stream", "stream_options")  # fields that the broker adds to any body
_NARROWED = frozenset(("models", "provider", "route"))  # a router's: what else it may not find
_LONG = ("contents", "input", "messages", "prompt", "system", "tools")  # not in an outline
_HEAD = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class Asked(NamedTuple):
    """What a refused call was.

    ``rewritten``: the body is not the caller's own. ``routed``: a route chose the target;
    ``named``: it names this very model, which is not made of the caller's text. ``fields`` are
    those at the top of the caller's request; ``names`` tells whether the request names something
    that its provider keeps, ``fetches`` an address that it fetches from: either may be missing too.
    """

    model: str  # the provider's own name for it
    rewritten: bool = False
    routed: bool = False
    named: bool = False
    fields: Iterable[str] = ()
    names: Callable[[], bool] = lambda: False
    fetches: Callable[[], bool] = lambda: False


def about(said: Said, signs: Iterable[Sign] | None = None) -> About | None:
    """What a refusal is about, as far as its code, its type or its first words tell.

    The first sign that fits counts, in the order of the table: a request that can't be asked comes
    before all else. A complaint about the field ``model`` is about the model.
    """
    words = {word.lower() for word in said.words}
    if said.code:
        words.add(said.code.lower())
    message = said.message or ""
    for sign in SIGNS if signs is None else signs:
        if sign.word is not None and sign.word.lower() in words:
            return sign.about
        if sign.text is not None and message.startswith(sign.text):
            return sign.about
    return "model" if said.param == "model" else None


def judged(failure: Failure, asked: Asked) -> Failure:
    """The refusal with whose fault it is, and what may help the job therefore.

    Anything but a provider's own refusal is returned as it is.
    """
    status, fault = failure.provider_status, failure.fault
    told = status is not None and 400 <= status < 500 and failure.status < 500
    if not told or failure.remedy == "retry":
        return failure
    again = failure.remedy == "next"  # known already: the broker wrote what an answer goes on from
    if fault is None and status in _MISSING:
        fault = _of_missing(failure, asked)
        if fault is None:  # the next one may find it, and nobody is to be blamed
            return (
                replace(failure, remedy="next")
                if asked.routed
                else replace(failure, fault="caller")
            )
    elif fault is None:
        ours = again or asked.rewritten or _is_added(failure, asked)
        fault = "broker" if ours else "caller"
    elif not asked.routed:  # whatever the model is or can: the caller chose it
        fault = "caller"
    if fault == "operator":
        # What a pattern made of the caller's text is his fault; another target may know it still.
        fault, again = "operator" if asked.named else "caller", again or asked.routed
    next = again or fault != "caller"
    return replace(failure, fault=fault, remedy="next" if next else "final")


def _of_missing(failure: Failure, asked: Asked) -> Fault | None:
    """Whose fault it is that something is not there, of which no code says what it is."""
    if not _NARROWED.isdisjoint(asked.fields):
        return None
    if asked.model.lower() in failure.message.lower():
        return "operator"
    head = _head(failure.param)
    if head is not None and head != "model" and (head in asked.fields or head in _LONG):
        return "caller"
    if asked.names():
        return "caller"
    return None if asked.fetches() else "operator"


def _is_added(failure: Failure, asked: Asked) -> bool:
    """Whether the provider complains of a field that the caller didn't write."""
    head = _head(failure.param)
    return head in _ADDED and head not in asked.fields


def _head(param: str | None) -> str | None:
    found = _HEAD.match(param or "")
    return found[0] if found else None


def fetches(request: Mapping[str, Any]) -> bool:
    """Whether a request has an address that a provider would fetch something from."""
    level: list[Any] = [request]
    while level:
        inner: list[Any] = []
        for each in level:
            for key, value in each.items() if isinstance(each, dict) else enumerate(each):
                if isinstance(value, dict | list):
                    inner.append(value)
                elif isinstance(value, str) and key in _FETCHED and value.startswith("http"):
                    return True
        level = inner
    return False


_FETCHED = ("url", "image_url", "file_url", "fileUri", "file_uri", "uri", "server_url")
