"""What Gemini says went wrong, as a ``Failure``: by status and by Google's word for it.

Google answers 400 to a wrong key and to an account that may not call from where it is; both
are the operator's trouble. How long to wait stands in the body, not in a header.
"""

from typing import Any

import msgspec

from broker import refusal
from broker.dialects.neutral import errors
from broker.model import Failure
from workers.providers import failures

_OPERATORS = frozenset(("UNAUTHENTICATED", "PERMISSION_DENIED", "FAILED_PRECONDITION"))
_OPERATORS_REASONS = frozenset(("API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED", "SERVICE_DISABLED"))


def refused(status: int, body: bytes, retry_after: str | None, now: float) -> Failure:
    """A status other than 200; see ``broker.refusal``."""
    error = error_in(body)
    details = [each for each in _list(error.get("details")) if isinstance(each, dict)]
    reasons = {each.get("reason") for each in details}
    word = error.get("status")
    operators = word in _OPERATORS or not reasons.isdisjoint(_OPERATORS_REASONS)
    delay = next((each["retryDelay"] for each in details if "retryDelay" in each), None)
    if retry_after is None and isinstance(delay, str):
        retry_after = delay.removesuffix("s")
    failure = refusal.refused(403 if operators else status, body, retry_after, now)
    code = word if isinstance(word, str) and failure.code is not None else failure.code
    return msgspec.structs.replace(failure, provider_status=status, code=code)


def stream_error(error: Any) -> Failure:
    """An error object within an answer that began well."""
    failed = errors.from_gemini(error)
    found = failures.stream_error({"status": errors.status_of(failed), "message": failed.message})
    word = error.get("status") if isinstance(error, dict) else None
    return msgspec.structs.replace(found, code=word if isinstance(word, str) else None)


def error_in(body: bytes) -> dict[str, Any]:
    """The error object of a body; a list of one such object is what some versions send."""
    try:
        decoded = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return {}
    if isinstance(decoded, list) and decoded:
        decoded = decoded[0]
    error = decoded.get("error") if isinstance(decoded, dict) else None
    return error if isinstance(error, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
