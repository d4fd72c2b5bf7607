"""Looks at Nova from outside, as the owner of an application would, for as long as a session runs.

It knows nothing of fenix. What it finds is kept and judged in the end, with the number of looks that were taken.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Self

from keystoneauth1.exceptions import ClientException
from openstack.compute.v2.server import Server
from openstack.exceptions import SDKException

from tests.openstack.cloud import Lab

_PAUSE_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What must hold for some servers at every moment."""

    name: str
    members: frozenset[str]
    #: How many may be on one host; 0 for any number.
    per_host: int
    #: How many may be out of service at once.
    budget: int


class Poller:
    """A thread of its own, from `with` to the end of the block."""

    def __init__(self, lab: Lab, promises: list[Promise]) -> None:
        self._compute = lab.connect_as_admin().compute
        self._promises = promises
        self._end = Event()
        self._thread = Thread(target=self._run, name="poller")
        self.polls = 0
        #: Seconds between two looks, at most: what took longer was seen.
        self.longest_gap_s = 0.0
        #: Looks to which Nova had no answer.
        self.problems: list[str] = []
        self.broken: list[str] = []
        #: Per promise, the most members that were ever seen out of service at once.
        self.most_out: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        err: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        last = monotonic()
        while not self._end.wait(_PAUSE_S):
            try:
                servers = {s.id: s for s in self._compute.servers(all_projects=True)}
            except (SDKException, ClientException) as err:
                self.problems.append(repr(err))
                continue
            self.polls += 1
            self.longest_gap_s, last = max(self.longest_gap_s, monotonic() - last), monotonic()
            for promise in self._promises:
                self._judge(promise, [s for i, s in servers.items() if i in promise.members])

    def _judge(self, promise: Promise, members: list[Server]) -> None:
        out = [s for s in members if s.status != "ACTIVE" or s.task_state]
        self.most_out[promise.name] = max(self.most_out[promise.name], len(out))
        if len(members) < len(promise.members):
            self.broken.append(f"{promise.name}: {len(members)} of {len(promise.members)} are left")
        if len(out) > promise.budget:
            states = ", ".join(f"{s.name} {s.status} {s.task_state}" for s in out)
            self.broken.append(f"{promise.name}: {states}")
        hosts = Counter(s.compute_host for s in members)
        if promise.per_host and max(hosts.values(), default=0) > promise.per_host:
            self.broken.append(f"{promise.name}: {dict(hosts)}")
