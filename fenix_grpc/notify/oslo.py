"""The sink `oslo`: notifications on the message bus of an OpenStack, as every service there sends them. Needs the extra
`oslo`.

oslo.messaging's own Notifier logs a failure and returns as if all were well; here a failure must be known, so the one
call below it is made instead. Everything of the library happens in a thread of its own, and nothing is monkey-patched.
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import Any, Literal

from fenix_grpc.core.announcements import HostNotice, SessionNotice
from fenix_grpc.core.errors import InvalidRequest, NotDelivered
from fenix_grpc.core.notices import ProjectNotice
from fenix_grpc.notify import v1
from fenix_grpc.ports import Letter, Recorded, Told

logger = logging.getLogger(__name__)

#: Message formats by the names of the drivers that write them.
_VERSIONS = {"messaging": 1.0, "messagingv2": 2.0}
#: Tries of one delivery within the library; the courier makes the others.
_RETRIES = 1
#: What a request's context would be; ceilometer takes nothing from it.
_CONTEXT: dict[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bus:
    """Where notifications go."""

    #: As oslo.messaging writes it: rabbit://USER:PASSWORD@HOST:PORT/VHOST
    transport_url: str
    topic: str = "notifications"
    #: The exchange; ceilometer must listen to it (notification_control_exchanges).
    exchange: str = "openstack"
    driver: Literal["messaging", "messagingv2"] = "messaging"
    #: Id of the project that host and session notifications are addressed to.
    admin_project_id: str = ""
    #: Lists and objects as such instead of text: for readers of the bus itself, not for alarms.
    structured: bool = False
    #: Also tell projects of failed and deleted sessions, which clients of v1 do not know.
    tell_failures: bool = True


class OsloSink:
    """See `ports.Sink`. One lane per session: what is told of a session arrives in order, whoever it is for."""

    name = "oslo"

    def __init__(self, bus: Bus, *, public_url: str, patience_s: float) -> None:
        """Raises InvalidRequest when oslo.messaging is missing or cannot use the url."""
        self._bus = bus
        self._public_url = public_url
        self._patience = timedelta(seconds=patience_s)
        self._transport, self._target = _open(bus)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fenix-oslo")

    async def letters(self, told: Told) -> Sequence[Letter]:
        """See the port."""
        projects = [
            notice
            for notice in told.notices
            if self._bus.tell_failures or notice.kind in v1.KNOWN_TO_V1
        ]
        return [
            *(self._of_announcement(each, told.entry) for each in told.announcements),
            *(
                self._of_project(notice, told.entry, notice.project_id in told.demanding)
                for notice in projects
            ),
        ]

    async def deliver(self, letter: Letter) -> None:
        """See the port."""
        message = {
            "message_id": letter.message_id,
            "publisher_id": v1.SERVICE,
            "event_type": letter.event_type,
            "priority": "INFO",
            "payload": dict(letter.payload),
            "timestamp": str(letter.at.astimezone(UTC).replace(tzinfo=None)),
        }
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._send, message)

    async def aclose(self) -> None:
        """See the port. A delivery that hangs is left to its end."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._transport.cleanup)

    def _send(self, message: Mapping[str, Any]) -> None:
        version = _VERSIONS[self._bus.driver]
        try:
            # What Notifier's drivers call, with the same arguments; they swallow what it raises.
            self._transport._send_notification(
                self._target, _CONTEXT, message, version=version, retry=_RETRIES
            )
        except Exception as err:  # the library's own and those of its drivers
            raise NotDelivered(f"the message bus takes nothing: {_words(err)}") from err

    def _of_project(self, notice: ProjectNotice, entry: Recorded, per_instance: bool) -> Letter:
        payload = v1.project_payload(notice, public_url=self._public_url, per_instance=per_instance)
        if self._bus.structured:
            payload = v1.structured(payload)
        letter = v1.project_letter(
            notice,
            entry,
            payload,
            lane=notice.session_id,
            address=self._bus.topic,
            patience=self._patience,
        )
        # What the bus refused has not arrived.
        return replace(letter, repeatable=True)

    def _of_announcement(self, told: HostNotice | SessionNotice, entry: Recorded) -> Letter:
        project_id = self._bus.admin_project_id
        if isinstance(told, HostNotice):
            event_type, subject = v1.HOST, f"host:{told.host}"
            payload = v1.host_payload(told, project_id)
        else:
            event_type, subject = v1.SESSION, "session"
            payload = v1.session_payload(told, project_id)
        return Letter(
            session_id=told.session_id,
            position=entry.position,
            lane=told.session_id,
            address=self._bus.topic,
            subject=subject,
            title=f"{event_type} {told.state}",
            event_type=event_type,
            message_id=v1.message_id(entry, event_type),
            at=entry.at,
            payload=payload,
            deadline=entry.at + self._patience,
        )


def _open(bus: Bus) -> tuple[Any, Any]:
    """The transport, and the target of all messages."""
    try:
        with warnings.catch_warnings():
            # The library still imports eventlet, which warns of itself; nothing of it is used here.
            warnings.simplefilter("ignore")
            import oslo_messaging
            from oslo_config import cfg
    except ModuleNotFoundError as err:
        problem = f"{err.name} is not installed: pip install 'fenix-grpc[oslo]'"
        raise InvalidRequest("oslo.transport_url", problem) from err
    conf = cfg.ConfigOpts()
    conf([], project="fenix", default_config_files=[], default_config_dirs=[])
    oslo_messaging.set_transport_defaults(control_exchange=bus.exchange)
    try:
        transport = oslo_messaging.get_notification_transport(conf, url=bus.transport_url)
    except Exception as err:  # the library's own, and those of plug-in loading
        raise InvalidRequest("oslo.transport_url", _words(err)) from err
    return transport, oslo_messaging.Target(topic=f"{bus.topic}.info")


def _words(err: BaseException) -> str:
    return str(err).partition("\n")[0] or type(err).__name__
