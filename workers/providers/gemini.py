"""A provider that speaks Google's ``generateContent``; no caller does.

It is asked in its own words and answers in them: ``translated`` stands between it and every
job. The base URL ends in the version, ``https://generativelanguage.googleapis.com/v1beta``.
"""

from typing import Any
from urllib.parse import quote

import msgspec

from broker.frames import Frame
from workers.providers import gemini_failures
from workers.providers.base import Call, Reply
from workers.providers.gemini_decoder import GeminiDecoder, decode_whole
from workers.providers.upstream import Upstream


class GeminiProvider(Upstream):
    """One account of Google's. The request is a ``generateContent`` body, and so are frames."""

    path = ""  # the model is in it
    judge = staticmethod(gemini_failures.refused)

    def _address(self, call: Call, streams: bool) -> str:
        model = call.model
        path = model if "/" in model else f"models/{model}"  # a tuned model has its own path
        method = "streamGenerateContent?alt=sse" if streams else "generateContent"
        return f"{self._url}/{quote(path)}:{method}"

    def _own_headers(self, request: dict[str, Any]) -> dict[str, str]:
        return {} if self._key is None else {"x-goog-api-key": self._key.reveal().strip()}

    def _body(self, call: Call, streams: bool) -> bytes:
        return msgspec.json.encode(call.request)

    def _decoder(self, call: Call, reply: Reply) -> GeminiDecoder:
        return GeminiDecoder(reply)

    def _whole(self, call: Call, body: bytes, reply: Reply) -> list[Frame]:
        return [decode_whole(body, reply)]
