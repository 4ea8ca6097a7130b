"""The store's address: what may stand in it, and what each of its options takes.

An option that nothing reads would be an error at every connection, or none at all. No message
here holds a part of the address: there may be a password in it.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

KEY = "STREAMHOLD_STORE_URL"
_NAME = re.compile(r"[a-z_]{1,30}")
_SCHEMES = ("redis", "rediss", "unix")


def problems(url: str) -> Iterator[str]:
    """What is wrong with it, each beginning with its key."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # an unclosed bracket, a port that is no number
        yield f"{KEY}: can't be read as an address"
        return
    if parts.scheme not in _SCHEMES:
        yield f"{KEY}: must begin with redis://, rediss:// or unix://"
        return
    if not url.isprintable() or " " in url:
        yield f"{KEY}: holds white space, or what can't be printed"
    if parts.fragment or "#" in url:
        yield f"{KEY}: holds a '#': in a password it is %23"
    if port == 0:
        yield f"{KEY}: the port must be 1 to 65535"
    yield from _path_problems(parts)
    yield from _option_problems(parts)


def _path_problems(parts: SplitResult) -> Iterator[str]:
    if parts.scheme == "unix":
        if not parts.path:
            yield f"{KEY}: needs the path of a socket"
    elif not _is_number(unquote(parts.path).strip("/") or "0"):
        yield f"{KEY}: what stands behind the host must be the number of a database"


def _option_problems(parts: SplitResult) -> Iterator[str]:
    known = _OPTIONS | (_TLS if parts.scheme == "rediss" else {})
    seen: set[str] = set()
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        shown = name if _NAME.fullmatch(name) else "an option"
        if name not in known:
            yield f"{KEY}: {shown} of {parts.scheme}:// is not one of {', '.join(sorted(known))}"
        elif name in seen:
            yield f"{KEY}: {name} is there twice"
        elif not known[name][0](value):
            yield f"{KEY}: {name} must be {known[name][1]}"
        seen.add(name)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6


def _is_file(text: str) -> bool:
    return "\0" not in text and Path(text).is_file()


_Check = tuple[Callable[[str], bool], str]
_FILE: _Check = (_is_file, "a file that is there")
_OPTIONS: dict[str, _Check] = {
    "db": (_is_number, "a number"),
    "username": (bool, "a name"),
    "password": (bool, "a password"),
}
_TLS: dict[str, _Check] = {
    "ssl_ca_certs": _FILE,
    "ssl_certfile": _FILE,
    "ssl_keyfile": _FILE,
    "ssl_cert_reqs": (lambda text: text in ("none", "required"), "none or required"),
    "ssl_check_hostname": (lambda text: text.lower() in ("true", "false"), "true or false"),
}
