"""Spans of calls and steps, as a real provider of OpenTelemetry gets them."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from fenix_grpc.api.status import RpcFailure
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.traces import Traces
from fenix_grpc.v1 import session_service_pb2 as pb
from tests.api.desk import a_desk

LIST, GET = "/fenix.v1.SessionService/ListSessions", "/fenix.v1.SessionService/GetSession"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def a_provider() -> tuple[Traces, InMemorySpanExporter]:
    provider, kept = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    return Traces(provider), kept


async def test_a_call_is_a_span_below_that_of_its_caller() -> None:
    traces, kept = a_provider()
    metadata = {
        "caller": "admin",
        "traceparent": f"00-{TRACE}-{SPAN}-01",
        "x-request-id": "req-1",
    }
    async with a_desk(traces=traces) as desk:
        await desk.api.chain.unary(LIST, pb.ListSessionsRequest(), metadata, "test")
    (span,) = kept.get_finished_spans()
    assert (span.name, span.kind) == (LIST.removeprefix("/"), SpanKind.SERVER)
    assert f"{span.context.trace_id:032x}" == TRACE
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == SPAN
    assert span.attributes is not None
    assert span.attributes["fenix.request"] == "req-1"


async def test_a_call_that_fails_is_marked_and_tells_nothing_of_the_request() -> None:
    traces, kept = a_provider()
    async with a_desk(traces=traces) as desk:
        request = pb.GetSessionRequest(session_id="secret")
        with pytest.raises(RpcFailure):
            await desk.api.chain.unary(GET, request, {"caller": "admin"}, "test")
    (span,) = kept.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert "secret" not in span.to_json()


def test_a_step_is_a_span_with_its_outcome() -> None:
    traces, kept = a_provider()
    with traces.step("MOVE_INSTANCE", "s1", "step-1") as span:
        span.set_attribute("fenix.outcome", "DONE")
    (found,) = kept.get_finished_spans()
    assert found.name == "fenix.step MOVE_INSTANCE"
    assert dict(found.attributes or {}) == {
        "fenix.session": "s1",
        "fenix.step": "step-1",
        "fenix.outcome": "DONE",
    }


def test_nothing_is_made_where_nothing_is_configured() -> None:
    traces = Traces.sent_to("")
    with traces.call(GET, {}) as call, traces.step("MOVE_INSTANCE", "s1", "x") as step:
        assert (call, step) == (None, None)
    traces.close()


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(InvalidRequest, match=r"traces.endpoint: needs the extra otel"):
        Traces.sent_to("http://127.0.0.1:4318/v1/traces")
