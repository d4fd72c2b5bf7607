"""What callers may ask at once and in a row; every refusal says which limit it was and when to try again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from google.rpc import code_pb2, error_details_pb2
from google.rpc.status_pb2 import Status

from fenix_grpc.api.chain import Chain
from fenix_grpc.api.limits import Gate
from fenix_grpc.api.methods import METHODS
from fenix_grpc.api.status import RpcFailure
from fenix_grpc.config import Limits
from fenix_grpc.core.errors import ShuttingDown, TooMany
from fenix_grpc.measures import Measures
from fenix_grpc.ports import Caller, Role
from fenix_grpc.v1 import session_service_pb2 as pb
from tests.api.desk import ByName

ANN = Caller(name="ann", roles=frozenset({Role.ADMIN}))
BOB = Caller(name="bob", roles=frozenset({Role.ADMIN}))
GET, WATCH = "/fenix.v1.SessionService/GetSession", "/fenix.v1.SessionService/WatchSession"
AS_ADMIN = {"caller": "admin"}


class Now:
    """A time that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def a_gate(limits: Limits, now: Now | None = None) -> tuple[Gate, Measures]:
    measures = Measures()
    return Gate(limits, measures, now=now or Now()), measures


def hits(measures: Measures, limit: str) -> float:
    return measures.registry.get_sample_value("fenix_limits_hit_total", {"limit": limit}) or 0.0


def test_a_caller_gets_its_burst_and_then_its_rate() -> None:
    now = Now()
    gate, measures = a_gate(Limits(calls_per_s=2.0, calls_burst=3), now)
    for _ in range(3):
        gate.admit(ANN)
    with pytest.raises(TooMany, match="ann makes more than 2 calls a second") as caught:
        gate.admit(ANN)
    assert (caught.value.quota, caught.value.retry_s) == ("limits.calls_per_s", 0.5)
    assert hits(measures, "calls_per_s") == 1
    now.now += 0.5
    gate.admit(ANN)
    with pytest.raises(TooMany):
        gate.admit(ANN)


def test_a_caller_that_calls_too_much_is_nobody_elses_trouble() -> None:
    gate, _ = a_gate(Limits(calls_per_s=1.0, calls_burst=1))
    gate.admit(ANN)
    with pytest.raises(TooMany):
        gate.admit(ANN)
    gate.admit(BOB)


def test_a_quiet_caller_saves_up_no_more_than_its_burst() -> None:
    now = Now()
    gate, _ = a_gate(Limits(calls_per_s=100.0, calls_burst=2), now)
    gate.admit(ANN)
    now.now += 3600
    gate.admit(ANN)
    gate.admit(ANN)
    with pytest.raises(TooMany):
        gate.admit(ANN)


def test_a_watch_that_has_ended_makes_room_for_another() -> None:
    gate, measures = a_gate(Limits(watches_per_caller=1))
    with gate.watch(ANN):
        with pytest.raises(TooMany, match="ann has 1 watches open") as caught, gate.watch(ANN):
            raise AssertionError("a second watch was let in")
        assert caught.value.quota == "limits.watches_per_caller"
        with gate.watch(BOB):
            assert gate.watches == 2
    with gate.watch(ANN):
        assert gate.watches == 1
    assert hits(measures, "watches_per_caller") == 1


def test_nobody_is_let_in_once_the_server_stops() -> None:
    gate, _ = a_gate(Limits())
    gate.closed = True
    with pytest.raises(ShuttingDown, match="elsewhere or later"):
        gate.check_room()


class Handlers:
    """Every method of the contract; GetSession lasts until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = asyncio.Semaphore(0), asyncio.Event()

    async def get_session(self, request: object, caller: Caller) -> pb.GetSessionResponse:
        self.begun.release()
        await self.go.wait()
        return pb.GetSessionResponse()

    async def watch_session(
        self, request: object, caller: Caller
    ) -> AsyncGenerator[pb.WatchSessionResponse, None]:
        yield pb.WatchSessionResponse(token="1")
        await self.go.wait()

    def __getattr__(self, name: str) -> object:
        if name not in {method.handler for method in METHODS.values()}:
            raise AttributeError(name)
        return self.get_session


def a_chain(limits: Limits) -> tuple[Chain, Handlers, Measures]:
    handlers, measures = Handlers(), Measures()
    return Chain(ByName(), [handlers], limits=limits, measures=measures), handlers, measures


async def first_of(chain: Chain, method: str) -> None:
    """Makes a call, and waits for its first response."""
    if method == GET:
        await chain.unary(GET, pb.GetSessionRequest(session_id="s"), AS_ADMIN, "test")
        return
    async with aclosing(chain.stream(WATCH, pb.WatchSessionRequest(), AS_ADMIN, "test")) as watch:
        await anext(watch)


async def refused(chain: Chain, method: str = GET) -> Status:
    """How a call is refused."""
    with pytest.raises(RpcFailure) as caught:
        await first_of(chain, method)
    return caught.value.status


async def test_a_call_without_a_deadline_gets_one() -> None:
    chain, _, measures = a_chain(Limits(call_s=0.05))
    status = await refused(chain)
    assert status.code == code_pb2.DEADLINE_EXCEEDED
    assert "no answer within 0.05 s" in status.message
    labels = {"method": GET.removeprefix("/"), "code": "DEADLINE_EXCEEDED"}
    assert measures.registry.get_sample_value("fenix_call_seconds_count", labels) == 1


async def test_calls_under_way_are_bounded() -> None:
    chain, handlers, measures = a_chain(Limits(calls_at_once=2))
    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            request = pb.GetSessionRequest(session_id="s")
            tasks.create_task(chain.unary(GET, request, AS_ADMIN, "test"))
            await handlers.begun.acquire()
        status = await refused(chain)
        handlers.go.set()
    assert status.code == code_pb2.RESOURCE_EXHAUSTED
    retry, quota = error_details_pb2.RetryInfo(), error_details_pb2.QuotaFailure()
    assert any(detail.Unpack(retry) for detail in status.details)
    assert any(detail.Unpack(quota) for detail in status.details)
    assert retry.retry_delay.ToMilliseconds() == 1000
    assert quota.violations[0].subject == "limits.calls_at_once"
    assert hits(measures, "calls_at_once") == 1
    assert chain.gate.under_way == 0
    await chain.unary(GET, pb.GetSessionRequest(session_id="s"), AS_ADMIN, "test")


async def test_watches_of_a_caller_are_bounded() -> None:
    chain, _, _ = a_chain(Limits(watches_per_caller=1))
    watch = chain.stream(WATCH, pb.WatchSessionRequest(), AS_ADMIN, "test")
    async with aclosing(watch) as responses:
        await anext(responses)
        status = await refused(chain, WATCH)
        assert status.code == code_pb2.RESOURCE_EXHAUSTED
    assert chain.gate.watches == 0
