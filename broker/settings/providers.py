"""Which providers there are: the file's, and those that the environment switches on."""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from broker.settings import Provider, Quirks, Route, Settings, address_of, losses
from broker.settings.presets import PRESETS
from broker.settings.takes import Takes

_FLAGGED = ("chat", "messages")  # dialects whose messages may have a flag
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
# The least that can be asked of what a model takes: ids and names are told apart by their ends.
_LEAST = {
    **dict.fromkeys(("call_id_least", "budget_least", "budget_most", "length_least"), 1),
    **dict.fromkeys(("stops_most", "tools_most", "temperature_most", "top_p_beside_thinking"), 0),
    "call_id_most": 8,
    "tool_name_most": 16,
    "user_most": 16,
}
_MOST_OF_AN_ID = 40  # characters
_VALUE = re.compile(r"[ -~\t]*\Z")  # of a header
_ADDRESS = re.compile(r"[!-\[\]-~\x80-\U0010ffff]+\Z")  # no white space, no backslash
_CLIENTS = ("content-length", "transfer-encoding", "connection")  # how a body is sent


def add_from_environment(values: dict[str, Any], env: Mapping[str, str]) -> dict[str, str]:
    """Add the presets that are on, and the simulated provider; tell what brought each one."""
    providers: dict[str, Provider] = values["providers"]
    why = dict.fromkeys(providers, "the file")
    own = frozenset(providers)
    for name, preset in PRESETS.items():
        on = preset.switched_on(env)
        # An account that the file has an address of its own for is reached there alone.
        if on is not None and own.isdisjoint((name, _account_of(name))):
            providers[name], variables = on
            why[name] = " and ".join(variables)
    if (url := env.get("STREAMHOLD_SIM_URL")) and "sim" not in providers:
        providers["sim"] = Provider(base_url=url)
        providers.setdefault("sim-messages", Provider(base_url=url, dialect="messages"))
        values["routes"].setdefault("sim", Route(targets=("sim/default",)))
        providers.setdefault("sim-responses", Provider(base_url=url, dialect="responses"))
        google = url.rstrip("/").removesuffix("/v1") + "/v1beta"
        providers.setdefault("sim-gemini", Provider(base_url=google, dialect="gemini"))
    for name in providers:
        why.setdefault(name, "STREAMHOLD_SIM_URL")
    return why


def _account_of(preset: str) -> str:
    """The preset whose account this is too, spoken to in another dialect."""
    return preset.removesuffix("-responses")


def check(providers: dict[str, Provider], env: Mapping[str, str], found: list[str]) -> None:
    """Complain of what is wrong, each by its key."""
    for name, provider in providers.items():
        key = f"providers.{name}"
        if not _NAME.match(name):
            found.append(f"{key}: a name is letters, digits, '.', '_' and '-'")
        _check_address(key, provider, found)
        _check_key(key, provider, env, found)
        if provider.resumes and (provider.dialect == "gemini" or not provider.streams):
            found.append(f"{key}.resumes: not with dialect gemini or streams = false")
        if not _HEADER.match(provider.key_header):
            found.append(f"{key}.key_header: must be the name of a header")
        if provider.quirks != Quirks() and provider.dialect != "chat":
            found.append(f"{key}.quirks: only a provider of the chat dialect has any")
        found += [f"{key}.allow_loss: {line}" for line in losses.unknown(provider.allow_loss)]
        found += [
            f"{key}.quirks.takes: only top_k is known, not {field!r}"
            for field in provider.quirks.takes
            if field != "top_k"
        ]
        for pattern, takes in provider.takes.items():
            _check_takes(f"{key}.takes.{pattern}", takes, found)
        _check_headers(key, provider, found)
        check_prefill(key, provider.prefill, provider, found)
        _check_library(key, provider, found)


def check_prefill(
    key: str, prefill: bool | str | None, provider: Provider, found: list[str]
) -> None:
    """Complain of a flag that no message of this provider can have."""
    if isinstance(prefill, str) and (not prefill or provider.dialect not in _FLAGGED):
        can = "a flag's name, true or false" if provider.dialect in _FLAGGED else "true or false"
        found.append(f"{key}.prefill: of a provider that speaks {provider.dialect} it is {can}")


