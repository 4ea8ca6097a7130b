"""The settings: one frozen tree, read from ``streamhold.toml`` and the environment.

The tree is defined here and built in ``load``, the only reader of the environment. Every
duration is in seconds and every size in bytes unless a field says otherwise. An unknown key
is an error that names it. Secrets are never part of the file: it names the environment
variable that holds each.
"""

from typing import Literal

import msgspec


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
    allowed_origins: tuple[str, ...] = ()  # Origin values answered to, beside loopback's own
    max_body: int = 32 * 1024 * 1024
    header_hold: float = 10.0  # how long a streaming POST may wait for its first frame
    ping: float = 15.0  # between keep-alive lines on a silent stream
    store_patience: float = 30.0  # how long an open stream waits for a store that is away
    drain: float = 20.0  # how long open streams may go on after SIGTERM
    grace: float = 10.0  # without readers, before a job with on_disconnect=cancel is cancelled
    send_timeout: float = 60.0  # a client that takes nothing for so long is cut off
    backlog: int = 4096  # connections


class Store(Section, frozen=True):
    """``[store]``: Redis or Valkey, and how long it keeps what."""

    deployment: str = "streamhold"  # the first word of every key and channel
    partitions: int = 1  # fixed for the life of a deployment's data
    stream_ttl: float = 24 * 3600.0  # a stream, after its end
    record_ttl: float = 7 * 24 * 3600.0  # a record, after its end
    compress_above: int = 4096  # request bodies
    max_queued: int = 100_000  # jobs of one priority in a partition's queue; more are refused
    headroom: float = 0.1  # share of the store's maxmemory that new jobs leave to running ones
    timeout: float = 5.0  # one command
    catch_ups: int = 64  # readers catching up at once after a reconnect


class Worker(Section, frozen=True):
    """``[worker]``: claiming, leases and rescue."""

    concurrency: int = 200  # jobs a process
    batch_share: float = 0.8  # of them at most so many are batch jobs; the rest is interactive
    lease: float = 2.0
    renew: float = 0.5
    rescue_tick: float = 0.25
    attempts: int = 3  # tries of a job in all, whatever ended each
    backoff: float = 0.2  # before the second try; doubles, with jitter
    queue_timeout: float = 600.0  # a job not claimed for so long fails
    drain: float = 20.0  # how long running jobs may go on after SIGTERM
    keep_acknowledged: float = 2.0  # acknowledged frames held for a REWIND
    max_pending: int = 1024 * 1024  # bytes of a job not yet acknowledged before reading stops
    metrics_port: int = 0  # a worker's own /metrics on loopback; 0 is off


class Timeouts(Section, frozen=True):
    """``[timeouts]``: the upstream watchdogs; a provider may set its own."""

    connect: float = 10.0
    first_token: float = 120.0
    idle: float = 60.0
    total: float = 1800.0


class Breaker(Section, frozen=True):
    """``[breaker]``: when a target that keeps failing is left alone, by all workers at once."""

    window: float = 30.0  # over which calls are counted
    least_calls: int = 10  # in the window, before the ratio means anything
    failure_ratio: float = 0.5  # of the calls in the window; at or above it the breaker opens
    cooldown: float = 10.0  # open for so long; then one call is let through as a trial
    trial: float = 60.0  # a trial that has not been reported by then is given to another call


class Provider(Section, frozen=True):
    """``[providers.NAME]``: one upstream account."""

    base_url: str
    dialect: Literal["chat"] = "chat"
    api_key_env: str | None = None
    headers: dict[str, str] = {}
    streams: bool = True  # false: asked without stream, answered in one frame
    # Whether its models go on from a partial answer sent as the last message. A text names
    # the flag that it wants set in that message.
    prefill: bool | str = False
    connect: float | None = None
    first_token: float | None = None
    idle: float | None = None
    total: float | None = None


class Route(Section, frozen=True):
    """``[routes."MODEL"]``: a public model name and its targets, in order."""

    targets: tuple[str, ...]
    on_loss: Literal["continue", "replay", "terminate"] | None = None  # None: the best it can
    attempts: int | None = None  # None: worker.attempts
    backoff: float | None = None  # None: worker.backoff
    deadline: float | None = None  # from the job's creation to its end; None: no deadline
    hold_tool_calls: bool = False  # tool calls reach readers whole


class Account(Section, frozen=True):
    """``[accounts.NAME]``: who may call."""

    key_sha256: tuple[str, ...]
    concurrency: int | None = None  # jobs open (queued or running) at once; None: no limit


class Settings(Section, frozen=True):
    """The whole configuration."""

    server: Server = Server()
    store: Store = Store()
    worker: Worker = Worker()
    timeouts: Timeouts = Timeouts()
    breaker: Breaker = Breaker()
    providers: dict[str, Provider] = {}
    routes: dict[str, Route] = {}
    accounts: dict[str, Account] = {}
    store_url: Secret = Secret("redis://127.0.0.1:6379/0")  # may hold a password
    api_keys: dict[str, Secret] = {}  # by provider

    def provider_timeouts(self, name: str) -> Timeouts:
        """The watchdogs of one provider: its own where set, else the common ones."""
        own, common = self.providers[name], self.timeouts
        return Timeouts(
            connect=common.connect if own.connect is None else own.connect,
            first_token=common.first_token if own.first_token is None else own.first_token,
            idle=common.idle if own.idle is None else own.idle,
            total=common.total if own.total is None else own.total,
        )
