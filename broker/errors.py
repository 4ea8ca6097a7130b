"""Every error that Streamhold raises on purpose, in one tree.

The docstring of a class is its message's first sentence; ``detail`` says what was wrong
this time. Nothing here knows an HTTP status: ``broker.api.problems`` holds the one table
that maps these classes to statuses and to the error shapes of the dialects.

``retryable`` says whether the same call may succeed later, unchanged.
"""

from collections.abc import Sequence
from typing import ClassVar

from broker.loss import Loss, worded


class StreamholdError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "", *, param: str | None = None) -> None:
        self.detail = detail
        self.param = param
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The class's sentence, followed by this error's detail."""
        sentence = (self.__class__.__doc__ or "").strip().partition("\n")[0]
        return f"{sentence} {self.detail}".strip()


# ── The caller's ───────────────────────────────────────────────────────────────────────


class BadRequest(StreamholdError):
    """The request is malformed."""

    code = "invalid_request"


class BadRequestId(BadRequest):
    """A request id is 1-128 characters of A-Z a-z 0-9 . _ : - and starts alphanumeric."""

    code = "invalid_request_id"


class BadCursor(BadRequest):
    """The cursor is not a sequence number of this stream."""

    code = "invalid_cursor"


class Unexpressible(BadRequest):
    """The request can't be translated into the provider's dialect.

    ``losses`` are all reasons; ``param`` is the first one's path.
    """

    code = "unexpressible"

    def __init__(
        self, detail: str = "", *, param: str | None = None, losses: Sequence[Loss] = ()
    ) -> None:
        self.losses = tuple(losses)
        if self.losses:
            detail = detail or worded(self.losses)
            param = param or self.losses[0].path
        super().__init__(detail, param=param)


class Unsendable(BadRequest):
    """The request can't be sent to the provider."""

    code = "unsendable"


class ForeignId(BadRequest):
    """The request names something that the provider keeps, which may be another account's."""

    code = "foreign_id"


class PreviousNotFound(BadRequest):
    """There is no response before this one under that id, or it has not completed."""

    code = "previous_response_not_found"


class ItemNotFound(BadRequest):
    """There is no item under that id."""

    code = "item_not_found"


class UnsupportedMediaType(StreamholdError):
    """The body must be sent as application/json."""

    code = "unsupported_media_type"


class UnknownEncoding(UnsupportedMediaType):
    """The body comes in a content encoding that is not spoken here."""

    code = "unsupported_content_encoding"


class SlowRequest(StreamholdError):
    """The request did not come in in time."""

    code = "request_timeout"
    retryable = True


class HeadTooLarge(StreamholdError):
    """The request's line and headers are over the limit."""

    code = "head_too_large"


class UnknownCoding(StreamholdError):
    """The body comes in a transfer coding that is not spoken here."""

    code = "unknown_transfer_coding"


class TooLarge(StreamholdError):
    """The request body is over the limit."""

    code = "request_too_large"


class NotAuthenticated(StreamholdError):
    """No valid API key was given."""

    code = "invalid_api_key"


class BadTicket(NotAuthenticated):
    """The ticket is not valid here, or no longer."""

    code = "invalid_ticket"


class Forbidden(StreamholdError):
    """This host or origin may not call."""

    code = "forbidden"


class UnknownPath(StreamholdError):
    """There is nothing at this path."""

    code = "unknown_path"


class MethodNotAllowed(StreamholdError):
    """This path does not take this method."""

    code = "method_not_allowed"


class UpgradeRequired(StreamholdError):
    """No WebSocket can be opened by this request."""

    code = "websocket_not_supported"


class SocketExpired(StreamholdError):
    """This WebSocket has been open for as long as one may be; open a new one to go on."""

    code = "websocket_connection_limit_reached"


class UnknownModel(StreamholdError):
    """The model does not exist."""

    code = "model_not_found"


class AmbiguousModel(BadRequest):
    """More than one provider has a model of this name."""

    code = "ambiguous_model"


class OtherDialect(BadRequest):
    """The model's provider does not speak the dialect of this call."""

    code = "other_dialect"


class JobNotFound(StreamholdError):
    """There is no job under this request id."""

    code = "job_not_found"


class ResponseNotFound(JobNotFound):
    """There is no response with this id."""

    code = "response_not_found"


class JobGone(StreamholdError):
    """The job's stream was deleted or has expired."""

    code = "job_gone"


class FramesLost(StreamholdError):
    """The store lost frames of this stream that could not be sent again."""

    code = "frames_lost"
    retryable = True


class RequestIdReused(StreamholdError):
    """The request id already names a job with another body."""

    code = "request_id_reused"


class AccountBusy(StreamholdError):
    """The account has as much under way as it may have."""

    code = "account_busy"
    retryable = True


class TooManyCalls(StreamholdError):
    """The account has as many calls under way as it may have."""

    code = "too_many_calls"
    retryable = True


class NotRetriable(StreamholdError):
    """Only a failed job that delivered nothing can be retried."""

    code = "not_retriable"


# ── The deployment's ───────────────────────────────────────────────────────────────────


class ConfigError(StreamholdError):
    """The configuration is wrong."""

    code = "configuration"


class StartFailed(StreamholdError):
    """A process of the deployment can't be started."""

    code = "start_failed"


class StoreAway(StreamholdError):
    """The store can't be reached just now."""

    code = "store_unavailable"
    retryable = True


class StoreFull(StoreAway):
    """The store has no memory left for new jobs."""

    code = "store_full"


class StoreRefused(StoreAway):
    """The store refused the operation."""

    code = "store_refused"


class QueueFull(StreamholdError):
    """Too many jobs are queued already."""

    code = "queue_full"
    retryable = True


class Overloaded(StreamholdError):
    """This process has too much to do just now."""

    code = "overloaded"
    retryable = True


class Draining(StreamholdError):
    """This process is shutting down and takes no new calls."""

    code = "draining"
    retryable = True


class Crowded(StreamholdError):
    """This process has as many connections open as it can."""

    code = "too_many_connections"
    retryable = True


class JobFailed(StreamholdError):
    """The job ended without an answer."""

    code = "job_failed"
