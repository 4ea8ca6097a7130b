"""A claim as its holder knows it, long after it was lost perhaps, and what the holder sends."""

from collections.abc import Mapping

from broker.codec import Encoder, Template
from broker.frames import Frame, Kind
from broker.model import JobState
from broker.store.queue import Claim
from broker.store.record import CALLING_TOLD
from broker.store.streams import Batch
from tests.store.samples import terminal

Sent = tuple[Batch, list[Frame]]


class Held:
    """One claim; its encoder begins with the templates that the stream has already."""

    def __init__(self, claim: Claim, templates: Mapping[int, Template]) -> None:
        self.claim = claim
        self.pair = (claim.job.key, claim.token)
        self._encoder = Encoder()
        self._encoder.templates = [templates[number] for number in sorted(templates)]
        self._sent: list[Sent] = []

    def send(self, how: str, last: int, frames: list[Frame], final: JobState | None) -> Sent:
        """What is sent, for a stream that ends at ``last``: the right next batch, an earlier
        one again because its answer was lost, one behind a gap, one that overlaps the end.
        """
        if how == "again" and self._sent:
            return self._sent[len(frames) % len(self._sent)]
        if final is not None:
            frames = [*frames, terminal(final)]
        if how == "gap":
            return self._encode(Encoder(), last + 2, frames, final)
        if how == "overlap" and last > 0:
            frames = [Frame(Kind.NATIVE, b"event: again"), *frames]
            return self._encode(Encoder(), last, frames, final)
        self._sent.append(self._encode(self._encoder, last + 1, frames, final))
        return self._sent[-1]

    def _encode(
        self, encoder: Encoder, first: int, frames: list[Frame], final: JobState | None
    ) -> Sent:
        out = bytearray()
        for frame in frames:
            encoder.encode(frame.kind, frame.body, out)
        definitions = encoder.take_fresh()
        last = first + len(frames) - 1
        delivered = any(frame.kind == Kind.DIALECT for frame in frames)
        batch = Batch(
            *self.pair,
            first=first,
            last=last,
            payload=bytes(out),
            definitions=tuple(definitions),
            fields=(CALLING_TOLD, ("delivered", b"1")) if delivered else (CALLING_TOLD,),
            final=final,
        )
        return batch, frames
