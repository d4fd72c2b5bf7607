"""Events as JSON text and back: the only place that knows how an event is written down.

The text holds the fields of the event type by name. Reading forgives what time brings: a field that is missing takes
its default, one that is not known is passed over. A kind that is not known is an error: without it the fold would be
wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fenix_grpc.core.errors import JournalUnreadable
from fenix_grpc.core.events import KINDS, Event


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"{type(value).__name__} has no place in an event")


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_decoders: Mapping[str, msgspec.json.Decoder[Event]] = {
    kind: msgspec.json.Decoder(event_type) for kind, event_type in KINDS.items()
}


def encode(event: Event) -> tuple[str, str]:
    """Kind and JSON text of an event."""
    return type(event).__name__, _encoder.encode(event).decode()


def decode(kind: str, data: str) -> Event:
    """The event that was encoded. Raises JournalUnreadable."""
    decoder = _decoders.get(kind)
    if decoder is None:
        raise JournalUnreadable(
            f"the journal holds a {kind}, which this version of fenix does not know: "
            "run the version that wrote it, or a later one"
        )
    try:
        return decoder.decode(data)
    except msgspec.DecodeError as err:
        raise JournalUnreadable(f"the journal holds a {kind} that cannot be read: {err}") from err
