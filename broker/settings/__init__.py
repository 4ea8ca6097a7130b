"""The settings: one frozen tree, read from ``streamhold.toml`` and the environment.

The tree is defined here and built in ``load``, the only reader of the environment. Every
duration is in seconds and every size in bytes unless a field says otherwise. An unknown key
is an error that names it. Secrets are never part of the file: it names the environment
variable that holds each.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec

from broker.settings.patterns import STAR, Pattern, best, filled, patterns_of
from broker.settings.takes import Takes

T = TypeVar("T")

# What becomes of the name of a participant, and of system messages within a conversation, where
# the provider's dialect has no room for them: see ``Provider``.
Names = Literal["ignore", "text"]
SystemTurns = Literal["auto", "native", "user"]

_MOST_DERIVED = 1000  # by the models that callers name, which may be any
_LONGEST_DERIVED = 1000  # characters of a key; what is longer is found anew each time


class Secret:
    """A text that prints as ``***``; ``reveal`` gives it to the one place that sends it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the configuration file."""


class Server(Section, frozen=True):
    """``[server]``: the HTTP surface."""

    host: str = "127.0.0.1"
    port: int = 8080
    allowed_hosts: tuple[str, ...] = ()  # Host names answered to, beside loopback's own
    allowed_origins: tuple[str, ...] = ()  # pages that may call and read; "*" is any
    max_body: int = 32 * 1024 * 1024
    max_parts: int = 500_000  # values in a body, roughly: braces, brackets and commas are counted
    header_hold: float = 10.0  # how long a streaming POST may wait for its first frame
    ping: float = 15.0  # between keep-alive lines on a silent stream
    store_patience: float = 30.0  # how long an open stream waits for a store that is away
    drain: float = 20.0  # how long open streams may go on after SIGTERM
    grace: float = 10.0  # without readers, before a job with on_disconnect=cancel is cancelled
    send_timeout: float = 60.0  # a client that takes nothing for so long is cut off
    backlog: int = 4096  # connections
    head_timeout: float = 10.0  # for a request's head, and for the first one to begin
    body_timeout: float = 30.0  # for a request's body; each body_rate bytes give a second more
    body_rate: float = 16 * 1024.0  # bytes a second
    # Between two requests. Longer than clients and proxies keep connections (httpx 5, nginx 60),
    # else they send a call into one that is being closed.
    keep_alive: float = 75.0
    stuck: float = 30.0  # a process whose loop is held for so long no longer has its readers
    socket_time: float = 3600.0  # a WebSocket is closed after so long
    # For so many seconds calls of clients that are known to repeat a lost call without a key are
    # joined; 0 is off. See ``broker.api.known_retriers``.
    join_known: float = 120.0
    passed_calls: int = 8  # to count_tokens, of one account at once in a process
    passed_timeout: float = 30.0  # one of them, over all targets
    # Which callers make a failed call again by themselves, so that no target is tried twice for
    # one: those that are known to (see ``broker.api.retrying``), all of them, or none.
    callers_retry: Literal["known", "all", "none"] = "known"
    retrying_agents: tuple[str, ...] = ()  # beginnings of User-Agents that do so as well


class Store(Section, frozen=True):
    """``[store]``: Redis or Valkey, and how long it keeps what."""

    deployment: str = "streamhold"  # the first word of every key and channel
    partitions: int = 1  # fixed for the life of a deployment's data
    stream_ttl: float = 24 * 3600.0  # a stream, after its end
    record_ttl: float = 7 * 24 * 3600.0  # a record, after its end
    compress_above: int = 4096  # request bodies
    max_queued: int = 100_000  # jobs of one priority in a partition's queue; more are refused
    # Share of a queue, and of the memory for request bodies, that one of several accounts may take.
    account_share: float = 0.5
    account_bytes: int = 256 * 1024 * 1024  # stored bodies of an account's open jobs, at most
    max_metadata: int = 16 * 1024  # bytes of a job's metadata as JSON
    # Bytes of memory that the store of `up` may use; None: 40 % of the machine's; 0: no limit.
    maxmemory: int | None = None
    headroom: float = 0.1  # share of the store's maxmemory that new jobs leave to running ones
    timeout: float = 5.0  # one command
    catch_ups: int = 64  # readers catching up at once after a reconnect


class Worker(Section, frozen=True):
    """``[worker]``: claiming, leases and rescue."""

    concurrency: int = 200  # jobs a process
    # With accounts: one may take a further slot while it holds fewer than so many times those that
    # are free, so that some are left for others; 0 is off.
    account_slots: float = 4.0
    batch_share: float = 0.8  # of them at most so many are batch jobs; the rest is interactive
    lease: float = 2.0
    renew: float = 0.5
    rescue_tick: float = 0.25
    stuck: float = 30.0  # a worker whose loop is held for so long loses its jobs
    attempts: int = 3  # tries of a job in all, whatever ended each
    losses: int = 3  # workers that a job may lose; then it is taken to be what kills them
    backoff: float = 0.2  # before the second try; doubles, with jitter
    queue_timeout: float = 600.0  # a job not claimed for so long fails
    drain: float = 20.0  # how long running jobs may go on after SIGTERM
    keep_acknowledged: float = 2.0  # acknowledged frames held for a REWIND
    max_pending: int = 1024 * 1024  # bytes of a job not yet acknowledged before reading stops
    max_kept: int = 64 * 1024 * 1024  # bytes of all jobs' acknowledged frames, likewise
    metrics_port: int = 0  # a worker's own /metrics on loopback; 0 is off


class Timeouts(Section, frozen=True):
    """``[timeouts]``: the upstream watchdogs; a provider and a target may set their own."""

    connect: float = 10.0
    first_token: float = 120.0
    idle: float = 60.0
    total: float = 1800.0
    throughput: float = 0.0  # events a second, after the first; 0 is off
    throughput_window: float = 15.0  # over which throughput is measured


class Breaker(Section, frozen=True):
    """``[breaker]``: when a target that keeps failing is left alone, by all workers at once."""

    window: float = 30.0  # over which calls are counted
    least_calls: int = 10  # in the window, before the ratio means anything
    failure_ratio: float = 0.5  # of the calls in the window; at or above it the breaker opens
    cooldown: float = 10.0  # open for so long; then one call is let through as a trial
    trial: float = 60.0  # a trial that has not been reported by then is given to another call
    patience: float = 3600.0  # from its creation, that a batch job waits for a target


class Watched(Section, frozen=True, kw_only=True):
    """Watchdogs of one's own, field by field as in ``Timeouts``; None is the wider setting."""

    connect: float | None = None
    first_token: float | None = None
    idle: float | None = None
    total: float | None = None
    throughput: float | None = None
    throughput_window: float | None = None


