"""
Spans and metrics, for OpenTelemetry.

Example::

    ags = Client(on_event=opentelemetry_listener())

A span for each batch and each access token; for a request only within a span that is sampled, so that a batch that
nobody looks at costs no spans. Names are those of the semantic conventions for HTTP clients. No attribute holds a full
URL, which would name courses: ``url.template`` says what it was, such as ``{lineitem}/scores``.

Metrics, by host (``server.address``) and operation, all of which say in ``error.type`` what failed, if anything did:

``http.client.request.duration``  each request: histogram, seconds
``aioags.repeats``                requests to be made again
``aioags.throttles``              refusals because there were too many requests
``aioags.window``                 requests that a platform takes at once, each time that this changed: histogram
``aioags.platforms.away``         platforms that are away just now
``aioags.token.duration``         access tokens, waits included: histogram, seconds
``aioags.batch.duration``         batches: histogram, seconds
``aioags.deliveries``             scores, by ``aioags.recorded``: ``true``, ``false``, ``unknown``
``aioags.launches``               logins and launches, by ``aioags.step`` and ``aioags.fault``
``aioags.key_set.duration``       fetches of platforms' keys: histogram, seconds
``aioags.outbox``                 scores, line items and platforms, by ``aioags.what`` of `OutboxEvent`
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import context, metrics, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import SpanKind, StatusCode, TracerProvider

from aioags._version import __version__
from aioags.model.event import (
    BatchEvent,
    BreakerEvent,
    DeliveryEvent,
    Event,
    RepeatEvent,
    RequestEvent,
    ThrottleEvent,
    TokenEvent,
    WindowEvent,
)
from aioags.model.launch_event import KeySetEvent, LaunchEvent
from aioags.model.outbox_event import OutboxEvent

__all__ = ["opentelemetry_listener"]

_Attributes = dict[str, str | int]

# What each operation asks, in the words of the AGS claim and of the registration.
_TEMPLATES = {
    "post_score": "{lineitem}/scores",
    "results": "{lineitem}/results",
    "line_items": "{lineitems}",
    "create_line_item": "{lineitems}",
    "get_line_item": "{lineitem}",
    "update_line_item": "{lineitem}",
    "delete_line_item": "{lineitem}",
    "members": "{context_memberships_url}",
    "token": "{token_url}",
    "key_set": "{jwks_url}",
}


def opentelemetry_listener(
    *, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
) -> Callable[[Event], None]:
    """
    Return a listener for ``Client(on_event=…)`` that makes spans and metrics of events.

    Args:
        tracer_provider, meter_provider: None: those that are set for the whole program.
    """
    return _Listener(
        trace.get_tracer("aioags", __version__, tracer_provider),
        metrics.get_meter("aioags", __version__, meter_provider),
    )


@lru_cache(maxsize=1024)
def _server(origin: str) -> tuple[tuple[str, str | int], ...]:
    parts = urlsplit(origin)
    return ("server.address", parts.hostname or ""), ("server.port", parts.port or 0)


def _attributes(event: Any, operation: str | None = None, error: str | None = None) -> _Attributes:
    # Not the client id: a tool may have thousands.
    found: _Attributes = dict(_server(event.origin)) if hasattr(event, "origin") else {}
    if operation is not None:
        found["aioags.operation"] = operation
    if error is not None:
        found["error.type"] = error
    return found


class _Listener:
    """
    Makes spans and metrics.
    """

    def __init__(self, tracer: trace.Tracer, meter: metrics.Meter) -> None:
        self._tracer = tracer
        self._requests = meter.create_histogram("http.client.request.duration", "s")
        self._tokens = meter.create_histogram("aioags.token.duration", "s")
        self._batches = meter.create_histogram("aioags.batch.duration", "s")
        self._key_sets = meter.create_histogram("aioags.key_set.duration", "s")
        self._windows = meter.create_histogram("aioags.window", "{request}")
        self._away = meter.create_up_down_counter("aioags.platforms.away", "{platform}")
        self._repeats = meter.create_counter("aioags.repeats", "{request}")
        self._throttles = meter.create_counter("aioags.throttles", "{request}")
        self._deliveries = meter.create_counter("aioags.deliveries", "{score}")
        self._launches = meter.create_counter("aioags.launches", "{launch}")
        self._outbox = meter.create_counter("aioags.outbox", "{score}")
        # Spans of batches under way, and what their context was before.
        self._open: dict[int, tuple[trace.Span, Any]] = {}

    def __call__(self, event: Event) -> None:
        """
        Take an event.
        """
        match event:
            case RequestEvent():
                self._request(event)
            case DeliveryEvent():
                found = _attributes(event, error=event.error)
                recorded = "unknown" if event.recorded is None else str(event.recorded).lower()
                self._deliveries.add(1, found | {"aioags.recorded": recorded})
            case BatchEvent():
                self._batch(event)
            case TokenEvent():
                self._token(event)
            case RepeatEvent():
                self._repeats.add(1, _attributes(event, event.operation, event.error))
            case ThrottleEvent():
                self._throttles.add(1, _attributes(event, event.operation))
            case WindowEvent():
                self._windows.record(event.window, _attributes(event))
            case BreakerEvent():
                self._away.add(1 if event.is_open else -1, _attributes(event))
            case KeySetEvent():
                self._key_sets.record(event.seconds, _attributes(event, error=event.error))
            case LaunchEvent():
                found = _attributes(event, error=event.error) | {"aioags.step": event.step}
                self._launches.add(1, found | ({"aioags.fault": event.fault} if event.fault else {}))
            case OutboxEvent():
                found = _attributes(event, error=event.error) | {"aioags.what": event.what}
                self._outbox.add(max(event.count, 1), found)

    def _request(self, event: RequestEvent) -> None:
        if not event.attempt:
            # None was made: there is no token.
            return
        refused = event.status is not None and event.status >= 400
        found = _attributes(event, event.operation, str(event.status) if refused else event.error)
        found["http.request.method"] = event.method
        if event.status is not None:
            found["http.response.status_code"] = event.status
        if (template := _TEMPLATES.get(event.operation)) is not None:
            found["url.template"] = template
        self._requests.record(event.seconds, found)
        # A token has a span of its own.
        if event.operation != "token" and trace.get_current_span().get_span_context().trace_flags.sampled:
            if event.attempt > 1:
                found["http.request.resend_count"] = event.attempt - 1
            name = event.method if template is None else f"{event.method} {template}"
            self._span(name, event.seconds, found)

    def _token(self, event: TokenEvent) -> None:
        found = _attributes(event, "token", event.error)
        self._tokens.record(event.seconds, found)
        self._span("token", event.seconds, found | {"aioags.attempts": event.attempts})

    def _span(self, name: str, seconds: float, attributes: _Attributes) -> None:
        """
        Make a span that ends now, within the current one.
        """
        now = time.time_ns()
        begun = now - int(seconds * 1e9)
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes, start_time=begun)
        if "error.type" in attributes:
            span.set_status(StatusCode.ERROR)
        span.end(now)

    def _batch(self, event: BatchEvent) -> None:
        if not event.is_over:
            span = self._tracer.start_span("post_scores")
            # The context is the batch's own: the client tells of its beginning and its end in it.
            self._open[event.batch] = span, context.attach(trace.set_span_in_context(span))
            return
        self._batches.record(event.seconds)
        span, before = self._open.pop(event.batch)
        span.set_attributes({"aioags.scores": event.total, "aioags.scores.recorded": event.recorded})
        if event.recorded < event.total:
            span.set_status(StatusCode.ERROR)
        span.end()
        context.detach(before)
