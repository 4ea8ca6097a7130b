"""What the broker does with a call, in process: the request to a vendor, and its answer back."""

import json
from typing import Any

import msgspec

from broker.dialects.neutral.terms import Terms
from broker.dialects.neutral.translation import Put, Translation, put, reader, writer
from broker.dialects.posted import Way, posted
from broker.dialects.registry import DIALECTS
from broker.dialects.wire import encode
from broker.frames import Frame, Kind, data_frame
from broker.settings.losses import LOSSES
from broker.settings.presets import PRESETS
from tests.histories.said import Events
from tests.vendors.rule import Vendor

Object = dict[str, Any]


class Asked:
    """A request on its way to a vendor, and how it was put."""

    def __init__(
        self,
        caller: str,
        request: Object,
        vendor: Vendor,
        number: int,
        *,
        loss: bool = False,
        partial: bool = False,
    ) -> None:
        """``number`` tells the caller's answers apart; ``loss``: whether the operator lets all be
        left out that he can; ``partial``: whether it ends in a partial answer, to go on from.

        Raises:
            BadRequest: the vendor can't be asked.
        """
        assert vendor.preset is not None
        provider = PRESETS[vendor.preset].provider
        if loss:
            provider = msgspec.structs.replace(provider, allow_loss=tuple(LOSSES))
        self._name = f"{number:040}-1"  # as ids of items are made: of the response's
        self._caller = caller
        self._request = request
        self._vendor = vendor
        self._put: Put | None = None
        if provider.dialect != caller:
            terms = Terms.of(vendor.preset, provider)
            self._put = put(
                *(request, caller, provider.dialect, vendor.model, terms), partial=partial
            )
            request = self._put.request
        way = Way(vendor.model, True, provider.prefill if partial else False)
        self.body: Object = json.loads(posted(provider, request, way))

    def told(self, events: Events) -> Object:
        """The whole answer that the caller gets of these events of the vendor.

        Raises:
            AssertionError: it was told a failure.
        """
        return DIALECTS[self._caller].fold(self._frames(events, whole=True))

    def gone_on(self, events: Events) -> Object | None:
        """The request that goes on from what these events, the first of an answer, say; None if
        nobody may go on from that."""
        dialect = DIALECTS[self._caller]
        said = dialect.transcript(self._frames(events, whole=False))
        return dialect.continued(self._request, said) if said.prefillable else None

    def _frames(self, events: Events, *, whole: bool) -> list[Frame]:
        if self._put is not None:
            target = writer(self._caller, self._request, 1, self._put, self._name)
            source = reader(self._vendor.dialect, "fallback")
            told = Translation(source, target, self._put.space, self._put.cut)
            events = [each for event in events for each in told.feed(event)]
            events += told.end() if whole else []
            assert told.failed is None, told.failed
        return [_frame(event) for event in events]


def _frame(event: Object) -> Frame:
    kind = Kind.USAGE if event.get("choices") == [] else Kind.DIALECT
    return data_frame(kind, encode(event), event.get("type", "").encode())
