"""
Short outages in the middle of a batch: no score is lost or in doubt for them, and the platform is left alone meanwhile.

In virtual time: a score takes a tenth of a second, as long as the platform is there.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import attrs
import pytest

from aioags import (
    BrokenError,
    Client,
    LostAnswerError,
    Pace,
    Report,
    RequestEvent,
    RetryPolicy,
    Score,
    ThrottledError,
    UnreachableError,
)
from aioags.grading.looking import Looks
from aioags.grading.sending import Sender
from aioags.grading.shared import Shared
from aioags.protocol.breaker import FEWEST, LONGEST_WAIT
from aioags.protocol.messages import Request, Response
from tests.rigs.listening import keeping
from tests.rigs.memory import MemoryTransport, Stand, grades, new_platform, runtime_for, stand_of
from tests.rigs.virtual_time import VirtualTime

SCORES = 200
BEGIN, LENGTH = 0.55, 12.0

Failing = Callable[[Request, float], Response | float]
"""
What a request meets in an outage, by the seconds since it began: an answer, or the seconds until nothing came.
"""


def status(code: int, body: bytes = b"<html>Bad Gateway</html>") -> Failing:
    """
    Answer at once.
    """
    return lambda request, _: Response(code, "", (("Content-Type", "text/html"),), body, request.url)


def refused(request: Request, _: float) -> Response | float:
    """
    Refuse the connection.
    """
    raise UnreachableError("refused", transient=True)


def reset(request: Request, _: float) -> Response | float:
    """
    Break the connection.
    """
    raise LostAnswerError("reset", recorded=None, transient=True)


def proxy_away(request: Request, since: float) -> Response | float:
    """
    Say 502 for four seconds, then nothing at all.
    """
    return 3.0 if since > 4.0 else Response(502, "", (), b"<html>Bad Gateway</html>", request.url)


@attrs.define
class OutageTransport(MemoryTransport):
    """
    Carries requests to a platform that goes away for a while.

    Attributes:
        time: Whose seconds.

        meets: What a request meets meanwhile.

        befalls: Which requests are met by it.

        begin, end: When it goes and comes back.

        met: When each request of the outage came.
    """

    time: VirtualTime = attrs.field(factory=VirtualTime)
    meets: Failing = refused
    befalls: Callable[[Request], bool] = lambda _: True
    begin: float = BEGIN
    end: float = BEGIN + LENGTH
    met: list[float] = attrs.field(factory=list)

    async def send(self, request: Request) -> Response:
        """
        Let the platform answer, unless it is away.
        """
        if self.begin <= self.time.now < self.end and self.befalls(request):
            self.met.append(self.time.now)
            said = self.meets(request, self.time.now - self.begin)
            if isinstance(said, Response):
                await self.time.sleep(0.01)
                return said
            await self.time.sleep(said)
            raise LostAnswerError("no answer in time", recorded=None, transient=True)
        await self.time.sleep(0.1)
        return await super().send(request)


@attrs.define
class Scene:
    """
    A platform that goes away, and a batch.

    Attributes:
        events: What the client told meanwhile.
    """

    transport: OutageTransport
    stand: Stand
    events: list[RequestEvent]

    @property
    def time(self) -> VirtualTime:
        return self.transport.time

    def scores(self) -> list[Score]:
        """
        Return one grade for each user.
        """
        return grades(self.stand.platform.users())

    async def post(self, scores: list[Score] | None = None) -> Report:
        """
        Post a batch.
        """
        return await self.stand.gradebook.post_scores(self.scores() if scores is None else scores)

    def window(self) -> int:
        """
        Return the platform's window.
        """
        return next(traffic.window for traffic in self.stand.client.stats() if traffic.name != "token")


def scene(meets: Failing, *, users: int = SCORES, client: dict[str, object] | None = None, **outage: object) -> Scene:
    """
    Set up a platform that goes away.
    """
    time = VirtualTime()
    platform = new_platform(users=users, clock=time.wall)
    transport = OutageTransport(platform, time=time, meets=meets, **outage)  # type: ignore[arg-type]
    events: list[RequestEvent] = []
    ags = Client(transport=transport, runtime=runtime_for(time), on_event=keeping(events), **(client or {}))  # type: ignore[arg-type]
    return Scene(transport, stand_of(platform, ags, transport), events)


OUTAGES = {
    "502": status(502),
    "500": status(500, b""),
    "503": status(503),
    "refused connections": refused,
    "broken connections": reset,
    "a proxy that is away": proxy_away,
}


@pytest.mark.parametrize("begin", [0.05, 0.35, BEGIN])
@pytest.mark.parametrize("meets", OUTAGES.values(), ids=OUTAGES.keys())
async def test_M4_b5_twelve_seconds_in_the_middle_of_a_batch_cost_no_score(meets: Failing, begin: float) -> None:
    one = scene(meets, begin=begin, end=begin + LENGTH)
    report = await one.post()
    assert (report.recorded, report.unknown, report.total) == (SCORES, 0, SCORES)
    assert all(len(one.stand.history(user)) == 1 for user in one.stand.platform.users())
    met = one.transport.met
    assert met, "it was in the middle"
    most = max(one.transport.most[""], FEWEST)
    assert len(met) <= 2 * most + LENGTH, f"{len(met)} requests into an outage; {most} were in flight at most"
    # Once it is known to be away, one request a second at the most.
    known = [event for event in one.events if event.away]
    assert known
    later = [moment for moment in met if moment > begin + 1.0]
    assert all(after - before >= 1.0 for before, after in pairwise(later))


@pytest.mark.parametrize("few, begin", [(2, 0.0), (3, 0.0), (5, 0.0), (8, 0.15), (12, 0.15), (20, 0.15)])
@pytest.mark.parametrize("name", ["502", "refused connections"])
async def test_b5_a_small_batch_waits_out_an_outage_too(few: int, begin: float, name: str) -> None:
    """
    Its first call has used up its attempts before eight have failed, and nobody got through meanwhile.
    """
    one = scene(OUTAGES[name], begin=begin, end=begin + LENGTH)
    report = await one.post(one.scores()[:few])
    assert one.transport.met
    assert (report.recorded, report.total) == (few, few), str(report)


@pytest.mark.parametrize("name", ["502", "refused connections"])
async def test_b5_a_few_scores_wait_out_an_outage_where_many_were_in_flight_before(name: str) -> None:
    """
    The window is wide, so that eight failures in a row prove nothing; but no call gets through beside another.
    """
    one = scene(OUTAGES[name], begin=1e9)
    await one.post()
    assert one.window() > 2 * FEWEST
    one.transport.begin, one.transport.end = one.time.now, one.time.now + LENGTH
    report = await one.post(one.scores()[:2])
    assert (report.recorded, report.total) == (2, 2), str(report)


async def test_b5_an_outage_shorter_than_the_total_time_costs_no_score() -> None:
    one = scene(status(502), end=BEGIN + 100.0)
    report = await one.post()
    assert (report.recorded, report.unknown, report.total) == (SCORES, 0, SCORES)
    assert len(one.transport.met) <= 2 * one.transport.most[""] + 100


async def test_b5_a_platform_that_comes_and_goes_costs_no_score() -> None:
    """
    Two seconds there, three seconds away, again and again: a failed probe is no try while the platform is away.
    """
    one = scene(refused, begin=0.0, end=1e9, befalls=lambda _: one.time.now % 5.0 >= 2.0)
    report = await one.post([Score.graded(user, 5, score_maximum=10) for user in one.stand.platform.users()[:60]])
    assert (report.recorded, report.unknown, report.total) == (60, 0, 60)


async def test_b5_the_report_and_the_events_say_that_and_why_it_waits() -> None:
    one = scene(status(502))
    report = await one.post()
    assert report.waited > 0
    assert report.waited_for == {"BrokenError"}
    assert f"{report.waited} waited while the platform was away (BrokenError)" in str(report)
    away = [event for event in one.events if event.away]
    assert {(event.error, event.status) for event in away} == {("BrokenError", 502)}
    assert all(event.wait is not None for event in away)
    assert not one.events[-1].away
    assert not one.events[0].away


async def test_b5_the_client_says_meanwhile_that_it_waits_and_why() -> None:
    one = scene(status(502))
    seen: list[tuple[str | None, float]] = []

    def look(request: Request, _: float) -> Response:
        (platform,) = (traffic for traffic in one.stand.client.stats() if traffic.why)
        assert platform.closed_until is not None
        seen.append((platform.why, platform.closed_until.timestamp() - one.time.wall()))
        return Response(502, "", (), b"", request.url)

    def first(request: Request, since: float) -> Response | float:
        return look(request, since) if since > 0.9 else Response(502, "", (), b"", request.url)

    one.transport.meets = first
    await one.post()
    assert seen
    assert {why for why, _ in seen} == {"BrokenError"}


async def test_b5_a_batch_without_an_outage_waited_for_nothing() -> None:
    one = scene(refused, begin=1e9)
    report = await one.post()
    assert (report.waited, report.waited_for) == (0, set())
    assert str(report) == f"{SCORES} of {SCORES} scores recorded"
    assert not any(event.away for event in one.events)


async def test_b5_a_platform_that_asks_for_a_long_silence_is_not_away() -> None:
    hold = (("Retry-After", "7200"),)
    one = scene(lambda request, _: Response(429, "", hold, b"", request.url), befalls=is_about("/scores"))
    report = await one.post()
    assert {type(delivery.error) for delivery in report.failed} == {ThrottledError}
    assert (report.waited, report.waited_for) == (0, set())


# -- What is no outage -------------------------------------------------------------------------------------------------


def is_about(*words: str) -> Callable[[Request], bool]:
    """
    Return whether a request has one of these in its URL or body.
    """
    return lambda request: any(word in request.url or word.encode() in (request.body or b"") for word in words)


def with_a_bad_column() -> tuple[Scene, str, str]:
    """
    Set up a platform with a good and a bad column, and return their URLs.
    """
    one = scene(status(500, b"<html>"), begin=0.0, end=1e9)
    platform = one.stand.platform
    good, bad = (platform.site.item_url(platform.add_line_item(name, 10)) for name in ("Good", "Bad"))
    one.transport.befalls = is_about(f"{bad}/scores")
    return one, good, bad


async def test_b5_one_bad_column_beside_a_good_one_shuts_no_platform() -> None:
    """
    Each probe is of another column than the one before: the good one's answers say that the platform is well.
    """
    one, good, bad = with_a_bad_column()

    async def post(item: str) -> tuple[Report, float]:
        report = await one.stand.gradebook.post_scores(one.scores(), line_item=item)
        return report, one.time.now

    (first, ended), (second, _) = await asyncio.gather(post(good), post(bad))
    assert first.recorded == SCORES
    assert ended < 10.0
    assert second.recorded == 0


async def test_b5_a_bad_column_that_waits_keeps_a_good_one_waiting_for_one_probe_at_the_most() -> None:
    one, good, bad = with_a_bad_column()

    async def post() -> Report:
        return await one.stand.gradebook.post_scores(one.scores(), line_item=bad)

    batch = asyncio.create_task(post())
    for _ in range(4):
        await one.time.sleep(15.0)
        begun = one.time.now
        await one.stand.gradebook.post_score(one.scores()[0], line_item=good)
        assert one.time.now - begun <= LONGEST_WAIT + 1.0
    batch.cancel()
    await asyncio.gather(batch, return_exceptions=True)


async def test_b5_a_bad_column_in_the_same_batch_costs_no_score_of_the_good_one() -> None:
    one, good, bad = with_a_bad_column()
    users = one.stand.platform.users()[:50]
    pairs = [(item, Score.graded(user, 5, score_maximum=10)) for user in users for item in (good, bad)]
    report = await one.stand.gradebook.post_scores(pairs)
    assert report.recorded == 50
    assert {delivery.line_item for delivery in report.failed} == {bad}
    assert all(isinstance(delivery.error, BrokenError) for delivery in report.failed)
    # It fails while others are answered: that is no outage, and its scores end as ever.
    assert one.time.now < 60.0
    assert {delivery.attempts for delivery in report.failed} == {RetryPolicy().attempts}


@pytest.mark.parametrize("pause", [0.0, 20.0])
@pytest.mark.parametrize("first", [8, 40, 60])
async def test_b5_the_rows_of_a_bad_column_that_come_first_hold_up_no_good_one(first: int, pause: float) -> None:
    one, good, bad = with_a_bad_column()
    users = one.stand.platform.users()
    ended = 0.0

    async def pairs() -> AsyncIterator[tuple[str, Score]]:
        for user in users[:first]:
            yield bad, Score.graded(user, 5, score_maximum=10)
        await one.time.sleep(pause)
        for user in users[:60]:
            yield good, Score.graded(user, 5, score_maximum=10)

    async with one.stand.gradebook.post_scores(pairs()) as deliveries:
        async for delivery in deliveries:
            ended = one.time.now if delivery.line_item == good else ended
    assert deliveries.report.recorded == 60
    assert {delivery.line_item for delivery in deliveries.report.failed} == {bad}
    assert ended < pause + 40.0


async def test_b5_one_bad_user_shuts_no_platform() -> None:
    one = scene(status(500, b""), begin=0.0, end=1e9, befalls=is_about('"user-0007"'))
    report = await one.post()
    assert report.recorded == SCORES - 1
    (delivery,) = report.failed
    assert (delivery.score.user_id, delivery.attempts) == ("user-0007", RetryPolicy().attempts)
    assert not any(event.away for event in one.events)


@pytest.mark.parametrize(
    "scores, bad, most", [(10, 2, 5.0), (10, 9, 10.0), (40, 3, 5.0), (200, 8, 10.0), (200, 12, 40.0)]
)
async def test_b5_bad_users_who_are_left_end_with_their_own_attempts(scores: int, bad: int, most: float) -> None:
    """
    Others were answered that began after they had failed: the platform is well, and nobody waits for it.
    """
    one = scene(status(500, b""), begin=0.0, end=1e9, users=scores)
    one.transport.befalls = is_about(*(f'"user-{number:04d}"' for number in range(1, bad + 1)))
    report = await one.post()
    assert (report.recorded, report.unknown) == (scores - bad, bad)
    assert {delivery.attempts for delivery in report.failed} == {RetryPolicy().attempts}
    assert one.time.now < most


async def test_b5_who_failed_before_others_succeeded_waits_out_an_outage_beside_others() -> None:
    one = scene(status(502))
    seen: set[bytes] = set()

    def befalls(request: Request) -> bool:
        first = request.body is not None and request.body not in seen and b"user-000" in request.body
        seen.add(request.body or b"")
        return first or BEGIN <= one.time.now < BEGIN + LENGTH

    one.transport.begin, one.transport.end, one.transport.befalls = 0.0, 1e9, befalls
    report = await one.post()
    assert (report.recorded, report.unknown, report.total) == (SCORES, 0, SCORES), str(report)


async def test_b5_where_nearly_all_have_failed_before_one_that_has_not_tells_of_the_outage() -> None:
    """
    Eight scores fail once by chance, and others are answered after that. When the platform goes away a ninth fails, and
    one that left before is still answered: too few failures in a row for anybody, were the eight left out.
    """
    one = scene(status(502), users=18, client={"pace": Pace(floor=32, ceiling=32)})
    scores, seen = one.scores(), set[bytes]()

    def befalls(request: Request) -> bool:
        body = request.body or b""
        by_chance = body not in seen and re.search(rb'"user-000[1-8]"', body) is not None
        seen.add(body)
        return by_chance or 0.2 <= one.time.now < 0.2 + LENGTH

    async def handed_in() -> AsyncIterator[Score]:
        for count, until in ((8, 0.02), (16, 0.19), (17, 0.21)):
            while scores and len(scores) > 18 - count:
                yield scores.pop(0)
            await one.time.sleep(until - one.time.now)
        yield scores.pop()

    one.transport.begin, one.transport.end, one.transport.befalls = 0.0, 1e9, befalls
    report = await one.stand.gradebook.post_scores(handed_in())
    assert (report.recorded, report.unknown, report.total) == (18, 0, 18), str(report)


async def test_b5_quick_failures_never_widen_the_window() -> None:
    """
    An answer that takes a hundredth of a second says nothing of what a platform carries when it is none.
    """
    one = scene(status(500, b""), begin=0.0, end=1e9, client={"retry": RetryPolicy(attempts=1)})
    one.transport.befalls = is_about("/scores")
    await one.stand.gradebook.get_line_item()
    before = one.window()
    for turn in range(6):
        # Some fail; then one is answered.
        await one.post(one.scores()[7 * turn : 7 * turn + 7])
        assert one.window() <= before
        one.transport.befalls = lambda _: False
        await one.stand.gradebook.get_line_item()
        one.transport.befalls = is_about("/scores")


# -- The token endpoint ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("meets", OUTAGES.values(), ids=OUTAGES.keys())
async def test_b5_a_token_endpoint_that_is_away_costs_no_score(meets: Failing) -> None:
    """
    The token ends in the middle of the batch, and the next one cannot be had for twelve seconds.
    """
    one = scene(meets, befalls=is_about("/token"))

    async def revoke() -> None:
        await one.time.sleep(BEGIN)
        one.stand.platform.tokens.revoke()

    revoking = asyncio.create_task(revoke())
    report = await one.post()
    await revoking
    assert one.transport.met, "a token was asked for meanwhile"
    assert (report.recorded, report.unknown, report.total) == (SCORES, 0, SCORES), str(report)
    assert len(one.transport.met) <= 2 * FEWEST + LENGTH


async def test_b5_without_a_first_token_the_batch_waits_too() -> None:
    one = scene(status(502), begin=0.0, end=LENGTH, befalls=is_about("/token"))
    report = await one.post()
    assert (report.recorded, report.total) == (SCORES, SCORES), str(report)


async def test_b5_a_lone_score_says_that_it_waited_for_a_token() -> None:
    one = scene(status(502), begin=0.0, end=1e9)
    report = await one.post(one.scores()[:1])
    assert (report.waited, report.waited_for) == (1, {"BrokenError"})
    assert "1 waited while the platform was away" in str(report)


# -- Who does not wait -------------------------------------------------------------------------------------------------


async def test_b5_who_does_not_wait_fails_at_once_and_so_does_its_look() -> None:
    """
    An outbox has other things to do: a score of which nobody knows is looked for only where that takes no waiting.
    """
    one = scene(status(502), begin=0.0, end=1e9, befalls=is_about("/scores", "/results"))
    service = one.stand.gradebook._service
    hasty = Sender(service, Shared(), Looks(service), waits=False)
    scores = one.scores()
    deliveries = [await hasty.post(one.stand.item, score, confirm=True) for score in scores[:30]]
    assert all(isinstance(delivery.error, BrokenError) for delivery in deliveries)
    untouched = [delivery for delivery in deliveries if not delivery.attempts]
    assert len(untouched) >= 20
    assert all(delivery.recorded is False for delivery in untouched)
    assert all(delivery.error is not None and delivery.error.retry_after for delivery in untouched)
    assert one.time.now < 10.0
