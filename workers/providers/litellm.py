"""LiteLLM, made fit for a worker: loaded once, and told to keep to itself.

Left alone it reads ``.env`` files, fetches a price list while it is imported, prints to
standard output, hands prompts to whatever callbacks are registered, downloads tokenizers to
estimate usage, fetches the pictures that a prompt names, and sends a request again when its
connection is closed unanswered. Of a job none of that may happen: prompts and keys go to the
provider and nowhere else, and a provider is called as often as the job's record says.
"""

import importlib
import logging
import os
import sys
from types import ModuleType
from typing import Any

from broker.errors import ConfigError

_BEFORE = {  # read while it is imported
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MODE": "PRODUCTION",
    "MAX_IMAGE_URL_DOWNLOAD_SIZE_MB": "0",
}
_SETTINGS = {
    "suppress_debug_info": True,
    "turn_off_message_logging": True,
    "disable_hf_tokenizer_download": True,
    "set_verbose": False,
    "drop_params": False,
    "modify_params": False,
    "num_retries": 0,
    "cache": None,
    "REPEATED_STREAMING_CHUNK_LIMIT": sys.maxsize,
}
_CALLBACKS = (
    *("callbacks", "input_callback", "success_callback", "failure_callback", "service_callback"),
    *("_async_input_callback", "_async_success_callback", "_async_failure_callback"),
)
_LOGGERS = ("LiteLLM", "LiteLLM Proxy", "LiteLLM Router", "openai", "httpx", "botocore")


def load() -> ModuleType:
    """The library. The first call takes seconds: make it before there is anything to hold up.

    Raises:
        ConfigError: it is not installed.
    """
    loaded = sys.modules.get("litellm")
    if loaded is not None:
        return loaded
    os.environ.update(_BEFORE)
    for name in _LOGGERS:
        _silence(logging.getLogger(name))
    try:
        library = importlib.import_module("litellm")
    except ImportError as error:
        raise ConfigError(
            "A provider has library = 'litellm', which is not installed: "
            "pip install 'streamhold[litellm]'"
        ) from error
    for name in _LOGGERS:  # it has given them handlers
        _silence(logging.getLogger(name))
    for name, value in _SETTINGS.items():
        setattr(library, name, value)
    for name in _CALLBACKS:
        getattr(library, name).clear()
    _call_once(importlib.import_module("litellm.llms.custom_httpx.http_handler").AsyncHTTPHandler)
    return library


def _silence(logger: logging.Logger) -> None:
    logger.handlers = [logging.NullHandler()]
    logger.propagate = False
    logger.disabled = True


def _call_once(client: Any) -> None:
    """Let a failed POST fail: its own way is to send it again over a new connection."""

    async def refuse(*_args: Any, **_kwargs: Any) -> Any:
        error = sys.exc_info()[1]
        raise error if error is not None else ConnectionError

    if not hasattr(client, "single_connection_post_request"):
        raise ConfigError("This version of litellm is not the one that Streamhold was made for.")
    client.single_connection_post_request = refuse
