"""What the independent checker says of a session, as the event that is stored with it."""

from __future__ import annotations

from collections.abc import Iterable

from fenix_grpc.checker import RuleResult, verify
from fenix_grpc.core.events import Event, RuleJudged, SessionClosed, SessionVerified, StateEntered
from fenix_grpc.core.model import SessionState
from fenix_grpc.ports import Recorded


def ends_session(event: Event) -> bool:
    """Nothing but the verdict is left to be said."""
    done = isinstance(event, StateEntered) and event.state is SessionState.MAINTENANCE_DONE
    return done or isinstance(event, SessionClosed)


def verdict(journal: Iterable[Recorded]) -> SessionVerified:
    """Judges a whole journal, its end included. Takes seconds for one of a hundred thousand events."""
    certificate = verify(journal)
    return SessionVerified(ok=certificate.ok, rules=tuple(map(_judged, certificate.rules)))


def _judged(rule: RuleResult) -> RuleJudged:
    closest = rule.tightest
    return RuleJudged(
        name=rule.name,
        verdict=rule.verdict,
        checked=rule.checked,
        tightest=closest.text if closest else "",
        tightest_seq=closest.seq if closest else 0,
        violations=tuple(
            f"events {', '.join(map(str, case.seqs))}: {case.text}" for case in rule.violations
        ),
    )
