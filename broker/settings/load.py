"""Build the settings from ``streamhold.toml`` and the environment, naming every wrong key."""

import math
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from broker.errors import ConfigError
from broker.settings import (
    Account,
    Breaker,
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
    callers,
)
from broker.settings.presets import PRESETS

S = TypeVar("S", bound=Section)

_SECTIONS: dict[str, type[Section]] = {
    "server": Server,
    "store": Store,
    "worker": Worker,
    "timeouts": Timeouts,
    "breaker": Breaker,
}
_TABLES: dict[str, type[Section]] = {"providers": Provider, "routes": Route, "accounts": Account}
_WATCHDOGS = Timeouts.__struct_fields__
_TARGETS = tuple[str | RouteTarget, ...]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")


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
    _add_from_environment(values, env)
    _check(values, env, found)
    if url := env.get("STREAMHOLD_STORE_URL"):
        values["store_url"] = Secret(url)
        if _address(url)[0] not in ("redis", "rediss", "unix"):
            found.append("STREAMHOLD_STORE_URL: must begin with redis://, rediss:// or unix://")
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


def _add_from_environment(values: dict[str, Any], env: Mapping[str, str]) -> None:
    providers: dict[str, Provider] = values["providers"]
    own = frozenset(providers)
    for name, provider in PRESETS.items():
        # An account that the file has an address of its own for is reached there alone.
        if env.get(provider.api_key_env or "") and own.isdisjoint((name, _account_of(name))):
            providers[name] = provider
    if (url := env.get("STREAMHOLD_SIM_URL")) and "sim" not in providers:
        providers["sim"] = Provider(base_url=url)
        providers.setdefault("sim-messages", Provider(base_url=url, dialect="messages"))
        values["routes"].setdefault("sim", Route(targets=("sim/default",)))
        providers.setdefault("sim-responses", Provider(base_url=url, dialect="responses"))


def _account_of(preset: str) -> str:
    """The preset whose account this is too, spoken to in another dialect."""
    return preset.removesuffix("-responses")


def _check(values: dict[str, Any], env: Mapping[str, str], found: list[str]) -> None:
    """What types can't say, by key."""
    _check_providers(values["providers"], env, found)
    for model, route in values["routes"].items():
        _check_route(model, route, found)
        _check_targets(f"routes.{model}.targets", route, values["providers"], found)
    callers.check(values["server"], values["accounts"], found)
    _check_numbers(values, found)


def _check_route(model: str, route: Route, found: list[str]) -> None:
    if route.attempts is not None and route.attempts < 1:
        found.append(f"routes.{model}.attempts: must be 1 or more")
    if route.retries is not None and route.retries < 0:
        found.append(f"routes.{model}.retries: must be 0 or more")
    if route.backoff is not None and not 0 <= route.backoff < math.inf:
        found.append(f"routes.{model}.backoff: must be 0 or more")
    if route.deadline is not None and not 0 < route.deadline < math.inf:
        found.append(f"routes.{model}.deadline: must be more than 0")


def _check_targets(
    key: str, route: Route, providers: dict[str, Provider], found: list[str]
) -> None:
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
        elif provider not in providers:
            found.append(f"{where}: there is no provider {provider!r}")
        elif name in route.names[:place]:  # its settings would be anybody's guess
            found.append(f"{where}: {name!r} is there twice (retries tries a target again)")


def _check_watchdogs(key: str, watched: Watched, found: list[str]) -> None:
    own = {name: value for name in _WATCHDOGS if (value := getattr(watched, name)) is not None}
    for name, value in own.items():
        if name in _POSITIVE["timeouts"] and not 0 < value < math.inf:
            found.append(f"{key}.{name}: must be more than 0")
        elif not 0 <= value < math.inf:
            found.append(f"{key}.{name}: must be 0 or more")


def _check_providers(
    providers: dict[str, Provider], env: Mapping[str, str], found: list[str]
) -> None:
    for name, provider in providers.items():
        if not _NAME.match(name):
            found.append(f"providers.{name}: a name is letters, digits, '.', '_' and '-'")
        scheme, host = _address(provider.base_url)
        if scheme not in ("http", "https") or not host:
            found.append(f"providers.{name}.base_url: must be an http:// or https:// address")
        if provider.api_key_env and not env.get(provider.api_key_env):
            found.append(
                f"providers.{name}.api_key_env: the environment has no {provider.api_key_env}"
            )
        if provider.resumes and (provider.dialect == "gemini" or not provider.streams):
            found.append(f"providers.{name}.resumes: not with dialect gemini or streams = false")
        _check_watchdogs(f"providers.{name}", provider, found)


def _address(url: str) -> tuple[str, str]:
    """Scheme and host of an address; both empty if it can't be read as one."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # read for its check alone
        return parts.scheme, parts.hostname or ""
    except ValueError:  # an unclosed bracket, a port that is no number
        return "", ""


def _check_numbers(values: dict[str, Any], found: list[str]) -> None:
    _check_ranges(values, found)
    for section, key in (("server", "port"), ("worker", "metrics_port")):
        if not 0 <= getattr(values[section], key) < 65536:
            found.append(f"{section}.{key}: must be 0 to 65535")
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


_SHARES = (("worker", "batch_share"), ("breaker", "failure_ratio"), ("store", "headroom"))
_POSITIVE: dict[str, tuple[str, ...]] = {
    "server": ("max_body", "header_hold", "ping", "send_timeout", "backlog", "grace"),
    "store": ("partitions", "stream_ttl", "record_ttl", "timeout", "catch_ups", "max_queued"),
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
}
_NOT_NEGATIVE: dict[str, tuple[str, ...]] = {
    "server": ("store_patience", "drain"),
    "store": ("compress_above", "headroom"),
    "worker": ("backoff", "drain", "keep_acknowledged"),
    "timeouts": ("throughput",),
}
