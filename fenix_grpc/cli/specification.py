"""What a session is to be, as options that commands share: `fenix session create` and `fenix plan` mean the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from fenix_grpc.cli.arguments import action_of, metadata_of, time_of, word_of
from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest
from fenix_grpc.v1.types_pb2 import FailedLive, HostDown, Preference, SessionOptions, SlowLive


class Prefer(StrEnum):
    """Which of several good plans is followed."""

    BALANCED = "balanced"
    FASTEST = "fastest"
    FEWEST_MOVES = "fewest-moves"


class Slow(StrEnum):
    """What is done about a slow live migration."""

    WAIT = "wait"
    FORCE = "force"
    ABORT = "abort"


class Failed(StrEnum):
    """What follows when an instance cannot be migrated live."""

    COLD = "cold"
    ASK = "ask"
    GIVE_BACK = "give-back"
    STOP = "stop"


class Down(StrEnum):
    """What is done when a host dies while it is emptied."""

    STOP = "stop"
    EVACUATE = "evacuate"


HostOption = Annotated[
    list[str] | None, typer.Option(help="Host to work on; repeat it. None means all.")
]
AtOption = Annotated[
    str, typer.Option(help="Work starts at the earliest: now, +30s, +2h or 2030-01-31T22:00Z.")
]
WorkflowOption = Annotated[str, typer.Option(help="Name of the workflow.")]
MetadataOption = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="Told to every project; repeat it."),
]
ActionOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TYPE:PLUGIN[:JSON]",
        help="Work to do, such as host:dummy; TYPE is pre, host, compute, controller or post. Repeat it.",
    ),
]
PreferOption = Annotated[
    Prefer | None,
    typer.Option(
        "--preference", help="Which of several good plans is followed.", show_default=False
    ),
]
ParallelHostsOption = Annotated[
    int, typer.Option(min=0, help="Hosts on which work may run at once; 0 as configured.")
]
ParallelMovesOption = Annotated[
    int, typer.Option(min=0, help="Moves that may run at once; 0 as configured.")
]
FillLimitOption = Annotated[
    float,
    typer.Option(min=0, max=1, help="Share of a host up to which moves fill it; 0 as configured."),
]
WindowEndOption = Annotated[
    str,
    typer.Option(
        help="No host is begun that is not expected to be done by then; +6h counts from the start.",
        show_default=False,
    ),
]


FailureBudgetOption = Annotated[
    int,
    typer.Option(
        min=-1, help="Hosts whose work may fail before the session stops; -1 as configured."
    ),
]
RetireOption = Annotated[
    list[str] | None,
    typer.Option(
        "--retire",
        help="Host that leaves the cloud for good once its work is done and its service stopped; may be repeated.",
        show_default=False,
    ),
]
LiveSOption = Annotated[
    float,
    typer.Option(
        "--live-s",
        min=-1,
        help="Seconds after which a live migration is slow; 0 never, -1 as configured.",
    ),
]
SlowLiveOption = Annotated[
    Slow | None,
    typer.Option(
        "--slow-live", help="What is done about a slow live migration.", show_default=False
    ),
]
FailedLiveOption = Annotated[
    list[Failed] | None,
    typer.Option(
        "--failed-live",
        help="What follows when an instance cannot be migrated live; repeat it, in order.",
        show_default=False,
    ),
]
HostDownOption = Annotated[
    Down | None,
    typer.Option(
        "--host-down",
        help="What is done when a host dies while it is emptied; evacuate only where dead hosts are fenced.",
        show_default=False,
    ),
]
PackageOption = Annotated[
    list[str] | None,
    typer.Option(
        "--package",
        help="URL of a package for the actions, as URL#sha256=DIGEST or signed. May be repeated.",
        show_default=False,
    ),
]


def options_of(
    preference: Prefer | None,
    parallel_hosts: int,
    parallel_moves: int,
    fill_limit: float,
    window_end: str,
    start: datetime,
) -> SessionOptions:
    """What was said; the rest is as configured."""
    options = SessionOptions(
        parallel_hosts=parallel_hosts, parallel_moves=parallel_moves, fill_limit=fill_limit
    )
    if preference is not None:
        options.preference = word_of(Preference, preference, "--preference")
    if window_end:
        options.window_end.FromDatetime(time_of(window_end, start, "--window-end"))
    return options


def difficult_of(
    options: SessionOptions,
    live_s: float,
    slow_live: Slow | None,
    failed_live: Sequence[Failed] | None,
    host_down: Down | None,
) -> None:
    """Adds what was said of migrations that do not go their way."""
    if live_s >= 0:
        options.live_s = live_s
    if slow_live is not None:
        options.slow_live = word_of(SlowLive, slow_live, "--slow-live")
    for way in failed_live or ():
        options.failed_live.append(word_of(FailedLive, way, "--failed-live"))
    if host_down is not None:
        options.host_down = word_of(HostDown, host_down, "--host-down")


def specification_of(
    hosts: Sequence[str] | None,
    start: datetime,
    workflow: str,
    metadata: Sequence[str] | None,
    actions: Sequence[str] | None,
    options: SessionOptions,
) -> CreateSessionRequest:
    """A new session, or one that is only planned."""
    return CreateSessionRequest(
        hosts=hosts or [],
        maintenance_at=start,
        workflow=workflow,
        metadata=metadata_of(metadata or []),
        actions=[action_of(text) for text in actions or []],
        options=options,
    )
