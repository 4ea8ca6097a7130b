"""What the broker does with a call, in process: the request to a vendor, and its answer back."""

import json
from typing import Any

from broker.dialects.neutral.terms import Terms
from broker.dialects.neutral.translation import Put, Translation, put, reader, writer
from broker.dialects.posted import Way, posted
from broker.dialects.registry import DIALECTS
from broker.dialects.wire import encode
from broker.frames import Frame, Kind, data_frame
from broker.settings.presets import PRESETS
from tests.histories.said import Events
from tests.vendors.rule import Vendor

Object = dict[str, Any]


class Asked:
    """A request on its way to a vendor, and how it was put."""

    def __init__(self, caller: str, request: Object, vendor: Vendor, number: int) -> None:
        """``number`` tells the caller's answers apart.

        Raises:
            BadRequest: the vendor can't be asked.
        """
        assert vendor.preset is not None
        provider = PRESETS[vendor.preset].provider
        self._name = f"{number:040}-1"  # as ids of items are made: of the response's
        self._caller = caller
        self._request = request
        self._vendor = vendor
        self._put: Put | None = None
        if provider.dialect != caller:
            terms = Terms.of(vendor.preset, provider)
            self._put = put(request, caller, provider.dialect, vendor.model, terms)
            request = self._put.request
        self.body: Object = json.loads(posted(provider, request, Way(vendor.model, True)))

    def told(self, events: Events) -> Object:
        """The whole answer that the caller gets of these events of the vendor.

        Raises:
            AssertionError: it was told a failure.
        """
        if self._put is not None:
            target = writer(self._caller, self._request, 1, self._put, self._name)
            source = reader(self._vendor.dialect, "fallback")
            told = Translation(source, target, self._put.space, self._put.cut)
            events = [each for event in events for each in told.feed(event)] + told.end()
            assert told.failed is None, told.failed
        return DIALECTS[self._caller].fold([_frame(event) for event in events])


def _frame(event: Object) -> Frame:
    kind = Kind.USAGE if event.get("choices") == [] else Kind.DIALECT
    return data_frame(kind, encode(event), event.get("type", "").encode())
