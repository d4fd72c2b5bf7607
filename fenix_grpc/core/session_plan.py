"""The plan of a whole session as it is shown: which hosts when, which instance where, how good, and what is in the way.

Names equal the messages of proto/fenix/v1/plan.proto. Made by workflows/forecast.py; nothing acts upon it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fenix_grpc.core.model import Resources, Waiting
from fenix_grpc.core.pace import Pace

#: The kind of blocker that a planner, which knows fit hosts only, has no word for.
HOST_UNFIT = "HOST_UNFIT"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlan:
    """A host that is to be worked on."""

    host: str
    #: Its pool: zone and aggregates.
    zone: str = ""
    #: Number of its wave, from 0.
    wave: int
    #: When it is closed and its first instance moves; when its work begins where there is none.
    begins_at: datetime
    #: When it is empty and its work begins.
    work_at: datetime
    #: When it is back in service.
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MovePlan:
    """An instance that is to move."""

    instance_id: str
    instance_name: str = ""
    project_id: str = ""
    source: str
    #: Empty where that is decided later.
    target: str
    wave: int
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanBounds:
    """Proven limits: no plan of the planned hosts can do better."""

    rounds: int = 0
    #: In any number of rounds, and in as many as this plan has.
    moves: int = 0
    moves_at_rounds: int = 0
    #: Seconds from now to the end, and what sets that limit.
    makespan_s: float = 0.0
    makespan_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOption:
    """A plan that was weighed."""

    rounds: int
    moves: int
    makespan_s: float
    seeds: int
    #: It is the one that is followed.
    chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanBlocker:
    """Why hosts are not planned, and what would help."""

    #: A word of the planner's BlockerKind, or HOST_UNFIT.
    kind: str
    #: `instance:ID`, `group:ID`, `host:NAME` or `zone:NAME`.
    subject: str
    reason: str
    hosts: tuple[str, ...] = ()
    #: True: no plan exists at all. False: none was found.
    proven: bool
    #: Instances whose release lets the hosts be planned, and what that frees.
    scale_in_instance_ids: tuple[str, ...] = ()
    scale_in: Resources | None = None
    #: Empty hosts that would help as well; 0 when none would.
    add_hosts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """What is planned, with expected times: half of the sessions end earlier."""

    #: Empty for a dry run.
    session_id: str
    made_at: datetime
    #: In order.
    hosts: tuple[HostPlan, ...] = ()
    moves: tuple[MovePlan, ...] = ()
    rounds: int = 0
    bounds: PlanBounds = PlanBounds()
    #: Moves above the bound at these rounds, as a share of it.
    moves_gap: float = 0.0
    options: tuple[PlanOption, ...] = ()
    blockers: tuple[PlanBlocker, ...] = ()
    ends_at_p50: datetime
    ends_at_p90: datetime
    pace: Pace
    waiting: tuple[Waiting, ...] = ()
