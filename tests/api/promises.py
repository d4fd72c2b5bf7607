"""The promises of a watch, each as a validator over a recorded stream of responses."""

from __future__ import annotations

from collections.abc import Sequence

from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.session_service_pb2 import WatchSessionResponse


def events_of(responses: Sequence[WatchSessionResponse]) -> list[SessionEvent]:
    return [event for response in responses for event in response.events]


def seqs(responses: Sequence[WatchSessionResponse]) -> dict[str, list[int]]:
    by_session: dict[str, list[int]] = {}
    for event in events_of(responses):
        by_session.setdefault(event.session_id, []).append(event.seq)
    return by_session


def check_ordered_gap_free_and_unique(
    responses: Sequence[WatchSessionResponse], first: int = 1
) -> None:
    """Every session's events are numbered one after the other from `first`."""
    for session_id, found in seqs(responses).items():
        assert found == list(range(first, first + len(found))), f"{session_id}: {found}"


def check_bookmarked(responses: Sequence[WatchSessionResponse]) -> None:
    """Every response carries a token, and tokens never go back. Before the first event it is 0."""
    assert all(response.token for response in responses), "a response without a token"
    tokens = [int(response.token) for response in responses]
    assert tokens == sorted(tokens), tokens


def check_all(responses: Sequence[WatchSessionResponse]) -> None:
    check_ordered_gap_free_and_unique(responses)
    check_bookmarked(responses)
