"""Who counts as listening: projects with an alarm that hears fenix, and projects with a webhook."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest

from fenix_grpc.clock import VirtualClock
from fenix_grpc.core.errors import CloudUnavailable
from fenix_grpc.notify.aodh import listening
from fenix_grpc.notify.hearing import Hearing
from fenix_grpc.ports import Webhook
from fenix_grpc.store import SqlJournal, SqlWebhooks


def an_alarm(event_type: str, **fields: Any) -> dict[str, Any]:
    rule = {"event_rule": {"event_type": event_type, "query": []}}
    return {"type": "event", "enabled": True, "project_id": "red", **rule, **fields}


@pytest.mark.parametrize(
    ("alarm", "hears"),
    [
        pytest.param(an_alarm("maintenance.scheduled"), True, id="D25-scheduled"),
        pytest.param(an_alarm("maintenance.planned"), True, id="D25-planned"),
        pytest.param(an_alarm("maintenance.*"), True, id="W12-wildcard"),
        pytest.param(an_alarm("*"), True, id="W12-everything"),
        pytest.param(an_alarm("maintenance.host"), False, id="hosts-only"),
        pytest.param(an_alarm("compute.*"), False, id="another-service"),
        pytest.param(an_alarm("*", enabled=False), False, id="switched-off"),
        pytest.param(
            {"type": "threshold", "project_id": "red", "enabled": True}, False, id="W12-other-type"
        ),
        pytest.param(
            {"type": "gnocchi_resources_threshold", "project_id": "red", "event_rule": None},
            False,
            id="W12-null-rule",
        ),
        pytest.param(an_alarm("*", project_id=None), False, id="of-nobody"),
    ],
)
def test_which_alarms_hear_fenix(alarm: dict[str, Any], hears: bool) -> None:
    assert listening([alarm]) == ({"red"} if hears else set())


async def test_projects_with_an_alarm_or_a_webhook_count_as_listening() -> None:
    """Also when one of the two gives no answer any more."""
    clock = VirtualClock()
    began = clock.now()

    async def alarms() -> frozenset[str]:
        if clock.now() > began:
            raise CloudUnavailable("Aodh gives no answer")
        return frozenset({"red"})

    async with aclosing(await SqlJournal.open("sqlite://")) as journal:
        webhooks = SqlWebhooks(journal)
        hook = Webhook(webhook_id="w", project_id="blue", url="x", secret="", created_at=began)
        await webhooks.add(hook)
        sources = {"alarms": alarms, "webhooks": webhooks.projects}
        hearing = Hearing(journal, sources, clock=clock, refresh_s=15)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(hearing.run(stop))
            await clock.sleep_until(began + timedelta(seconds=100))
            stop.set()
        assert await journal.listeners(clock.now() - timedelta(seconds=20)) == {"red", "blue"}
