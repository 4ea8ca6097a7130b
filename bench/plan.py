"""How much is measured. Every count and every time is bounded here."""

import msgspec


class Plan(msgspec.Struct, frozen=True):
    """The sizes of one run. Times are seconds."""

    calls: int = 300  # sequential calls for the time to the first token
    streams: int = 100  # at once, for CPU a token
    interval_ms: int = 20  # between one token of a stream and the next
    stream_tokens: int = 500
    peer_stream_tokens: int = 100  # a peer may be an order slower
    memory_jobs: int = 20
    memory_tokens: int = 1000
    memory_paced_tokens: int = 500
    record_jobs: int = 200  # one token each, for what a finished job leaves
    readers: int = 1000
    reader_tokens: int = 100
    replay_tokens: int = 20_000
    replays: int = 10
    resumes: int = 100
    saturation_clients: int = 50
    saturation_seconds: float = 5.0
    saturation_tokens: int = 1000  # of a long call; a short one has 20
    saturation_batch: int = 20  # chunks a write of the simulator, to lift its own ceiling

    @property
    def ramp_model(self) -> str:
        """What opens a connection of every stream before the load."""
        return "tokens=5"

    @property
    def first_token_model(self) -> str:
        return "tokens=5,interval=1ms"

    def paced_model(self, tokens: int) -> str:
        return f"tokens={tokens},interval={self.interval_ms}ms"

    @property
    def long_model(self) -> str:
        return f"tokens={self.saturation_tokens},interval=0"

    @property
    def batched_model(self) -> str:
        return f"{self.long_model},batch={self.saturation_batch}"

    @property
    def short_model(self) -> str:
        return "tokens=20,interval=0"

    @property
    def shared_models(self) -> tuple[str, ...]:
        """All that every subject is asked for, for a proxy that must be told."""
        return (
            self.ramp_model,
            self.first_token_model,
            self.paced_model(self.peer_stream_tokens),
            self.long_model,
            self.batched_model,
            self.short_model,
        )


FULL = Plan()
QUICK = Plan(
    calls=60,
    stream_tokens=125,
    peer_stream_tokens=25,
    memory_jobs=5,
    memory_tokens=500,
    memory_paced_tokens=100,
    record_jobs=50,
    readers=200,
    reader_tokens=50,
    replays=3,
    resumes=20,
    saturation_seconds=1.0,
)
