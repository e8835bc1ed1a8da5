"""A span for a program that runs as a Ray job, in the trace of the job that made it.

The worker passes the trace as W3C's ``TRACEPARENT`` and the collector as ``OTEL_EXPORTER_OTLP_ENDPOINT``. Headers with a
secret it never passes: where the collector wants some, the nodes of the cluster have ``OTEL_EXPORTER_OTLP_HEADERS`` in
their own environment. Nothing here may fail a program: what goes wrong is left out.
"""

from __future__ import annotations

import os
from typing import Any

EXPORT_SECONDS = 3
"""How long an end may be held up by a collector that does not answer."""


class ProgramSpan:
    """The span of the whole program; the program's own spans, by OpenTelemetry's usual calls, become its children."""

    def __init__(self, name: str, attributes: dict[str, Any]) -> None:
        from opentelemetry import context, trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        parent = TraceContextTextMapPropagator().extract({"traceparent": os.environ["TRACEPARENT"]})
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "lovage-ray-job"}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=EXPORT_SECONDS)))
        trace.set_tracer_provider(self._provider)
        tracer = self._provider.get_tracer("lovage")
        self._span = tracer.start_span(name, context=parent, kind=trace.SpanKind.CONSUMER, attributes=attributes)
        self._token = context.attach(trace.set_span_in_context(self._span, parent))

    def fail(self, code: str, message: str) -> None:
        """Record why the program failed."""
        from opentelemetry.trace import Status, StatusCode

        self._span.set_attribute("lovage.error.code", code)
        self._span.add_event("exception", {"exception.type": code, "exception.message": message})
        self._span.set_status(Status(StatusCode.ERROR, f"{code}: {message}"))

    def end(self) -> None:
        """End the span and send it."""
        from opentelemetry import context

        context.detach(self._token)
        self._span.end()
        self._provider.force_flush(EXPORT_SECONDS * 1000)


def begin(name: str, attributes: dict[str, Any]) -> ProgramSpan | None:
    """Begin the program's span; None where there is no trace, no collector, or no OpenTelemetry."""
    if "TRACEPARENT" not in os.environ or "OTEL_EXPORTER_OTLP_ENDPOINT" not in os.environ:
        return None
    try:
        return ProgramSpan(name, attributes)
    except Exception:  # noqa: BLE001 - a trace is a courtesy
        return None
