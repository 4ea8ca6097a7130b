"""The openai SDK's HTTP client over our transport, where it is wanted; else None, for its own."""

from common import TRANSPORT
from openai import DefaultAsyncHttpxClient, DefaultHttpxClient

from streamhold_client.httpx2 import AsyncResumingTransport, ResumingTransport


def sync_http():
    """For ``http_client`` of an ``OpenAI``."""
    return DefaultHttpxClient(transport=ResumingTransport()) if TRANSPORT else None


def async_http():
    """For ``http_client`` of an ``AsyncOpenAI``."""
    return DefaultAsyncHttpxClient(transport=AsyncResumingTransport()) if TRANSPORT else None
