"""The vendors as servers: they judge what they are asked, refuse it as they do, or answer it."""

import json
import random
from typing import Any

from aiohttp import web

from tests.histories.said import Events, draw_said, tools_in
from tests.histories.telling import events_of
from tests.vendors.rule import Refusal, Vendor
from tests.vendors.table import vendors
from tests.web_thread import WebThread

_DOWN = {"messages": 529, "chat": 503, "responses": 503, "gemini": 503}


class VendorServer(WebThread):
    """All vendors, in a thread of their own, each under its preset's name.

    ``down`` and ``cut`` name those that refuse every call for now, and those that break their
    answers off before they have said anything. ``refused`` is what was wrong with requests;
    ``served`` who answered. Nearly all of their answers call tools.
    """

    def __init__(self, seed: str) -> None:
        self.down: set[str] = set()
        self.cut: set[str] = set()
        self.refused: list[Refusal] = []
        self.served: list[str] = []
        self.asked: list[str] = []
        self._dice = random.Random(seed)
        self._vendors = {each.name: each for each in vendors()}
        self._said = 0
        app = web.Application()
        for path in ("chat/completions", "messages", "responses"):
            app.router.add_post(f"/{{preset}}/{path}", self._answer)
        app.router.add_post("/{preset}/models/{model}:streamGenerateContent", self._answer)
        super().__init__(app)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        model = request.match_info.get("model") or body["model"]
        vendor = self._vendors[f"{request.match_info['preset']}/{model}"]
        self.asked.append(vendor.name)
        refusals = vendor.refusals(body)
        if refusals:
            self.refused += refusals
            return web.json_response(_error(vendor, refusals[0]), status=400)
        if vendor.name in self.down:
            message = {"type": "overloaded_error", "message": "Overloaded"}
            return web.json_response({"error": message}, status=_DOWN[vendor.dialect])
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        events = self._events(vendor, body)
        if vendor.name in self.cut:
            if vendor.dialect != "gemini":  # whose first event says something
                await response.write(_line(vendor, events[0]))
            assert request.transport is not None
            request.transport.abort()
            return response
        self.served.append(vendor.name)
        for event in events:
            await response.write(_line(vendor, event))
        if vendor.dialect == "chat":
            await response.write(b"data: [DONE]\n\n")
        return response

    def _events(self, vendor: Vendor, body: dict[str, Any]) -> Events:
        self._said += 1
        tools = tools_in(vendor.dialect, body)
        calling = bool(tools) and self._dice.random() < 0.95
        word = f"said{self._said:03}x"
        said = draw_said(self._dice, vendor, tools, word, calling=calling)
        return events_of(self._dice, vendor, said, body)


def _line(vendor: Vendor, event: dict[str, Any]) -> bytes:
    name = f"event: {event['type']}\n" if vendor.dialect in ("messages", "responses") else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()


def _error(vendor: Vendor, refusal: Refusal) -> dict[str, Any]:
    """The vendor's error, in the shape that its API has for one."""
    message = f"{refusal.at}: {refusal.words}"
    match vendor.dialect:
        case "messages":
            error = {"type": "invalid_request_error", "message": message}
            return {"type": "error", "error": error, "request_id": "req_1"}
        case "gemini":
            return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}
        case _:
            return {
                "error": {"message": message, "type": "invalid_request_error", "param": refusal.at,
                          "code": None}
            }  # fmt: skip
