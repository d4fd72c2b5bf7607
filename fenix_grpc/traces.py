"""Spans for OpenTelemetry: one per call that is no watch, one per step. Off unless an address is configured.

Nothing else in fenix knows OpenTelemetry, which is an extra (`pip install '.[otel]'`). A span holds ids and words of
fenix, never what a request says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from fenix_grpc.core.errors import InvalidRequest

_OFF: AbstractContextManager[Any] = nullcontext()
#: In metadata and headers: which span of the caller this belongs to (W3C Trace Context).
TRACE_PARENT = "traceparent"


class Traces:
    """Makes spans; without a provider they cost and do nothing."""

    def __init__(self, provider: Any = None) -> None:
        """`provider` is a TracerProvider of OpenTelemetry."""
        self._provider = provider
        self._tracer = provider.get_tracer("fenix") if provider else None

    @classmethod
    def sent_to(cls, endpoint: str) -> Traces:
        """Sends spans to a collector, OTLP over HTTP; to nobody when there is no endpoint. Raises InvalidRequest when
        the extra is not installed."""
        if not endpoint:
            return cls()
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as err:
            problem = f"needs the extra otel (pip install 'fenix-grpc[otel]'): {err}"
            raise InvalidRequest("traces.endpoint", problem) from err
        provider = TracerProvider(resource=Resource.create({"service.name": "fenix"}))
        # Its queue is bounded: spans are dropped when the collector is away.
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        return cls(provider)

    def call(self, method: str, metadata: Mapping[str, str]) -> AbstractContextManager[Any]:
        """While a call is handled; below the span that the caller names."""
        if self._tracer is None:
            return _OFF
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        return self._open(
            method.removeprefix("/"),
            context=TraceContextTextMapPropagator().extract(metadata),
            kind=SpanKind.SERVER,
            attributes={"rpc.system": "grpc", "fenix.request": metadata.get("x-request-id", "")},
        )

    def step(self, verb: str, session_id: str, step_id: str) -> AbstractContextManager[Any]:
        """While a step is performed. Gives the span, None when there is none."""
        if self._tracer is None:
            return _OFF
        attributes = {"fenix.session": session_id, "fenix.step": step_id}
        return self._open(f"fenix.step {verb}", attributes=attributes)

    def close(self) -> None:
        """Sends what is left. May take seconds; to be called in a thread."""
        if self._provider is not None:
            self._provider.shutdown()

    @contextmanager
    def _open(self, name: str, **how: Any) -> Iterator[Any]:
        from opentelemetry.trace import StatusCode

        assert self._tracer is not None
        opened = self._tracer.start_as_current_span(
            name, record_exception=False, set_status_on_exception=False, **how
        )
        with opened as span:
            try:
                yield span
            except Exception as err:
                # Its kind only: texts of errors may hold what a request said.
                span.set_status(StatusCode.ERROR, type(err).__name__)
                raise
