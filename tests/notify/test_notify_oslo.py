"""The message bus, with oslo.messaging's own driver in memory; the real RabbitMQ is that of tests/openstack."""

from __future__ import annotations

import asyncio
import threading
import uuid
import warnings
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from fenix_grpc.core.announcements import HostNotice, SessionNotice
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.core.model import HostProgress, NoticeKind, SessionState
from fenix_grpc.notify.oslo import Bus, OsloSink
from fenix_grpc.ports import Told
from fenix_grpc.testing_sink import SINK_CHECKS, SinkCheck, told

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import oslo_messaging
    from oslo_config import cfg

ADMIN = "admin-project"
END = "test.end"


class Reader:
    """An endpoint as ceilometer's notification agent has one."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]] = []
        self.ended = threading.Event()

    def info(self, context: Any, publisher: str, event: str, payload: Any, metadata: Any) -> None:
        if event == END:
            self.ended.set()
            return
        self.messages.append((publisher, event, payload, metadata))


class OsloLab:
    def __init__(self, sink: OsloSink, exchange: str) -> None:
        self.sink = sink
        self._exchange = exchange
        self._conf = cfg.ConfigOpts()
        self._conf([], project="reader", default_config_files=[], default_config_dirs=[])
        self.reader = Reader()
        self._send = sink._transport._send_notification

    async def arrived(self) -> Sequence[tuple[str, Mapping[str, Any]]]:
        await asyncio.to_thread(self._read)
        return [(metadata["message_id"], payload) for *_, payload, metadata in self.reader.messages]

    def _read(self) -> None:
        """All there is: up to a last message of our own."""
        transport = oslo_messaging.get_notification_transport(self._conf, url="fake://")
        target = oslo_messaging.Target(topic="notifications", exchange=self._exchange)
        listener = oslo_messaging.get_notification_listener(
            transport, [target], [self.reader], executor="threading"
        )
        last = {"message_id": "", "timestamp": "", "publisher_id": "", "priority": "INFO"}
        topic = oslo_messaging.Target(topic="notifications.info", exchange=self._exchange)
        message = {**last, "event_type": END, "payload": {}}
        transport._send_notification(topic, {}, message, version=2.0)
        listener.start()
        assert self.reader.ended.wait(30)
        self.reader.ended.clear()
        listener.stop()
        listener.wait()

    async def take_away(self) -> None:
        def away(*_: Any, **__: Any) -> None:
            raise oslo_messaging.MessageDeliveryFailure("Unable to connect to AMQP server")

        self.sink._transport._send_notification = away

    async def bring_back(self) -> None:
        self.sink._transport._send_notification = self._send


@asynccontextmanager
async def a_lab(**bus: Any) -> AsyncIterator[OsloLab]:
    exchange = uuid.uuid4().hex
    chosen = Bus(transport_url="fake://", exchange=exchange, admin_project_id=ADMIN, **bus)
    sink = OsloSink(chosen, public_url="http://fenix:12347", patience_s=3600)
    async with aclosing(sink):
        yield OsloLab(sink, exchange)


@pytest.mark.parametrize("check", SINK_CHECKS, ids=lambda check: check.__name__[6:])
async def test_keeps_the_promises_of_the_port(check: SinkCheck) -> None:
    async with a_lab() as lab:
        await check(lab)


@pytest.mark.parametrize("driver", ["messaging", "messagingv2"])
async def test_the_envelope(driver: str) -> None:
    """4.1, D25, D36."""
    async with a_lab(driver=driver) as lab:
        (letter,) = await lab.sink.letters(told(1))
        await lab.sink.deliver(letter)
        await lab.arrived()
        ((publisher, event, payload, metadata),) = lab.reader.messages
    assert (publisher, event) == ("fenix", "maintenance.scheduled")
    assert metadata == {"message_id": letter.message_id, "timestamp": "2030-01-01 12:00:00"}
    assert payload["project_id"] == "red"
    assert payload["instance_ids"] == "http://fenix:12347/v1/maintenance/s1/red"


async def test_hosts_and_sessions_are_told_to_administrators() -> None:
    """4.4, 4.5, D27, D28, D34: before what projects are told by the same event."""
    host = HostNotice(session_id="s1", host="c1", state=HostProgress.IN_MAINTENANCE)
    session = SessionNotice(session_id="s1", state=SessionState.START_MAINTENANCE, percent_done=33)
    asked = told(4)
    event = Told(entry=asked.entry, notices=asked.notices, announcements=(host, session))
    async with a_lab() as lab:
        letters = await lab.sink.letters(event)
        for letter in letters:
            await lab.sink.deliver(letter)
        await lab.arrived()
        said = [(event, dict(payload)) for _, event, payload, _ in lab.reader.messages]
    assert {letter.lane for letter in letters} == {"s1"}
    common = {"service": "fenix", "project_id": ADMIN, "session_id": "s1"}
    assert said[:2] == [
        ("maintenance.host", {**common, "host": "c1", "state": "IN_MAINTENANCE"}),
        ("maintenance.session", {**common, "state": "START_MAINTENANCE", "percent_done": 33}),
    ]
    assert said[2][0] == "maintenance.scheduled"


@pytest.mark.parametrize("state", [HostProgress.HOST_ADDED, HostProgress.HOST_REMOVED])
async def test_d35_administrators_hear_of_hosts_that_join_and_leave(state: HostProgress) -> None:
    host = HostNotice(session_id="s1", host="c9", state=state)
    event = Told(entry=told(4).entry, notices=(), announcements=(host,))
    async with a_lab() as lab:
        (letter,) = await lab.sink.letters(event)
        await lab.sink.deliver(letter)
        await lab.arrived()
        ((_, kind, payload, _),) = lab.reader.messages
    assert kind == "maintenance.host"
    assert (payload["host"], payload["state"]) == ("c9", state.value)


async def test_what_v1_does_not_know_can_be_left_out() -> None:
    async with a_lab(tell_failures=False) as lab:
        assert not await lab.sink.letters(told(1, NoticeKind.MAINTENANCE_FAILED))
        assert await lab.sink.letters(told(1, NoticeKind.MAINTENANCE_COMPLETE))
    async with a_lab() as lab:
        (letter,) = await lab.sink.letters(told(1, NoticeKind.MAINTENANCE_FAILED))
        assert letter.optional


async def test_structured_payloads_for_readers_of_the_bus_itself() -> None:
    async with a_lab(structured=True) as lab:
        (letter,) = await lab.sink.letters(told(1, NoticeKind.PLANNED_MAINTENANCE, demanding=True))
    assert letter.payload["instance_ids"] == ["i1"]
    assert letter.payload["metadata"] == {"os": "Ubuntu"}


def test_a_url_that_cannot_be_used_stops_the_start() -> None:
    with pytest.raises(InvalidRequest, match=r"oslo\.transport_url"):
        OsloSink(Bus(transport_url="pigeon://x"), public_url="http://f", patience_s=1)
