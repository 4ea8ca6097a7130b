"""``GET /`` and ``HEAD /``: that this is Streamhold and where its interfaces are.

Claude Code asks for it before its first call, and people open it in a browser. It needs no key, and
tells nothing that ``/openapi.json`` doesn't.
"""

from starlette.requests import Request
from starlette.responses import Response

_PAGE = """\
This is Streamhold, a broker of calls to language models.

  POST /v1/chat/completions   OpenAI's chat completions
  POST /v1/responses          OpenAI's responses
  POST /v1/messages           Anthropic's messages
  GET  /v1/models             what can be called
  GET  /openapi.json          all of it, for tools

A base URL for OpenAI's clients ends in /v1, one for Anthropic's does not.
"""


async def front(request: Request) -> Response:
    """The page, as plain text."""
    return Response(_PAGE, 200, media_type="text/plain")
