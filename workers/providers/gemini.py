"""A provider that speaks Google's ``generateContent``; no caller does.

It is asked in its own words and answers in them: ``translated`` stands between it and every
job. The base URL ends in the version, ``https://generativelanguage.googleapis.com/v1beta``.
"""

from typing import Any

from broker.frames import Frame
from broker.model import Failure
from broker.settings import addresses
from workers.providers import gemini_failures
from workers.providers.base import Call, Reply
from workers.providers.gemini_decoder import GeminiDecoder, decode_whole
from workers.providers.upstream import Upstream


class GeminiProvider(Upstream):
    """One account of Google's. A call's request is a ``generateContent`` body."""

    path = "/models"

    def _url(self, call: Call, streams: bool) -> str:
        # A tuned model has a path of its own.
        place = addresses.path(call.model)
        place = f"/{place}" if "/" in place else f"{self.path}/{place}"
        method = "streamGenerateContent?alt=sse" if streams else "generateContent"
        return f"{self._base}{place}:{method}"

    def _refused(self, status: int, body: bytes, retry_after: str | None, now: float) -> Failure:
        return gemini_failures.refused(status, body, retry_after, now)

    def _own_headers(self, request: dict[str, Any]) -> dict[str, str]:
        return {} if self._key is None else {"x-goog-api-key": self._key.reveal().strip()}

    def _decoder(self, call: Call, reply: Reply) -> GeminiDecoder:
        return GeminiDecoder(reply)

    def _whole(self, call: Call, body: bytes, reply: Reply) -> list[Frame]:
        return [decode_whole(body, reply)]
