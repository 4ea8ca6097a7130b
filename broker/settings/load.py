"""Build the settings from ``streamhold.toml`` and the environment, naming every wrong key."""

import math
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from broker.errors import ConfigError
from broker.settings import (
    Account,
    Breaker,
    Models,
    Provider,
    Route,
    RouteTarget,
    Secret,
    Section,
    Server,
    Settings,
    Store,
    Timeouts,
    Watched,
    Worker,
    addresses,
    callers,
    providers,
    store_address,
)
from broker.settings.patterns import STAR

S = TypeVar("S", bound=Section)

_SECTIONS: dict[str, type[Section]] = {
    "server": Server,
    "store": Store,
    "worker": Worker,
    "timeouts": Timeouts,
    "breaker": Breaker,
    "models": Models,
}
_TABLES: dict[str, type[Section]] = {"providers": Provider, "routes": Route, "accounts": Account}
_LONGEST_MODEL = 256  # characters: see ``broker.dialects.model_name``
_WATCHDOGS = Timeouts.__struct_fields__
_TARGETS = tuple[str | RouteTarget, ...]


def load(path: str | Path | None = None, env: Mapping[str, str] | None = None) -> Settings:
    """The settings of a file (or ``STREAMHOLD_CONFIG``, or none) and the environment.

    Raises:
        ConfigError: the file can't be read, or a key in it is wrong; ``problems`` of the
            same file lists every one.
    """
    env = os.environ if env is None else env
    path = path or env.get("STREAMHOLD_CONFIG")
    tree = _read(Path(path)) if path else {}
    found: list[str] = []
    settings = _build(tree, env, found)
    if found:
        raise ConfigError("; ".join(found))
    return settings


def problems(path: str | Path, env: Mapping[str, str] | None = None) -> list[str]:
    """Everything that is wrong with a file, each line beginning with its key."""
    env = os.environ if env is None else env
    found: list[str] = []
    try:
        _build(_read(Path(path)), env, found)
    except ConfigError as error:
        return [error.detail]
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _build(tree: dict[str, Any], env: Mapping[str, str], found: list[str]) -> Settings:
    for key in tree:
        if key not in _SECTIONS and key not in _TABLES:
            found.append(f"{key}: unknown key")
    values: dict[str, Any] = {
        name: _convert(tree.get(name, {}), kind, name, found) or kind()
        for name, kind in _SECTIONS.items()
    }
    for name, kind in _TABLES.items():
        values[name] = _table(tree.get(name, {}), kind, name, found)
    values["provider_origins"] = providers.add_from_environment(values, env)
    _check(values, env, found)
    if url := env.get("STREAMHOLD_STORE_URL"):
        values["store_url"] = Secret(url)
        found += store_address.problems(url)
    values["ticket_keys"] = callers.ticket_keys(env.get("STREAMHOLD_TICKET_KEY", ""), found)
    values["api_keys"] = {
        name: Secret(env[provider.api_key_env])
        for name, provider in values["providers"].items()
        if provider.api_key_env and env.get(provider.api_key_env)
    }
    return Settings(**values)


def _convert(value: Any, kind: type[S], key: str, found: list[str]) -> S | None:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        found += _complaints(value, kind, key)
        return None


def _complaints(value: Any, kind: type[Section], key: str) -> list[str]:
    """Every wrong key of a table: field by field, for a conversion stops at the first."""
    if not isinstance(value, dict):
        return [f"{key}: must be a table"]
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    lines = [f"{key}.{name}: unknown key" for name in value if name not in fields]
    if kind is Provider and value.keys().isdisjoint(("base_url", "library")):
        lines.append(f"{key}.base_url: is missing")
    for name, field in fields.items():
        if name not in value:
            if field.required:
                lines.append(f"{key}.{name}: is missing")
            continue
        rows = value[name]
        if field.type == _TARGETS and isinstance(rows, list):
            for place, row in enumerate(rows):
                lines += _target_complaints(row, f"{key}.{name}[{place}]")
        else:
            lines += _value_complaints(rows, field.type, f"{key}.{name}")
    return lines


def _target_complaints(row: Any, key: str) -> list[str]:
    if isinstance(row, dict):
        return _complaints(row, RouteTarget, key)
    return [] if isinstance(row, str) else [f"{key}: must be a text or a table"]


def _value_complaints(value: Any, kind: Any, key: str) -> list[str]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        return [f"{key}{where.rstrip('`')}: {what}"]
    return []


def _table(value: Any, kind: type[S], key: str, found: list[str]) -> dict[str, S]:
    if not isinstance(value, dict):
        found.append(f"{key}: must be a table of tables")
        return {}
    rows: dict[str, S] = {}
    for name, row in value.items():
        converted = _convert(row, kind, f"{key}.{name}", found)
        if converted is not None:
            rows[name] = converted
    return rows


def _check(values: dict[str, Any], env: Mapping[str, str], found: list[str]) -> None:
    """What types can't say, by key."""
    providers.check(values["providers"], env, found)
    for name, provider in values["providers"].items():
        _check_watchdogs(f"providers.{name}", provider, found)
    for model, route in values["routes"].items():
        _check_route(model, route, found)
        _check_targets(model, route, values["providers"], found)
    callers.check(values["server"], values["accounts"], found)
    _check_numbers(values, found)


