"""
Spans and metrics for OpenTelemetry: few, under the conventions' names, and without a URL.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, StatusCode

from aioags import AGSError, Event
from aioags.contrib.opentelemetry import opentelemetry_listener
from aioags.emulator import Fault
from aioags.launch import Tool
from aioags.outbox import MemoryStore, Outbox
from tests.launch.emulated_course import Course
from tests.outbox.kit import ONE_TRY, SCHOOL
from tests.rigs.memory import Stand, grades, memory_stand, runtime_for
from tests.rigs.virtual_time import VirtualTime

POST = "POST {lineitem}/scores"


class Asking(Sampler):
    """
    Samples nothing, and keeps what it was asked.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []

    def should_sample(self, parent_context: Any, trace_id: int, name: str, *args: Any, **more: Any) -> SamplingResult:
        """
        Say no.
        """
        self.asked.append(name)
        return SamplingResult(Decision.DROP)

    def get_description(self) -> str:
        """
        Say what it is.
        """
        return "asking"


@attrs.define
class Observed:
    """
    A stand whose client is observed.
    """

    stand: Stand
    tracing: TracerProvider
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader
    listener: Any

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        """
        Return the spans that ended, of one name or all.
        """
        return [span for span in self.exporter.get_finished_spans() if name in (None, span.name)]

    def points(self, name: str) -> dict[frozenset[tuple[str, Any]], Any]:
        """
        Map the attributes of a metric's points to their values: sums, or counts of histograms.
        """
        return dict(self._points(name))

    def _points(self, name: str) -> Iterator[tuple[frozenset[tuple[str, Any]], Any]]:
        data = self.reader.get_metrics_data()
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points if metric.name == name else ():
                        value = getattr(point, "value", None)
                        yield frozenset((point.attributes or {}).items()), getattr(point, "count", value)


def observed(sampler: Sampler = ALWAYS_ON, *, users: int = 3, **client: Any) -> Observed:
    """
    Observe a client in memory.
    """
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracing = TracerProvider(sampler=sampler)
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    listener = opentelemetry_listener(tracer_provider=tracing, meter_provider=MeterProvider([reader]))
    time = VirtualTime()

    async def travel(_: object) -> None:
        await time.sleep(0.25)

    client |= {"on_event": listener, "runtime": runtime_for(time)}
    stand = memory_stand(users=users, before=travel, clock=time.wall, client=client)
    return Observed(stand, tracing, exporter, reader, listener)


async def test_requests_are_children_of_their_batch() -> None:
    one = observed()
    assert (await one.stand.gradebook.post_scores(grades(one.stand.platform.users()))).ok
    (batch,), (token,), posts = one.spans("post_scores"), one.spans("token"), one.spans(POST)
    assert len(posts) == 3
    assert len(one.spans()) == 5
    for span in (token, *posts):
        assert span.parent is not None and batch.context is not None
        assert span.parent.span_id == batch.context.span_id
        assert span.kind is SpanKind.CLIENT
        assert (span.end_time or 0) - (span.start_time or 0) == pytest.approx(0.25e9, rel=0.01)
    assert dict(posts[0].attributes or {}) == {
        "server.address": "lms.example",
        "server.port": 443,
        "aioags.operation": "post_score",
        "http.request.method": "POST",
        "http.response.status_code": 204,
        "url.template": "{lineitem}/scores",
    }
    assert dict(batch.attributes or {}) == {"aioags.scores": 3, "aioags.scores.recorded": 3}
    assert batch.status.status_code is StatusCode.UNSET


async def test_no_span_names_a_course_or_a_person() -> None:
    one = observed()
    users = one.stand.platform.users()
    with one.tracing.get_tracer("tests").start_as_current_span("a handler"):
        await one.stand.gradebook.post_scores(grades([*users, "stranger"]))
        await one.stand.gradebook.get_result(users[0])
        assert [item async for item in one.stand.gradebook.line_items()]
    assert len(one.spans()) == 9
    said = repr([(span.name, dict(span.attributes or {}), span.events) for span in one.spans()])
    for secret in [*users, "stranger", "contexts", "line_items/1", "://", "url.full", "tool-1"]:
        assert secret not in said


async def test_where_nothing_is_sampled_no_span_is_made_for_a_request() -> None:
    asking = Asking()
    one = observed(asking)
    assert (await one.stand.gradebook.post_scores(grades(one.stand.platform.users()))).ok
    assert sorted(asking.asked) == ["post_scores", "token"]
    assert one.spans() == []
    assert sum(one.points("http.client.request.duration").values()) == 4, "metrics are of all"


