"""What this server counts and times, for Prometheus. Every name, its labels and what they may say are on this page.

Labels take few values, all of them fenix's own words: never an id, a name of a tenant or anything a caller chose. What
is true of the database (sessions, waits) is the same on every server that shares it: take one of them, `max`, not the
sum. Everything else is this server's own.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from google.rpc import code_pb2
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)

#: What `text` gives.
CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"

_CALL_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60)
_STEP_S = (0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1200, 3600, 7200)
_LAG_S = (0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 60)
_DATABASE_S = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)


class Measures:
    """One for a server; may be told things from any thread."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls: dict[tuple[str, int], Histogram] = {}
        self._make_of_calls()
        self._make_of_sessions()
        self._make_of_engine()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        build = Info("fenix_build", "What runs here.", registry=self.registry)
        build.info({"version": _version(), "python": platform.python_version()})

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)

    def called(self, method: str, code: int, seconds: float) -> None:
        """A call that is no watch has ended with a google.rpc.Code."""
        measured = self._calls.get((method, code))
        if measured is None:
            labels = self._call_s.labels(method.removeprefix("/"), code_pb2.Code.Name(code))
            measured = self._calls[method, code] = labels
        measured.observe(seconds)

    def watched(self, method: str, code: int) -> None:
        """A watch has ended."""
        self._watches_ended.labels(method.removeprefix("/"), code_pb2.Code.Name(code)).inc()

    def refused(self, limit: str) -> None:
        """A limit was hit; `limit` is its key in the configuration."""
        self._limits_hit.labels(limit).inc()

    def lagged(self, seconds: float) -> None:
        """An event was handed to watches so long after it was appended."""
        self._watch_lag_s.observe(max(0.0, seconds))

    def stepped(self, verb: str, outcome: str, seconds: float) -> None:
        """This server has performed a step."""
        self._step_s.labels(verb, outcome).observe(seconds)

    def leased(self, *, taken: int, lost: int, held: int) -> None:
        """Leases were claimed: so many are new, so many went to another server, so many are held now."""
        self._leases_taken.inc(taken)
        self._leases_lost.inc(lost)
        self._leases_held.set(held)

    def asked_database(self, operation: str, seconds: float) -> None:
        """The database has answered, or failed to."""
        self._database_s.labels(operation).observe(seconds)

    def surveyed(
        self,
        sessions: Mapping[str, int],
        waits: Mapping[str, int],
        oldest_s: Mapping[str, float],
        overdue: Mapping[str, int],
    ) -> None:
        """All sessions by state, and their waits by kind of subject. A key that is missing is gone."""
        for gauge, found in (
            (self._sessions, sessions),
            (self._waits, waits),
            (self._wait_s, oldest_s),
            (self._overdue, overdue),
        ):
            gauge.clear()
            for label, value in found.items():
                gauge.labels(label).set(value)

    def follow(self, name: str, value: Callable[[], float], **labels: str) -> None:
        """Asks `value` at every look. `name` is one of FOLLOWED; a second call with the same labels replaces."""
        gauge = self._followed[name]
        (gauge.labels(**labels) if labels else gauge).set_function(value)

    def _make_of_calls(self) -> None:
        here = self.registry
        self._call_s = Histogram(
            "fenix_call_seconds",
            "Calls that are no watch, by full method name and google.rpc.Code.",
            ["method", "code"],
            buckets=_CALL_S,
            registry=here,
        )
        self._watches_ended = Counter(
            "fenix_watches_ended", "Watches by how they ended.", ["method", "code"], registry=here
        )
        self._limits_hit = Counter(
            "fenix_limits_hit",
            "Calls refused by a limit, by its key in [limits].",
            ["limit"],
            registry=here,
        )
        self._watch_lag_s = Histogram(
            "fenix_watch_lag_seconds",
            "From the append of an event until this server hands it to its watches.",
            buckets=_LAG_S,
            registry=here,
        )
        self._followed = {
            name: Gauge(name, text, labels, registry=here)
            for name, (text, labels) in FOLLOWED.items()
        }

    def _make_of_sessions(self) -> None:
        here = self.registry
        self._sessions = Gauge(
            "fenix_sessions", "Sessions that are not deleted, by state.", ["state"], registry=here
        )
        self._waits = Gauge(
            "fenix_waits", "Waits of sessions, by kind of subject.", ["on"], registry=here
        )
        self._wait_s = Gauge(
            "fenix_wait_oldest_seconds", "Age of the oldest wait.", ["on"], registry=here
        )
        self._overdue = Gauge(
            "fenix_waits_overdue", "Waits past their deadline.", ["on"], registry=here
        )

    def _make_of_engine(self) -> None:
        here = self.registry
        self._step_s = Histogram(
            "fenix_step_seconds",
            "Steps performed by this server, by verb and outcome.",
            ["verb", "outcome"],
            buckets=_STEP_S,
            registry=here,
        )
        self._leases_taken = Counter(
            "fenix_leases_taken", "Sessions taken over or begun.", registry=here
        )
        self._leases_lost = Counter("fenix_leases_lost", "Sessions lost to others.", registry=here)
        self._leases_held = Gauge(
            "fenix_leases_held", "Sessions that this server carries.", registry=here
        )
        self._database_s = Histogram(
            "fenix_database_seconds",
            "Time that the database takes, by operation: read, or commit (a group of writes).",
            ["operation"],
            buckets=_DATABASE_S,
            registry=here,
        )


#: Gauges that are asked when somebody looks: name to text and labels.
FOLLOWED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "fenix_watches_open": ("Watches open on this server.", ()),
    "fenix_calls_under_way": ("Calls under way on this server, watches not counted.", ()),
    "fenix_ready": ("1 while this server is ready.", ("part",)),
    "fenix_notifications_pending": ("Notifications not delivered yet, by kind of sink.", ("sink",)),
}


@cache
def _version() -> str:
    try:
        return version("fenix-grpc")
    except PackageNotFoundError:  # run from a folder
        return "unknown"