class Quirks(Section, frozen=True):
    """``[providers.NAME.quirks]``: where a provider of the chat dialect differs from OpenAI.

    They shape what the broker itself writes: calls that it translates from another dialect,
    and its own ``stream_options``. A caller who speaks chat says what he means.
    """

    names: dict[str, str] = {}  # what it calls a field, by OpenAI's name
    without: tuple[str, ...] = ()  # FIELD or FIELD.VALUE: see ``broker.dialects.neutral.quirks``
    takes: tuple[str, ...] = ()  # beyond OpenAI's fields: "top_k"
    files: bool = True  # false: it takes no PDFs
    developer_role: bool = True  # false: such messages are sent as system messages
    usage_option: bool = True  # false: it refuses stream_options.include_usage


class Provider(Watched, frozen=True, kw_only=True):
    """``[providers.NAME]``: one upstream account."""

    base_url: str = ""  # needed, but for a library, which has its own
    dialect: Literal["chat", "responses", "messages", "gemini"] = "chat"
    api_key_env: str | None = None
    key_header: str = "Authorization"  # of chat and responses; another one takes the bare key
    headers: dict[str, str] = {}
    quirks: Quirks = Quirks()
    library: Literal["litellm"] | None = None  # called through this, instead of directly
    vendor: str | None = None  # the library's word for it; None: the provider's name
    options: dict[str, str] = {}  # passed to the library with each call; never a secret
    streams: bool = True  # false: asked without stream, answered in one frame
    # Whether a call goes on there when its connection is lost, and can be attached to again:
    # the responses dialect in background mode, or another Streamhold in any dialect.
    resumes: bool = False
    # Whether its models go on from a partial answer sent as the last message. A text names
    # the flag that it wants set in that message.
    prefill: bool | str = False
    # Whether calls may name what the provider keeps, whoever it was made for: see
    # ``broker.dialects.kept``. None: where there is one account at most.
    foreign_ids: bool | None = None
    # What of a translated request may be left out, though the answer changes: see
    # ``broker.settings.losses``.
    allow_loss: tuple[str, ...] = ()
    # The name of a chat message's participant: left out, or written before the message's text.
    names: Names = "ignore"
    # A system message within a conversation: ``native`` as it is, where the dialect lets it
    # stand; ``user`` as a marked user turn; ``auto`` what the model takes.
    system_turns: SystemTurns = "auto"
    # What its models take, by patterns of their names: beyond ``broker.dialects.vendors``.
    takes: dict[str, Takes] = {}
    # Whether a bare name, with no provider before it, may find this one's models.
    bare_names: bool = True