async def test_a_request_outside_of_any_span_has_none() -> None:
    one = observed()
    await one.stand.gradebook.post_score(grades(one.stand.platform.users())[0])
    assert [span.name for span in one.spans()] == ["token"]


async def test_a_request_stands_below_what_the_application_does() -> None:
    one = observed()
    with one.tracing.get_tracer("tests").start_as_current_span("POST /answers") as handler:
        await one.stand.gradebook.post_score(grades(one.stand.platform.users())[0])
    (post,) = one.spans(POST)
    assert post.parent is not None
    assert post.parent.span_id == handler.get_span_context().span_id


@pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF])
async def test_the_application_s_own_span_stays_the_current_one(sampler: Sampler, caplog: Any) -> None:
    one = observed(sampler)
    with one.tracing.get_tracer("tests").start_as_current_span("a handler") as handler:
        async with one.stand.gradebook.post_scores(grades(one.stand.platform.users())) as deliveries:
            async for _ in deliveries:
                assert trace.get_current_span() is handler
        assert trace.get_current_span() is handler
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert caplog.text == "", "such as: failed to detach context"


async def test_what_failed_says_so() -> None:
    one = observed()
    users = one.stand.platform.users()
    one.stand.platform.faults.add(Fault.throttle(1.0, operation="post_score", times=1))
    await one.stand.gradebook.post_scores(grades([*users, "stranger"]))
    failed = [span for span in one.spans(POST) if span.status.status_code is StatusCode.ERROR]
    assert sorted(str((span.attributes or {})["error.type"]) for span in failed) == ["422", "429"]
    again = [span for span in one.spans(POST) if "http.request.resend_count" in (span.attributes or {})]
    assert len(again) == 1
    (batch,) = one.spans("post_scores")
    assert batch.status.status_code is StatusCode.ERROR
    where = {("server.address", "lms.example"), ("server.port", 443)}
    posting = ("aioags.operation", "post_score")
    assert one.points("aioags.throttles") == {frozenset({*where, posting}): 1}
    assert one.points("aioags.repeats") == {frozenset({*where, posting, ("error.type", "ThrottledError")}): 1}
    assert one.points("aioags.deliveries") == {
        frozenset({*where, ("aioags.recorded", "true")}): 3,
        frozenset({*where, ("aioags.recorded", "false"), ("error.type", "UserNotGradableError")}): 1,
    }


async def test_a_token_that_is_refused() -> None:
    one = observed()
    one.stand.platform.faults.add(Fault.answer(400, b'{"error": "invalid_client"}', operation="token"))
    with pytest.raises(AGSError):
        await one.stand.gradebook.post_score(grades(one.stand.platform.users())[0])
    (token,) = one.spans("token")
    assert token.status.status_code is StatusCode.ERROR
    (point,) = one.points("aioags.token.duration")
    assert ("error.type", "GrantRefusedError") in point


async def test_who_is_away_is_counted_until_it_is_back() -> None:
    one = observed(users=40)
    away: list[int] = []

    def listen(event: Event) -> None:
        one.listener(event)
        if type(event).__name__ == "BreakerEvent":
            away.append(sum(one.points("aioags.platforms.away").values()))

    one.stand.client.told.listener = listen
    one.stand.platform.faults.add(Fault.answer(502, operation="post_score", times=20))
    assert (await one.stand.gradebook.post_scores(grades(one.stand.platform.users()))).ok
    assert away == [1, 0]
    assert sum(one.points("aioags.window").values()) >= 1
    assert one.points("aioags.batch.duration") == {frozenset(): 1}


async def test_launches_keys_and_the_outbox_are_counted() -> None:
    one = observed(retry=ONE_TRY)
    outbox = Outbox(MemoryStore(), one.stand.client, {SCHOOL: one.stand.registration})
    await outbox.put_many(SCHOOL, one.stand.endpoint, grades(one.stand.platform.users()))
    await outbox.drain(SCHOOL, str(one.stand.endpoint.lineitem))
    assert one.points("aioags.outbox") == {
        frozenset({("aioags.what", "put")}): 3,
        frozenset({("aioags.what", "recorded")}): 3,
    }
    course = Course()
    course.tool = Tool(course.settings, course.transport, runtime=course.runtime, on_event=one.listener)
    await course.launch()
    assert one.points("aioags.launches") == {frozenset({("aioags.step", step)}): 1 for step in ("login", "launch")}
    assert sum(one.points("aioags.key_set.duration").values()) == 1
    await outbox.aclose()
