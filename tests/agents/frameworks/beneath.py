"""The openai SDK's HTTP client over our transport, where it is wanted; else None, for its own."""

from importlib import import_module

import openai
from common import TRANSPORT

# Some frameworks hold the SDK below 3, which stands on httpx.
_NEW = int(openai.__version__.split(".")[0]) >= 3
_CLIENT = import_module("streamhold_client.httpx2" if _NEW else "streamhold_client.httpx")


def sync_http():
    """For ``http_client`` of an ``OpenAI``."""
    transport = _CLIENT.ResumingTransport()
    return openai.DefaultHttpxClient(transport=transport) if TRANSPORT else None


def async_http():
    """For ``http_client`` of an ``AsyncOpenAI``."""
    transport = _CLIENT.AsyncResumingTransport()
    return openai.DefaultAsyncHttpxClient(transport=transport) if TRANSPORT else None
