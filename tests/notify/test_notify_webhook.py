"""Webhooks, to a real HTTP server."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from fenix_grpc.clock import SystemClock
from fenix_grpc.core.errors import NotDelivered
from fenix_grpc.core.model import NoticeKind
from fenix_grpc.notify.webhook import WebhookSink
from fenix_grpc.outbound import reach
from fenix_grpc.ports import Webhook
from fenix_grpc.store import SqlJournal, SqlWebhooks
from fenix_grpc.testing_sink import AT, PROJECT, SINK_CHECKS, SinkCheck, told
from tests.notify.far_ends import Manager, Post, a_manager

SECRET = "a secret of 26 characters."


class WebhookLab:
    def __init__(self, sink: WebhookSink, manager: Manager) -> None:
        self.sink = sink
        self.manager = manager

    async def arrived(self) -> Sequence[tuple[str, Mapping[str, Any]]]:
        return [(post.event["message_id"], post.traits) for post in self.manager.posts]

    async def take_away(self) -> None:
        await self.manager.stop()

    async def bring_back(self) -> None:
        await self.manager.start()


@asynccontextmanager
async def a_lab(
    answer_s: float = 30, networks: Sequence[str] = ("127.0.0.0/8",), host: str = "127.0.0.1"
) -> AsyncIterator[WebhookLab]:
    async with a_manager() as manager, aclosing(await SqlJournal.open("sqlite://")) as journal:
        webhooks = SqlWebhooks(journal)
        url = manager.url.replace("127.0.0.1", host) + "?token=hidden"
        hook = Webhook(webhook_id="w1", project_id=PROJECT, url=url, secret=SECRET, created_at=AT)
        await webhooks.add(hook)
        sink = WebhookSink(
            webhooks,
            reach("webhooks", (url,), tuple(networks)),
            clock=SystemClock(),
            public_url="http://fenix",
            patience_s=3600,
            answer_s=answer_s,
        )
        async with aclosing(sink):
            yield WebhookLab(sink, manager)


@pytest.mark.parametrize("check", SINK_CHECKS, ids=lambda check: check.__name__[6:])
async def test_keeps_the_promises_of_the_port(check: SinkCheck) -> None:
    async with a_lab() as lab:
        await check(lab)


async def test_the_body_is_that_of_an_alarm_and_signed() -> None:
    """4.6, 4.7."""
    async with a_lab() as lab:
        (letter,) = await lab.sink.letters(told(1, NoticeKind.SCALE_IN))
        await lab.sink.deliver(letter)
        (post,) = lab.manager.posts
    assert post.headers["content-type"] == "application/json"
    assert post.headers["x-openstack-request-id"].startswith("req-")
    assert post.path == "/maintenance?token=hidden"
    signed = post.headers["x-fenix-timestamp"].encode() + b"." + post.body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert post.headers["x-fenix-signature"] == f"sha256={expected}"
    assert SECRET not in post.body.decode()
    assert post.event["event_type"] == "maintenance.scheduled"
    assert ["state", 1, "SCALE_IN"] in post.event["traits"]
    assert ["reply_at", 4, "2030-01-01T12:00:40"] in post.event["traits"]


@pytest.mark.parametrize(
    ("status", "kind", "problem", "perhaps"),
    [
        (204, "SCALE_IN", "", False),
        (503, "SCALE_IN", "answers 503", False),
        (429, "MAINTENANCE", "answers 429", False),
        (302, "MAINTENANCE", "redirects are not followed", False),
        (500, "SCALE_IN", "answers 500", True),
        (404, "MAINTENANCE", "answers 404", True),
        (500, "MAINTENANCE_FAILED", "", False),
        (400, "INSTANCE_ACTION_DONE", "", False),
        (500, "INSTANCE_ACTION_FALLBACK", "", False),
    ],
)
async def test_what_an_answer_means(status: int, kind: str, problem: str, perhaps: bool) -> None:
    async def answer(_: Post) -> int:
        return status

    async with a_lab() as lab:
        lab.manager.answer = answer
        (letter,) = await lab.sink.letters(told(1, NoticeKind(kind)))
        if problem:
            with pytest.raises(NotDelivered, match=problem) as failure:
                await lab.sink.deliver(letter)
            assert failure.value.perhaps is perhaps
            assert "hidden" not in str(failure.value)
        else:
            await lab.sink.deliver(letter)
        assert len(lab.manager.posts) == 1


async def test_a_manager_that_is_still_at_work_has_got_it() -> None:
    """4.8: it replies from inside its handler, and answers when its application has changed."""
    over = asyncio.Event()

    async def never(_: Post) -> int:
        await over.wait()
        return 200

    async with a_lab(answer_s=0.2) as lab:
        lab.manager.answer = never
        (letter,) = await lab.sink.letters(told(1, NoticeKind.SCALE_IN))
        await lab.sink.deliver(letter)
        assert len(lab.manager.posts) == 1
        over.set()


async def test_a_webhook_that_is_gone_is_sent_nothing() -> None:
    async with a_lab() as lab:
        (letter,) = await lab.sink.letters(told(1))
        await lab.sink._webhooks.remove(PROJECT, "w1")
        await lab.sink.deliver(letter)
        assert not await lab.sink.letters(told(2))
        assert not lab.manager.posts


@pytest.mark.parametrize(
    ("networks", "problem"),
    [(["127.0.0.0/8", "::1/128"], ""), (["10.0.0.0/8"], "not public"), ([], "not public")],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_the_address_is_looked_at_before_every_call(
    host: str, networks: list[str], problem: str
) -> None:
    async with a_lab(networks=networks, host=host) as lab:
        (letter,) = await lab.sink.letters(told(1))
        if problem:
            with pytest.raises(NotDelivered, match=problem):
                await lab.sink.deliver(letter)
            assert not lab.manager.posts
        else:
            await lab.sink.deliver(letter)
            assert lab.manager.posts[0].headers["host"] == f"{host}:{lab.manager.port}"
