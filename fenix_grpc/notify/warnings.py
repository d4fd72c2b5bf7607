"""What a session's creator should know of how its notices will reach projects."""

from __future__ import annotations

from fenix_grpc.core.events import SessionCreated
from fenix_grpc.notify import v1


def warnings(created: SessionCreated) -> tuple[str, ...]:
    """About metadata that alarms and webhooks cannot carry (W6)."""
    lost = v1.left_out(created.metadata)
    if not lost:
        return ()
    return (
        f"metadata: alarms and webhooks carry at most {v1.LONGEST} characters of it as JSON: "
        f"{', '.join(lost)} will be left out there (managers that watch get all of it)",
    )
