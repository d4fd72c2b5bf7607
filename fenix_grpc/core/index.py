"""Facts of a session arranged for the questions that are asked at every decision.

Whatever is here can be worked out from the rest of the session; it is kept because that would take as long as the cloud
is large, at every event. Kept in step by reindex.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from fenix_grpc.core.events import PlanMove


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """See the module."""

    #: Group to the ids of its members, by the cloud and by constraints.
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: Host to the ids of those asks to leave it that have no answer, or were refused.
    open_on: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: Instance to the last ask that has it leave its host.
    leave_asks: Mapping[str, str] = field(default_factory=dict)
    #: Host to those of its instances that were asked to leave it.
    asked_on: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: Instances that have left as agreed, of whom that was not told yet; where it runs, a move is still to end.
    departed: frozenset[str] = frozenset()
    #: Instances that are to be replaced by their projects and are not yet.
    acting: frozenset[str] = frozenset()
    #: By group, members that were replaced by their projects, and when that was told.
    replaced: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    #: The last plan: host to the number of its wave; instance and the host that it is on to its move.
    wave: Mapping[str, int] = field(default_factory=dict)
    planned: Mapping[tuple[str, str], PlanMove] = field(default_factory=dict)
    #: Target to the moves that arrive there, and host to its moves by target.
    arriving: Mapping[str, tuple[PlanMove, ...]] = field(default_factory=dict)
    leaving: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    #: Host to those of its targets that are worked on first.
    after: Mapping[str, frozenset[str]] = field(default_factory=dict)
