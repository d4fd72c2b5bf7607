"""What callers may ask of this server at once and in a row. Refusals say which limit it was and when to try again.

One Gate stands at the entrance of the chain, so that whatever queues behind it (threads that read, the one that writes)
holds no more than it lets in. It counts in this process only and is never written down.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from time import monotonic

from fenix_grpc.config import Limits
from fenix_grpc.core.errors import ShuttingDown, TooMany
from fenix_grpc.measures import Measures
from fenix_grpc.ports import Caller

#: Callers of which is remembered how much they called; one that was forgotten begins anew.
_CALLERS = 10_000
#: When there is room again after calls at once: they end within milliseconds, or their deadline.
_ROOM_S = 1.0


@dataclass(slots=True)
class _Bucket:
    """Calls that a caller may still make, as of a time."""

    left: float
    at: float


class Gate:
    """Lets calls in. Belongs to one event loop."""

    def __init__(
        self, limits: Limits, measures: Measures, *, now: Callable[[], float] = monotonic
    ) -> None:
        self._limits = limits
        self._measures = measures
        self._now = now
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._watching: Counter[str] = Counter()
        #: Calls under way, watches not counted.
        self.under_way = 0
        #: No call is let in any more.
        self.closed = False

    @property
    def watches(self) -> int:
        """Those open now."""
        return self._watching.total()

    def check_open(self) -> None:
        """Raises ShuttingDown once the server has been told to stop."""
        if self.closed:
            raise ShuttingDown("the server stops; call again, elsewhere or later")

    def check_room(self) -> None:
        """Raises ShuttingDown, or TooMany when too many calls are under way, this one included."""
        if self.closed or self.under_way > self._limits.calls_at_once:
            self.check_open()
            text = f"{self._limits.calls_at_once} calls are under way, and no more may be"
            raise self._too_many("calls_at_once", text, _ROOM_S)

    def admit(self, caller: Caller) -> None:
        """Counts a call of this caller. Raises TooMany when it makes more than it may."""
        now, most = self._now(), self._limits.calls_burst
        bucket = self._buckets.get(caller.name)
        if bucket is None:
            bucket = self._buckets[caller.name] = _Bucket(most, now)
            if len(self._buckets) > _CALLERS:
                self._buckets.popitem(last=False)
        left = min(most, bucket.left + (now - bucket.at) * self._limits.calls_per_s)
        bucket.at = now
        bucket.left = left - 1 if left >= 1 else left
        if left < 1:
            rate = self._limits.calls_per_s
            text = f"{caller.name} makes more than {rate:g} calls a second, {most} at once"
            raise self._too_many("calls_per_s", text, (1 - left) / rate)

    @contextmanager
    def watch(self, caller: Caller) -> Iterator[None]:
        """While a watch is open. Raises TooMany when the caller has too many."""
        most = self._limits.watches_per_caller
        if self._watching[caller.name] >= most:
            text = f"{caller.name} has {most} watches open on this server, and no more may be"
            raise self._too_many("watches_per_caller", text, 0.0)
        self._watching[caller.name] += 1
        try:
            yield
        finally:
            self._watching[caller.name] -= 1
            if not self._watching[caller.name]:
                del self._watching[caller.name]

    def _too_many(self, key: str, text: str, retry_s: float) -> TooMany:
        self._measures.refused(key)
        rounded_s = ceil(retry_s * 1000) / 1000
        return TooMany(text, quota=f"limits.{key}", retry_s=rounded_s)
