"""How long things take and what goes wrong, as the definition and its seed say.

A duration depends on the seed and on what is done, never on what else happens, so that equal stories take equal time
whatever the order of their parts. How often a fault was met is a row: it survives a restart like everything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from fenix_grpc.clouds.simulated.definition import MOVES, Call, Definition, Fault
from fenix_grpc.clouds.simulated.state import State
from fenix_grpc.core.errors import CloudRefused, CloudUnavailable
from fenix_grpc.core.model import InstanceView

SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Something asked of the cloud."""

    operation: Call
    #: The host concerned; of a move, the one that the instance is on.
    host: str = ""
    target: str = ""
    instance: InstanceView | None = None

    @property
    def subject(self) -> str:
        """An instance id, or a host's name."""
        return self.instance.instance_id if self.instance else self.host


class Chance:
    """The seed and the faults of one cloud."""

    def __init__(self, state: State, definition: Definition, created_us: int) -> None:
        self._state = state
        self._definition = definition
        self._created_us = created_us

    def duration_us(self, attempt: Attempt) -> int:
        """How long the attempt takes, in microseconds."""
        durations = self._definition.durations
        share = 1.0
        if durations.jitter:
            words = (attempt.operation, attempt.subject, attempt.host)
            random = Random(f"{self._definition.seed}/{'/'.join(words)}")
            share += random.uniform(-durations.jitter, durations.jitter)
        return round(float(getattr(durations, attempt.operation)) * share * SECOND_US)

    def strike(self, now_us: int, attempt: Attempt) -> str:
        """Lets the first fault that fits strike: raises what it says, or returns why a move is going to fail.

        Empty when none strikes.
        """
        for number, fault in enumerate(self._definition.faults):
            if not self._fits(now_us, fault, attempt):
                continue
            if fault.nth and self._state.count_fault(number) != fault.nth:
                continue
            if fault.effect == "fail":
                return fault.reason
            self._state.log(
                now_us,
                "refuse",
                attempt.subject,
                host=attempt.host,
                target=attempt.target,
                detail=f"{attempt.operation}: {fault.reason}",
            )
            error = CloudRefused if fault.effect == "refuse" else CloudUnavailable
            raise error(f"{attempt.operation} {attempt.subject}: {fault.reason}")
        return ""

    def _fits(self, now_us: int, fault: Fault, attempt: Attempt) -> bool:
        age_s = (now_us - self._created_us) / SECOND_US
        instance = attempt.instance
        names = (instance.instance_id, instance.instance_name) if instance else ()
        return (
            fault.operation in (None, attempt.operation)
            and (fault.effect != "fail" or attempt.operation in MOVES)
            and fault.host in ("", attempt.host)
            and fault.target in ("", attempt.target)
            and (not fault.instance or fault.instance in names)
            and age_s >= fault.after_s
            and (fault.for_s is None or age_s < fault.after_s + fault.for_s)
        )
