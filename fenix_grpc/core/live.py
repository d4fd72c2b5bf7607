"""When a live migration counts as too slow, and what is done about it then.

A rule is made of a session's policy and of what the instance demands. Its times count from the beginning of the
migration in the cloud, whoever has begun it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fenix_grpc.core.constraints import InstanceConstraint
from fenix_grpc.core.model import InstanceAction, Policy, SlowLive


class Intervention(StrEnum):
    """What a cloud is asked to do to a live migration."""

    FORCE = "FORCE"
    ABORT = "ABORT"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRule:
    """Seconds after which a live migration is forced to complete, and aborted; 0: never."""

    force_s: float = 0.0
    abort_s: float = 0.0

    def due(self, age_s: float, *, forced: bool) -> Intervention | None:
        """What is to be done to a migration of this age. One that was forced may still be aborted, if the cloud can."""
        if self.abort_s and age_s >= self.abort_s:
            return Intervention.ABORT
        if self.force_s and age_s >= self.force_s and not forced:
            return Intervention.FORCE
        return None

    def next_s(self, age_s: float) -> float | None:
        """The age at which something is due next; None when nothing is any more."""
        return min((s for s in (self.force_s, self.abort_s) if s > age_s), default=None)


def live_rule(policy: Policy, demand: InstanceConstraint | None) -> LiveRule | None:
    """The rule for an instance; None when its migration is waited for.

    ABORT: at `live_s` or at max_interruption_time, whichever comes first. FORCE: at `live_s`, if that comes before
    max_interruption_time; at that time it is aborted in any case: forcing interrupts, so it would do no good there.
    """
    bears_s = float(demand.max_interruption_time) if demand else 0.0
    if policy.slow_live is SlowLive.WAIT:
        return None
    if policy.slow_live is SlowLive.ABORT:
        abort_s = min((s for s in (policy.live_s, bears_s) if s), default=0.0)
        return LiveRule(abort_s=abort_s) if abort_s else None
    in_time = policy.live_s and (not bears_s or policy.live_s < bears_s)
    rule = LiveRule(force_s=policy.live_s if in_time else 0.0, abort_s=bears_s)
    return rule if rule != LiveRule() else None


def rule_of(
    policy: Policy,
    demands: Mapping[str, InstanceConstraint],
    instance_id: str,
    how: InstanceAction | None,
) -> LiveRule | None:
    """The rule for a move; only live ones have one."""
    if how is not InstanceAction.LIVE_MIGRATE:
        return None
    return live_rule(policy, demands.get(instance_id))