def _check_route(model: str, route: Route, found: list[str]) -> None:
    if not 1 <= len(model) <= _LONGEST_MODEL or not model.isprintable():
        found.append(f"routes.{model!r}: a name is 1 to {_LONGEST_MODEL} characters that print")
    if model.count(STAR) > 1:
        found.append(f"routes.{model}: a pattern has one {STAR!r}")
    if route.attempts is not None and route.attempts < 1:
        found.append(f"routes.{model}.attempts: must be 1 or more")
    if route.retries is not None and route.retries < 0:
        found.append(f"routes.{model}.retries: must be 0 or more")
    if route.backoff is not None and not 0 <= route.backoff < math.inf:
        found.append(f"routes.{model}.backoff: must be 0 or more")
    if route.join is not None and not 0 <= route.join < math.inf:
        found.append(f"routes.{model}.join: must be 0 or more")
    if route.deadline is not None and not 0 < route.deadline < math.inf:
        found.append(f"routes.{model}.deadline: must be more than 0")


def _check_targets(model: str, route: Route, known: dict[str, Provider], found: list[str]) -> None:
    key = f"routes.{model}.targets"
    if not route.targets:
        found.append(f"{key}: needs at least one target")
    for place, (target, name) in enumerate(zip(route.targets, route.names, strict=True)):
        here = where = f"{key}[{place}]"
        if isinstance(target, RouteTarget):
            where = f"{here}.target"
            _check_watchdogs(here, target, found)
        provider, slash, rest = name.partition("/")
        if not slash or not rest:
            found.append(f"{where}: {name!r} must be PROVIDER/MODEL")
        elif provider not in known:
            found.append(f"{where}: there is no provider {provider!r}")
        elif name.count(STAR) > (STAR in model):
            most = "one '*'" if STAR in model else "no '*', as the route's own name has none"
            found.append(f"{where}: {name!r} may have {most}")
        elif name in route.names[:place]:  # its settings would be anybody's guess
            found.append(f"{where}: {name!r} is there twice (retries tries a target again)")
        elif addresses.in_address(known[provider]) and not addresses.is_path(rest, known[provider]):
            found.append(f"{where}: {name!r} can't be part of an address")
        elif isinstance(target, RouteTarget):
            providers.check_prefill(here, target.prefill, known[provider], found)


def _check_watchdogs(key: str, watched: Watched, found: list[str]) -> None:
    own = {name: value for name in _WATCHDOGS if (value := getattr(watched, name)) is not None}
    for name, value in own.items():
        if name in _POSITIVE["timeouts"] and not 0 < value < math.inf:
            found.append(f"{key}.{name}: must be more than 0")
        elif not 0 <= value < math.inf:
            found.append(f"{key}.{name}: must be 0 or more")


def _check_numbers(values: dict[str, Any], found: list[str]) -> None:
    _check_ranges(values, found)
    for section, key in (("server", "port"), ("worker", "metrics_port")):
        if not 0 <= getattr(values[section], key) < 65536:
            found.append(f"{section}.{key}: must be 0 to 65535")
    if (values["store"].maxmemory or 0) < 0:
        found.append("store.maxmemory: must be 0 or more")
    if values["worker"].renew * 2 > values["worker"].lease:
        found.append("worker.renew: must be at most half of worker.lease")
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", values["store"].deployment):
        found.append("store.deployment: must be 1-64 letters, digits, '.', '_' or '-'")


def _check_ranges(values: dict[str, Any], found: list[str]) -> None:
    for section, floors in _POSITIVE.items():
        for key in floors:
            if not 0 < getattr(values[section], key) < math.inf:
                found.append(f"{section}.{key}: must be more than 0")
    for section, keys in _NOT_NEGATIVE.items():
        for key in keys:
            if not 0 <= getattr(values[section], key) < math.inf:
                found.append(f"{section}.{key}: must be 0 or more")
    for section, key in _SHARES:
        if getattr(values[section], key) > 1:
            found.append(f"{section}.{key}: must be at most 1")


_SHARES = (
    ("worker", "batch_share"),
    ("breaker", "failure_ratio"),
    ("store", "headroom"),
    ("store", "account_share"),
)
_POSITIVE: dict[str, tuple[str, ...]] = {
    "server": (
        *("max_body", "header_hold", "ping", "send_timeout", "backlog", "grace"),
        *("head_timeout", "body_timeout", "body_rate", "keep_alive", "max_parts"),
        *("passed_calls", "passed_timeout", "socket_time"),
    ),
    "store": (
        *("partitions", "stream_ttl", "record_ttl", "timeout", "catch_ups", "max_queued"),
        *("account_share", "account_bytes"),
    ),
    "worker": (
        "concurrency",
        "lease",
        "renew",
        "rescue_tick",
        "attempts",
        "queue_timeout",
        "max_pending",
        "max_kept",
        "losses",
        "batch_share",
    ),
    "timeouts": ("connect", "first_token", "idle", "total", "throughput_window"),
    "breaker": ("window", "least_calls", "failure_ratio", "cooldown", "trial"),
    "models": ("refresh", "timeout", "most"),
}
_NOT_NEGATIVE: dict[str, tuple[str, ...]] = {
    "server": ("store_patience", "drain", "stuck", "join_known"),
    "store": ("compress_above", "headroom", "max_metadata"),
    "worker": ("backoff", "drain", "keep_acknowledged", "stuck", "account_slots"),
    "timeouts": ("throughput",),
    "breaker": ("patience",),
}