class RouteTarget(Watched, frozen=True, kw_only=True):
    """A target of a route that differs from its provider in what is set here."""

    target: str  # PROVIDER/MODEL
    prefill: bool | str | None = None


class Route(Section, frozen=True):
    """``[routes."MODEL"]``: a public model name and its targets, in order.

    A name with a ``*`` is a pattern, and its targets may have one: see ``patterns``.
    """

    targets: tuple[str | RouteTarget, ...]
    on_loss: Literal["continue", "replay", "terminate"] | None = None  # None: the best it can
    # None: worker.attempts, or with retries as many as give each target its share.
    attempts: int | None = None
    # How often a target that fell over is tried again before the next one; None: 0, though
    # the targets are gone round as long as there are attempts.
    retries: int | None = None
    backoff: float | None = None  # None: worker.backoff
    deadline: float | None = None  # from the job's creation to its end; None: no deadline
    hold_tool_calls: bool = False  # tool calls reach readers whole
    # Hosted tools of the responses dialect that targets of another one are asked without: see
    # ``broker.dialects.neutral.dropping``.
    drop_tools: tuple[str, ...] = ()
    # For so many seconds after its reader was lost, a call without a key is joined by an equal one;
    # 0 is off. None: as the account says.
    join: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The targets as ``PROVIDER/MODEL``."""
        return tuple(each if isinstance(each, str) else each.target for each in self.targets)


class Served(NamedTuple):
    """The route of a model, and its targets as ``PROVIDER/MODEL``, a pattern's star filled in."""

    route: Route
    names: tuple[str, ...]


class Models(Section, frozen=True):
    """``[models]``: which models there are, as the providers list them."""

    ask: bool = True  # whether providers are asked for their lists at all
    refresh: float = 3600.0  # between two times that a provider is asked
    timeout: float = 20.0  # of all that one is asked for
    most: int = 2000  # of one provider; what comes after them is left out


class Account(Section, frozen=True):
    """``[accounts.NAME]``: who may call."""

    key_sha256: tuple[str, ...]
    concurrency: int | None = None  # jobs open (queued or running) at once; None: no limit
    join: float | None = None  # as in Route; None: for known clients, ``server.join_known``


