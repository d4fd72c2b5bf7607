"""Planning a whole session: which hosts when, which instance where, and how far that is from the best possible.

`plan(problem)` answers with a Plan, `schedule(problem, plan)` with its expected times, `replan` and `difference` with
what a changed world changes. Nothing here does anything: no I/O, no clock, no chance. The modules: problem (what is
asked), plan (what is answered), zones and room (the problem in numbers), waves (one build), sweep (many builds, the
Pareto front), exact (the last resort), release (the smallest scale-in), bounds, blockers, schedule.
"""

from fenix_grpc.core.model import Preference
from fenix_grpc.core.planner.plan import (
    Blocker,
    BlockerKind,
    Bounds,
    Difference,
    Option,
    Plan,
    ScaleIn,
    Wave,
    difference,
)
from fenix_grpc.core.planner.planning import plan, replan, smallest_scale_in
from fenix_grpc.core.planner.problem import (
    Hint,
    Options,
    PlannedGroup,
    PlannedHost,
    PlannedInstance,
    PlannedMove,
    Problem,
    Slots,
)
from fenix_grpc.core.planner.schedule import TimedMove, TimedWork, Timeline, schedule

__all__ = [
    "Blocker",
    "BlockerKind",
    "Bounds",
    "Difference",
    "Hint",
    "Option",
    "Options",
    "Plan",
    "PlannedGroup",
    "PlannedHost",
    "PlannedInstance",
    "PlannedMove",
    "Preference",
    "Problem",
    "ScaleIn",
    "Slots",
    "TimedMove",
    "TimedWork",
    "Timeline",
    "Wave",
    "difference",
    "plan",
    "replan",
    "schedule",
    "smallest_scale_in",
]
