"""Which names the proxy answers to. Pure.

A web page must not spend keys through loopback: its name can be made to point there, but it stays
in ``Host``. ``Origin`` is the broker's to judge, and is passed on.
"""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_own(host: str | None, hosts: frozenset[str]) -> bool:
    """Whether a ``Host`` header, port and all, is one of ours; HTTP/1.0 may have none."""
    if host is None:
        return True
    name = host.partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return is_loopback(name) or name.lower() in hosts
