"""How much is measured. Every count and every time is bounded here."""

import msgspec


class Plan(msgspec.Struct, frozen=True):
    """The sizes of one run. Times are seconds."""

    longest: float = 240.0  # that one subject may take over one measure
    whole: float = 900.0  # that all measures may take; what is left then is not measured
    whole_a_peer: float = 300.0  # and so much more with each peer

    calls: int = 500  # sequential calls for the time to the first token

    rates: tuple[float, ...] = (10, 25, 50, 100, 200, 400)  # calls a second of the open loop
    rate_seconds: float = 5.0

    streams: int = 100  # at once, for CPU a token and the latency of tokens
    interval_ms: int = 20  # between one token of a stream and the next
    stream_tokens: int = 500
    peer_stream_tokens: int = 100  # LiteLLM is an order slower
    latency_tokens: int = 150

    growth: tuple[int, ...] = (100, 1000, 5000)  # streams that share one rate
    growth_ramp: float = 100.0  # streams begun a second
    growth_settle: float = 3.0
    growth_seconds: float = 10.0

    memory_jobs: int = 20
    memory_tokens: int = 1000
    memory_paced_tokens: int = 500
    record_jobs: int = 200  # short ones, for what a finished job leaves

    readers: int = 1000  # of one stream
    reader_tokens: int = 100
    flood_tokens: int = 1000  # one a millisecond, which is more than a thousand readers get

    silent_streams: int = 1000
    idle_readers: int = 10_000
    idle_jobs: int = 100  # that they follow
    idle_seconds: float = 5.0

    replay_tokens: int = 20_000
    replays: int = 20
    resumes: int = 200

    saturation_clients: int = 50
    saturation_seconds: float = 5.0
    saturation_tokens: int = 1000  # of a long call; a short one has 20
    saturation_batch: int = 20  # chunks a write of the simulator, to lift its own ceiling
    long_calls: int = 4  # at once
    long_tokens: int = 20_000

    @property
    def token_rate(self) -> float:
        """Tokens a second of all paced streams together."""
        return self.streams * 1000 / self.interval_ms

    @property
    def ramp_model(self) -> str:
        """What opens a connection of every stream before the load."""
        return "tokens=5"

    @property
    def first_token_model(self) -> str:
        return "tokens=5,interval=1ms"

    @property
    def open_loop_model(self) -> str:
        return "tokens=20,interval=5ms"

    @property
    def latency_model(self) -> str:
        return f"tokens={self.latency_tokens},interval={self.interval_ms}ms,clock=1"

    def paced_model(self, tokens: int) -> str:
        return f"tokens={tokens},interval={self.interval_ms}ms"

    @property
    def dense_model(self) -> str:
        """As fast as possible, each token a write of its own."""
        return f"tokens={self.saturation_tokens},interval=0"

    @property
    def batched_model(self) -> str:
        return f"{self.dense_model},batch={self.saturation_batch}"

    @property
    def short_model(self) -> str:
        return "tokens=20,interval=0"

    @property
    def long_model(self) -> str:
        return f"tokens={self.long_tokens},interval=0"

    @property
    def shared_models(self) -> tuple[str, ...]:
        """All that every subject is asked for, for a proxy that must be told."""
        return (
            self.ramp_model,
            self.first_token_model,
            self.open_loop_model,
            self.latency_model,
            self.paced_model(self.peer_stream_tokens),
            self.dense_model,
            self.batched_model,
            self.short_model,
            self.long_model,
        )


FULL = Plan()
QUICK = Plan(
    longest=60.0,
    whole=110.0,
    whole_a_peer=60.0,
    calls=60,
    rates=(25, 100),
    rate_seconds=2.0,
    stream_tokens=125,
    peer_stream_tokens=25,
    latency_tokens=50,
    growth=(100, 500),
    growth_settle=1.0,
    growth_seconds=3.0,
    memory_jobs=5,
    memory_tokens=500,
    memory_paced_tokens=250,
    record_jobs=50,
    readers=200,
    reader_tokens=50,
    flood_tokens=300,
    silent_streams=200,
    idle_readers=1000,
    idle_jobs=20,
    idle_seconds=2.0,
    replays=3,
    resumes=20,
    saturation_seconds=1.0,
    saturation_tokens=300,
    long_calls=2,
    long_tokens=2000,
)
