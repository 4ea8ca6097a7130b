"""The providers that variables of the environment switch on, without a configuration file.

A preset is on when all the variables that it needs are set: its key, and its address where
that is the user's own. None is ever on by default, a local server neither. What each takes
and refuses is from its own documentation or its official client, November 2026:

``prefill`` is set where all its chat models go on from a partial answer. Where that differs
from model to model (Together, Fireworks, OpenRouter, local servers) or is not documented
(OpenAI, xAI) it is not; a target may say otherwise.

``quirks`` follow the fields that are documented. Where the role ``developer`` is not, a
translated call says ``system``, which all of them know.
"""

from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

import msgspec

from broker.settings import Provider, Quirks

Env = Mapping[str, str]


class Preset(msgspec.Struct, frozen=True):
    """A provider and what switches it on.

    ``keys`` are the names that its key goes by; the first that is set is taken. ``address``
    makes its base URL out of ``needs``, all of which must be set; it may be nonsense if they
    are, and is then complained of like any other.
    """

    provider: Provider
    keys: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    address: Callable[[Env], str] | None = None
    keyless: bool = False  # a key is sent if there is one

    def switched_on(self, env: Env) -> tuple[Provider, tuple[str, ...]] | None:
        """The provider and the variables that switch it on, or None if they don't."""
        key = next((name for name in self.keys if env.get(name)), None)
        if not all(env.get(name) for name in self.needs) or (key is None and not self.keyless):
            return None
        provider = msgspec.structs.replace(self.provider, api_key_env=key)
        if self.address is not None:
            provider = msgspec.structs.replace(provider, base_url=self.address(env))
        return provider, (*((key,) if key else ()), *self.needs)


def _azure(env: Env) -> str:
    """A resource's v1 API; the portal shows the endpoint with and without its path."""
    endpoint = env["AZURE_OPENAI_ENDPOINT"].strip().rstrip("/")
    return endpoint if endpoint.endswith("/openai/v1") else endpoint + "/openai/v1"


def _cloudflare(env: Env) -> str:
    account = quote(env["CLOUDFLARE_ACCOUNT_ID"].strip(), safe="")
    return f"https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1"


def _ollama(env: Env) -> str:
    """OLLAMA_HOST as Ollama itself reads it: scheme, host and port, each with a default.

    The server reads the same variable for where to listen: everywhere is reached on loopback.
    """
    text = env["OLLAMA_HOST"].strip()
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        default = {"http": 11434 if "://" not in text else 80, "https": 443}
        port = parts.port or default.get(parts.scheme, 11434)
    except ValueError:
        return text
    host = parts.hostname or "127.0.0.1"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}/v1"


_LENGTH = {"max_completion_tokens": "max_tokens"}
# What most of OpenAI's kin know: no PDFs in chat.
_OLDER = Quirks(names=_LENGTH, developer_role=False, files=False)
_SYSTEM = Quirks(developer_role=False, files=False)
_TOP_K = ("top_k",)  # in their own API references, beside OpenAI's fields
_DEEPSEEK = msgspec.structs.replace(_OLDER, without=("response_format.json_schema",))
_SONAR = msgspec.structs.replace(_OLDER, without=("response_format.json_object",))


def _plain(url: str, key: str, quirks: Quirks, prefill: bool | str = False) -> Preset:
    return Preset(Provider(base_url=url, quirks=quirks, prefill=prefill), (key,))