def _check_address(key: str, provider: Provider, found: list[str]) -> None:
    if not provider.base_url:
        if provider.library is None:
            found.append(f"{key}.base_url: is missing")
        return
    scheme, host = address_of(provider.base_url)
    if scheme not in ("http", "https") or not host:
        found.append(f"{key}.base_url: must be an http:// or https:// address")
    elif not _ADDRESS.match(provider.base_url) or not _is_host(host):
        found.append(f"{key}.base_url: holds what no address can")
    elif urlsplit(provider.base_url).port == 0:
        found.append(f"{key}.base_url: the port must be 1 to 65535")
    elif "@" in urlsplit(provider.base_url).netloc and _is_authorized(provider):
        found.append(f"{key}.base_url: holds a user, whose header is the key's: use key_header")
    elif "?" in provider.base_url or "#" in provider.base_url:
        found.append(f"{key}.base_url: must end with its path: what is called stands behind it")


def _check_takes(key: str, takes: Takes, found: list[str]) -> None:
    """Complain of bounds that nothing can be within."""
    for name, least in _LEAST.items():
        value = getattr(takes, name)
        if value is not None and value < least:
            found.append(f"{key}.{name}: must be {least} or more")
    if takes.call_id_most is not None and takes.call_id_most < (takes.call_id_least or 1):
        found.append(f"{key}.call_id_most: must be call_id_least or more")
    if (takes.call_id_least or 0) > _MOST_OF_AN_ID:
        found.append(f"{key}.call_id_least: must be {_MOST_OF_AN_ID} or less")


def _is_authorized(provider: Provider) -> bool:
    """Whether calls have an Authorization header already: a client sends but one."""
    keyed = provider.api_key_env is not None and provider.dialect in ("chat", "responses")
    names = [*provider.headers, *([provider.key_header] if keyed else ())]
    return "authorization" in map(str.lower, names)


def _is_host(host: str) -> bool:
    """Whether a client would take it: labels of 63 characters at most, none of them empty."""
    if ":" in host:
        return True  # an IPv6 address, which was read as one
    try:
        return bool(host.removesuffix(".").encode("idna"))
    except UnicodeError:
        return False


def _check_key(key: str, provider: Provider, env: Mapping[str, str], found: list[str]) -> None:
    """Complain of a key that is not there or that no header can hold, without telling it."""
    name = provider.api_key_env
    if not name:
        return
    text = env.get(name, "").strip()
    if not text:
        found.append(f"{key}.api_key_env: the environment has no {name}")
    elif not _VALUE.match(text):
        found.append(f"{key}.api_key_env: {name} holds what no header can: a line's end, say")


def _check_headers(key: str, provider: Provider, found: list[str]) -> None:
    """Complain of headers that can't be sent; what they say may be a secret."""
    names = [name.lower() for name in provider.headers]
    for name, value in provider.headers.items():
        shown = name if _HEADER.match(name) else "a name"
        if not _HEADER.match(name):
            found.append(f"{key}.headers: {shown} must be the name of a header")
        elif name.lower() in _CLIENTS:
            found.append(f"{key}.headers.{name}: is the client's own to say")
        elif names.count(name.lower()) > 1:
            found.append(f"{key}.headers.{name}: is there twice")
        if not _VALUE.match(value):
            found.append(f"{key}.headers.{shown}: holds what no header can: a line's end, say")


def _check_library(key: str, provider: Provider, found: list[str]) -> None:
    if provider.library is None:
        found += [
            f"{key}.{field}: needs a library"
            for field in ("vendor", "options")
            if getattr(provider, field)
        ]
        return
    if provider.dialect != "chat":
        found.append(f"{key}.dialect: a provider behind a library speaks chat")
    if provider.resumes:
        found.append(f"{key}.resumes: not through a library")
    if provider.headers:
        found.append(f"{key}.headers: can't be sent through a library")
    if provider.key_header != "Authorization":
        found.append(f"{key}.key_header: the library knows its own")


def missing_libraries(settings: Settings) -> list[str]:
    """What must be installed before these settings can be worked with, each by its key."""
    return [
        f"providers.{name}.library: {provider.library} is not installed: "
        f"pip install 'streamhold[{provider.library}]'"
        for name, provider in settings.providers.items()
        if provider.library is not None and find_spec(provider.library) is None
    ]