class Settings(Section, frozen=True, dict=True):
    """The whole configuration."""

    server: Server = Server()
    store: Store = Store()
    worker: Worker = Worker()
    timeouts: Timeouts = Timeouts()
    breaker: Breaker = Breaker()
    models: Models = Models()
    providers: dict[str, Provider] = {}
    routes: dict[str, Route] = {}
    accounts: dict[str, Account] = {}
    store_url: Secret = Secret("redis://127.0.0.1:6379/0")  # may hold a password
    api_keys: dict[str, Secret] = {}  # by provider
    provider_origins: dict[str, str] = {}  # what configured each: the file, or variables
    ticket_keys: tuple[Secret, ...] = ()  # the first signs, all verify; none: the store's own

    @cached_property
    def _derived(self) -> dict[tuple[str, ...], Any]:
        return {}

    def derived(self, key: tuple[str, ...], find: Callable[[], T]) -> T:
        """What ``find`` says of these settings, which is found once: they never change."""
        known: T | None = self._derived.get(key)
        if known is None:
            if sum(map(len, key)) > _LONGEST_DERIVED:
                return find()
            if len(self._derived) >= _MOST_DERIVED:
                self._derived.clear()
            known = self._derived[key] = find()
        return known

    @cached_property
    def _patterns(self) -> tuple[Pattern, ...]:
        return patterns_of(self.routes)

    def served(self, model: str) -> Served | None:
        """The route of this public name: its own, or that of the pattern that serves it."""
        if STAR in model:  # no name, but what names are matched by
            return None
        route = self.routes.get(model)
        if route is not None:
            return Served(route, route.names)
        if not self._patterns:
            return None
        found: Served | Literal[False] = self.derived(
            ("served", model), lambda: self.matched(model) or False
        )
        return found or None

    def matched(self, model: str) -> Served | None:
        """What the pattern makes of a name that serves it, found anew each time."""
        pattern = best(self._patterns, model, self.providers)
        if pattern is None:
            return None
        route = self.routes[pattern.name]
        return Served(route, tuple(filled(name, pattern, model) for name in route.names))

    def chosen(self, model: str, provider: str, provider_model: str) -> tuple[bool, bool]:
        """Whether a route chose this target for the public name, and whether it is named there
        in full: else a part of its name is the caller's text.
        """
        served, wanted = self.served(model), f"{provider}/{provider_model}"
        if served is None:
            return False, False
        raw = zip(served.route.names, served.names, strict=True)
        return True, any(name == wanted and STAR not in own for own, name in raw)

    def timeouts_for(self, model: str, provider: str, provider_model: str) -> Timeouts:
        """The watchdogs of a call: the target's own where set, its provider's, the common ones.

        ``model`` is the public name; without a route of that name the provider's hold.
        """

        def find() -> Timeouts:
            own = self._target(model, provider, provider_model)
            layers = (self.providers[provider], self.timeouts)
            return Timeouts(
                **{key: _first(key, own, *layers) for key in Timeouts.__struct_fields__},
            )

        return self.derived(("timeouts", model, provider, provider_model), find)

    def takes_foreign_ids(self, provider: str) -> bool:
        """Whether calls of this provider may name what it keeps."""
        own = self.providers[provider].foreign_ids
        return len(self.accounts) < 2 if own is None else own

    def prefill_for(self, model: str, provider: str, provider_model: str) -> bool | str:
        """Whether a target goes on from a partial answer, and the flag it wants: see Provider."""
        own = self._target(model, provider, provider_model)
        found: bool | str = _first("prefill", own, self.providers[provider])
        return found

    def _target(self, model: str, provider: str, provider_model: str) -> RouteTarget | None:
        """What a route says about one of its targets, beside its name."""
        served, wanted = self.served(model), f"{provider}/{provider_model}"
        if served is None:
            return None
        for each, name in zip(served.route.targets, served.names, strict=True):
            if name == wanted:
                return each if isinstance(each, RouteTarget) else None
        return None


def address_of(url: str) -> tuple[str, str]:
    """Scheme and host of an address; both empty if it can't be read as one."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # read for its check alone
        return parts.scheme, parts.hostname or ""
    except ValueError:  # an unclosed bracket, a port that is no number
        return "", ""


def _first(key: str, *layers: Section | None) -> Any:
    """The field of the first layer that sets it; the last one surely does."""
    values = (getattr(layer, key) for layer in layers if layer is not None)
    return next(value for value in values if value is not None)
