"""How long things take and what goes wrong, as the definition and its seed say.

A duration depends on the seed and on what is done, never on what else happens, so that equal stories take equal time
whatever the order of their parts. How often a fault was met is a row: it survives a restart like everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import msgspec

from fenix_grpc.clouds.simulated.definition import MOVES, ON_MOVES, Call, Definition, Fault
from fenix_grpc.clouds.simulated.state import State
from fenix_grpc.core.errors import CloudRefused, CloudUnavailable
from fenix_grpc.core.model import InstanceView

SECOND_US = 1_000_000
#: What is stuck ends so much later, which is never as far as anybody waits.
_NEVER_US = 100 * 365 * 86_400 * SECOND_US


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

    def strike(self, now_us: int, attempt: Attempt) -> Fault | None:
        """Lets the first fault that fits strike: raises what it says, or returns it when it shows only later, in how a
        move ends or in its `answer`.

        None when none strikes.
        """
        for number, began_us, fault in self._faults():
            if not _fits((now_us - began_us) / SECOND_US, fault, attempt):
                continue
            if fault.nth and self._state.count_fault(number) != fault.nth:
                continue
            if fault.effect not in ("refuse", "unavailable"):
                return fault
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
        return None

    def answer(self, fault: Fault | None, attempt: Attempt) -> None:
        """Raises CloudUnavailable when the answer to what was done is lost."""
        if fault and fault.effect == "lose":
            raise CloudUnavailable(f"{attempt.operation} {attempt.subject}: {fault.reason}")

    def delay_us(self, fault: Fault | None) -> int:
        """By how much the end of what it struck is late."""
        if fault and fault.effect == "stuck":
            return _NEVER_US
        return round(fault.delay_s * SECOND_US) if fault and fault.effect == "slow" else 0

    def _faults(self) -> Iterator[tuple[int, int, Fault]]:
        """Each with a number of its own and the time that its own times count from."""
        for number, fault in enumerate(self._definition.faults):
            yield number, self._created_us, fault
        for number, began_us, text in self._state.disturbances():
            yield -number, began_us, msgspec.json.decode(text, type=Fault)


def _fits(age_s: float, fault: Fault, attempt: Attempt) -> bool:
    instance = attempt.instance
    names = (instance.instance_id, instance.instance_name) if instance else ()
    return (
        fault.operation in (None, attempt.operation)
        and (fault.effect not in ON_MOVES or attempt.operation in MOVES)
        and (fault.effect != "stuck" or attempt.operation == "live_migrate")
        and fault.host in ("", attempt.host)
        and fault.target in ("", attempt.target)
        and (not fault.instance or fault.instance in names)
        and age_s >= fault.after_s
        and (fault.for_s is None or age_s < fault.after_s + fault.for_s)
    )