PRESETS: dict[str, Preset] = {
    "openai": _plain("https://api.openai.com/v1", "OPENAI_API_KEY", Quirks()),
    "openai-responses": Preset(
        Provider(base_url="https://api.openai.com/v1", dialect="responses"), ("OPENAI_API_KEY",)
    ),
    # The variables are those of OpenAI's own client for Azure.
    "azure": Preset(
        Provider(key_header="api-key"),
        ("AZURE_OPENAI_API_KEY",),
        ("AZURE_OPENAI_ENDPOINT",),
        _azure,
    ),
    "azure-responses": Preset(
        Provider(key_header="api-key", dialect="responses"),
        ("AZURE_OPENAI_API_KEY",),
        ("AZURE_OPENAI_ENDPOINT",),
        _azure,
    ),
    # Its newer models refuse an assistant message last: platform.claude.com, "Errors".
    "anthropic": Preset(
        Provider(base_url="https://api.anthropic.com/v1", dialect="messages"),
        ("ANTHROPIC_API_KEY",),
    ),
    # An assistant message last, with prefix: docs.mistral.ai, "prefix" of AssistantMessage.
    # Any field beside its own is a 422; usage comes in the last chunk unasked.
    "mistral": _plain(
        "https://api.mistral.ai/v1",
        "MISTRAL_API_KEY",
        Quirks(
            names=_LENGTH,
            without=("reasoning_content", "refusal", "user", "verbosity"),
            developer_role=False,
            usage_option=False,
            files=False,
        ),
        "prefix",
    ),
    # An assistant message last, for any text model: console.groq.com/docs/prompting.
    # It refuses reasoning and refusals that are sent back.
    "groq": _plain(
        "https://api.groq.com/openai/v1",
        "GROQ_API_KEY",
        Quirks(without=("reasoning_content", "refusal"), files=False),
        prefill=True,
    ),
    # The same, at the address that has the chat API with its beta features and alone knows
    # prefix: api-docs.deepseek.com, "Chat Prefix Completion (Beta)".
    "deepseek": _plain("https://api.deepseek.com/beta", "DEEPSEEK_API_KEY", _DEEPSEEK, "prefix"),
    "xai": _plain("https://api.x.ai/v1", "XAI_API_KEY", _SYSTEM),
    "together": _plain(
        "https://api.together.ai/v1",
        "TOGETHER_API_KEY",
        msgspec.structs.replace(_OLDER, takes=_TOP_K),
    ),
    "fireworks": _plain(
        "https://api.fireworks.ai/inference/v1",
        "FIREWORKS_API_KEY",
        msgspec.structs.replace(_SYSTEM, takes=_TOP_K),
    ),
    "openrouter": _plain(
        "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", Quirks(takes=_TOP_K)
    ),
    "google": Preset(
        Provider(
            base_url="https://generativelanguage.googleapis.com/v1beta",
            dialect="gemini",
        ),
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    ),
    # docs.cohere.com, "Using Cohere models via the OpenAI SDK", has the two lists of fields.
    "cohere": Preset(
        Provider(
            base_url="https://api.cohere.ai/compatibility/v1",
            quirks=Quirks(
                names=_LENGTH,
                without=(
                    *("parallel_tool_calls", "user", "verbosity"),
                    *(f"reasoning_effort.{word}" for word in ("minimal", "low", "medium", "xhigh")),
                ),
                usage_option=False,
                files=False,
            ),
        ),
        ("CO_API_KEY", "COHERE_API_KEY"),
    ),
    "perplexity": _plain("https://api.perplexity.ai", "PERPLEXITY_API_KEY", _SONAR),
    "huggingface": _plain("https://router.huggingface.co/v1", "HF_TOKEN", _OLDER),
    "cloudflare": Preset(
        Provider(quirks=_OLDER), ("CLOUDFLARE_API_TOKEN",), ("CLOUDFLARE_ACCOUNT_ID",), _cloudflare
    ),
    # A field that it doesn't know is ignored: a length under OpenAI's newer name would be.
    "ollama": Preset(
        Provider(quirks=_OLDER), ("OLLAMA_API_KEY",), ("OLLAMA_HOST",), _ollama, keyless=True
    ),
    # The role is handed to the model's chat template, and few know developer.
    "vllm": Preset(
        Provider(quirks=msgspec.structs.replace(_SYSTEM, takes=_TOP_K)),
        ("VLLM_API_KEY",),
        ("VLLM_BASE_URL",),
        lambda env: env["VLLM_BASE_URL"].strip(),
        keyless=True,
    ),
}
