"""What happens in the simulated cloud when a move does not go its way: a live migration is forced or aborted, and
instances of a dead host are built again elsewhere.

Rules over the rows, as in compute.py.
"""

from __future__ import annotations

from dataclasses import replace

from fenix_grpc.clouds.simulated.chance import SECOND_US, Attempt, Chance
from fenix_grpc.clouds.simulated.compute import Compute
from fenix_grpc.clouds.simulated.rows import Work
from fenix_grpc.clouds.simulated.state import State
from fenix_grpc.core.errors import CloudRefused
from fenix_grpc.core.live import Intervention, LiveRule
from fenix_grpc.core.model import InstanceView

#: How long it takes until an instance that is forced runs on its target.
_FORCED_US = SECOND_US
#: What takes longer than this is looked at so often.
_LONG_US, _LOOK_US = 60 * SECOND_US, 5 * SECOND_US


class Difficult:
    """See the module."""

    def __init__(self, state: State, compute: Compute, chance: Chance) -> None:
        self._state = state
        self._compute = compute
        self._chance = chance

    def interfere(self, now_us: int, work: Work, rule: LiveRule | None) -> tuple[Work | None, str]:
        """Does what a rule demands of a live migration. Returns what goes on now and, where nothing does any more, why.
        What is forced is past the point at which it could be aborted (nova: post-copy)."""
        if rule is None or work.verb != "live_migrate":
            return work, ""
        began_us = self._state.began_us(work.instance_id, work.verb)
        age_s = (now_us - began_us) / SECOND_US
        forced = self._state.began_us(work.instance_id, "force") >= began_us
        due = rule.due(age_s, forced=forced)
        if due is Intervention.FORCE:
            return self.force(now_us, work), ""
        if due is Intervention.ABORT and not forced:
            why = f"its live migration to {work.target} was aborted after {age_s:.0f} s"
            self.abort(now_us, work)
            return None, f"{why}, as it may take {rule.abort_s:g} s"
        return work, ""

    def next_us(self, now_us: int, work: Work, rule: LiveRule | None) -> int:
        """When to look again: at its end, or when its rule has something to do; now and then at what takes long, as
        others may force or abort it."""
        looks = [work.ends_us]
        if work.ends_us - now_us > _LONG_US:
            looks.append(now_us + _LOOK_US)
        if rule is not None and work.verb == "live_migrate":
            began_us = self._state.began_us(work.instance_id, work.verb)
            next_s = rule.next_s((now_us - began_us) / SECOND_US)
            if next_s is not None:
                looks.append(began_us + round(next_s * SECOND_US))
        return min(looks)

    def force(self, now_us: int, work: Work) -> Work:
        """The instance is paused, or goes on at its target, until the rest has followed."""
        forced = replace(work, ends_us=min(work.ends_us, now_us + _FORCED_US))
        self._state.add_work(forced)
        self._log(now_us, "force", work)
        return forced

    def abort(self, now_us: int, work: Work) -> None:
        """The instance goes on where it was."""
        instance = self._state.instance(work.instance_id)
        if instance is None:
            return
        self._state.release(instance, work.target)
        self._state.set_instance(work.instance_id, host=work.source, status=_before(work))
        self._state.remove_work(work.instance_id)
        self._log(now_us, "abort", work)

    def begin_evacuation(
        self, now_us: int, instance: InstanceView, work: Work | None, target: str
    ) -> Work:
        """Builds an instance again elsewhere, whatever goes on with it. Raises CloudRefused, CloudUnavailable. Its room
        on the dead host stays booked (nova: until the service there starts again)."""
        if self._compute.compute_host(instance.host).up:
            raise CloudRefused(
                f"instance {instance.instance_id} cannot be evacuated: the service of {instance.host} is up"
            )
        target = self._compute.place(instance, target)
        attempt = Attempt(
            operation="evacuate", host=instance.host, target=target, instance=instance
        )
        fault = self._chance.strike(now_us, attempt)
        if work is not None:
            self.abort(now_us, work)
        status = _before(work) if work is not None else instance.status
        evacuation = Work(
            instance_id=instance.instance_id,
            verb="evacuate",
            source=instance.host,
            target=target,
            resume_status="ACTIVE" if status == "ERROR" else status,
            ends_us=now_us + self._chance.duration_us(attempt) + self._chance.delay_us(fault),
        )
        self._state.book(instance, target)
        self._state.set_instance(instance.instance_id, host=instance.host, status="REBUILD")
        self._state.add_work(evacuation)
        self._log(now_us, "evacuate", evacuation)
        self._chance.answer(fault, attempt)
        return evacuation

    def _log(self, now_us: int, verb: str, work: Work) -> None:
        self._state.log(now_us, verb, work.instance_id, host=work.source, target=work.target)


def _before(work: Work) -> str:
    """The status that an instance had before its move; a fault that breaks it strikes at the end only."""
    return "ACTIVE" if work.resume_status == "ERROR" else work.resume_status
