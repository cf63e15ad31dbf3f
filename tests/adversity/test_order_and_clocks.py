"""
Nothing older wins, and nothing newer is lost, whatever the clocks show: ours, another process's, the platform's.

`OldMoodle` is a Moodle on paper that keeps whole seconds and compares them as Moodle does: a score in the second of the
last one, or before it, is 409.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import formatdate

import attrs
import pytest

from aioags import (
    AGSError,
    Client,
    Delivery,
    Gradebook,
    LostAnswerError,
    RetryPolicy,
    Runtime,
    Score,
    StaleScoreError,
    UnreachableError,
)
from aioags.model.stamp import Timekeeper, timekeeper
from aioags.protocol.messages import Request, Response
from tests.fakes import HOST, ITEM, TOKEN_URL, PaperTime, answer, endpoint, registration
from tests.rigs.carrying import carry, refuse
from tests.rigs.memory import until

pytestmark = pytest.mark.usefixtures("every_transport")

START = 1_767_258_000.0
YEAR = 365 * 86_400.0
MADE_ITEM = f"{HOST}/2/lineitems/8/lineitem?type_id=1"


@attrs.define
class OldMoodle:
    """
    A Moodle on paper.

    Attributes:
        time: True time.

        ahead: Seconds that its clock is ahead of it.

        seconds: How long it takes for a score.

        stamps_coupled: It stores its own second for every score of the coupled line item, as before 4.5.6.

        tells_time: Its answers have a ``Date``.

        kept: Points and second of each (path, user).

        fails: Said instead of an answer while it is set.

        refuses: How many connections it refuses.

        meanwhile: Happens while a token is made, or a connection refused.

        hangs: It takes a score, and never answers.

        breaks: How many scores it fails to take.

        on_its_way: What it will take when it arrives: the scores that failed.

        stamps: That of each score that came.
    """

    time: PaperTime = attrs.field(factory=PaperTime)
    ahead: float = 0.0
    seconds: float = 0.02
    stamps_coupled: bool = True
    tells_time: bool = True
    kept: dict[tuple[str, str], tuple[float | None, int]] = attrs.field(factory=dict)
    fails: AGSError | None = None
    refuses: int = 0
    meanwhile: Callable[[], None] = lambda: None
    hangs: bool = False
    breaks: int = 0
    on_its_way: list[Request] = attrs.field(factory=list)
    stamps: list[str] = attrs.field(factory=list)

    @property
    def asked(self) -> int:
        return len(self.stamps)

    def wall(self) -> float:
        return START + self.time.now + self.ahead

    async def send(self, request: Request) -> Response:
        """
        Grant a token, or take a score, the way that is open.
        """
        await asyncio.sleep(0)
        if self.refuses and request.url != TOKEN_URL:
            self.refuses -= 1
            self.meanwhile()
            return await refuse(request)
        return await carry(request, self.answer)

    async def answer(self, request: Request) -> Response:
        """
        Grant a token, or take a score.
        """
        if request.url == TOKEN_URL:
            self.meanwhile()
            grant = {"access_token": "token", "token_type": "Bearer", "expires_in": 3600}
            return answer(200, grant, url=request.url)
        self.stamps.append(json.loads(request.body or b"")["timestamp"])
        if self.fails is not None:
            self.on_its_way.append(request)
            raise self.fails.copied()
        self.time.now += self.seconds
        status, reason = self._take(request)
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        date = [("Date", formatdate(self.wall(), usegmt=True))] if self.tells_time else []
        return attrs.evolve(answer(status, b"", *date, reason=reason), url=request.url)

    def arrive(self) -> None:
        """
        Take what was on its way.
        """
        while self.on_its_way:
            self._take(self.on_its_way.pop())

    def _take(self, request: Request) -> tuple[int, str]:
        if self.breaks:
            self.breaks -= 1
            return 502, "Bad Gateway"
        body = json.loads(request.body or b"")
        key = (request.url.partition("?")[0], body["userId"])
        second = int(datetime.fromisoformat(body["timestamp"]).timestamp())
        if key in self.kept and second <= self.kept[key][1]:
            return 409, "Refusing score with an earlier timestamp"
        own = body.get("scoreGiven") is None or (self.stamps_coupled and "/7/lineitem" in request.url)
        self.kept[key] = (body.get("scoreGiven"), int(self.wall()) if own else second)
        return 200, "OK"

    async def aclose(self) -> None:
        """
        Do nothing.
        """

    def points(self, user: str = "u1", item: str = ITEM) -> float | None:
        """
        Return what stands there.
        """
        return self.kept[f"{item.partition('?')[0]}/scores", user][0]


@attrs.define
class Process:
    """
    A process of the tool, with a clock and a name of its own.

    Attributes:
        ahead: Seconds that its clock is ahead of true time.
    """

    moodle: OldMoodle
    ahead: float = 0.0
    name: str = "one"
    client: Client = attrs.field(init=False)
    gradebook: Gradebook = attrs.field(init=False)
    keeper: Timekeeper = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        time = self.moodle.time
        runtime = Runtime(clock=lambda: time.now, wall=self.wall, sleep=time.sleep, jitter=lambda: 0.5)
        self.client = Client(transport=self.moodle, runtime=runtime, retry=RetryPolicy(attempts=2))
        self.gradebook = self.client.gradebook(registration(), endpoint())
        self.keeper = Timekeeper(self.wall, process=self.name, steady=lambda: time.now)

    def wall(self) -> float:
        return START + self.moodle.time.now + self.ahead

    def make(self, make: Callable[[], Score]) -> Score:
        """
        Make a score in this process.
        """
        token = timekeeper.set(self.keeper)
        try:
            return make()
        finally:
            timekeeper.reset(token)

    def graded(self, points: float, user: str = "u1") -> Score:
        """
        Return a grade.
        """
        return self.make(lambda: Score.graded(user, points, score_maximum=100))

    def progress(self, user: str = "u1") -> Score:
        """
        Return a report of progress.
        """
        return self.make(lambda: Score.progress(user, "InProgress"))

    async def post(self, score: Score, item: str = ITEM) -> Delivery:
        """
        Post a score.
        """
        token = timekeeper.set(self.keeper)
        try:
            return await self.gradebook.post_score(score, line_item=item)
        finally:
            timekeeper.reset(token)

    async def post_in_batch(self, score: Score, item: str = ITEM) -> Delivery:
        """
        Post a score as a batch of one; raise its error.
        """
        async with self.gradebook.post_scores([score], line_item=item) as deliveries:
            (delivery,) = [delivery async for delivery in deliveries]
        if delivery.error is not None:
            raise delivery.error
        return delivery


@pytest.fixture
def moodle() -> OldMoodle:
    return OldMoodle()


@pytest.fixture
def process(moodle: OldMoodle) -> Process:
    return Process(moodle)


Posting = Callable[[Process, Score], Awaitable[Delivery]]

GONE = LostAnswerError("no answer", recorded=None, transient=True)

# -- C7: older over newer inside one Client ----------------------------------------------------------------------------


async def test_c7_a_failed_batch_that_is_tried_again_undoes_no_regrade(moodle: OldMoodle, process: Process) -> None:
    """
    The errors guide: keep what failed, and post again what is transient.
    """
    users = ["u1", "u2", "u3"]
    moodle.fails = GONE
    report = await process.gradebook.post_scores([process.graded(40, user) for user in users])
    assert report.unknown == 3
    moodle.fails = None
    moodle.time.now += 60
    await process.post(process.graded(80, "u1"))
    again = [delivery.score for delivery in report.failed if delivery.error and delivery.error.transient]
    asked = moodle.asked
    report = await process.gradebook.post_scores(again)
    assert (report.recorded, report.unknown, report.total) == (2, 0, 3)
    (failed,) = report.failed
    assert isinstance(failed.error, StaleScoreError)
    assert (failed.error.recorded, failed.error.transient, failed.attempts) == (False, False, 0)
    assert failed.timestamp is None
    assert moodle.asked == asked + 2, "without a request"
    assert [moodle.points(user) for user in users] == [80, 40, 40]


@pytest.mark.parametrize("newer", [Process.post, Process.post_in_batch])
@pytest.mark.parametrize("older", [Process.post, Process.post_in_batch])
async def test_c7_across_both_ways_of_posting(
    moodle: OldMoodle, process: Process, newer: Posting, older: Posting
) -> None:
    first, second = process.graded(40), process.graded(80)
    await newer(process, second)
    with pytest.raises(StaleScoreError) as caught:
        await older(process, first)
    assert caught.value.recorded is False
    assert (moodle.points(), moodle.asked) == (80, 1)


async def test_c7_across_gradebooks_of_one_client(moodle: OldMoodle, process: Process) -> None:
    first, second = process.graded(40), process.graded(80)
    await process.post(second)
    process.gradebook = process.client.gradebook(registration(), endpoint(lineitem=None))
    with pytest.raises(StaleScoreError):
        await process.post(first)


async def test_c7_the_same_score_may_be_posted_again(moodle: OldMoodle, process: Process) -> None:
    score = process.graded(40)
    moodle.fails = GONE
    with pytest.raises(LostAnswerError):
        await process.post(score)
    moodle.fails = None
    moodle.time.now += 60
    assert (await process.post(score)).recorded is True
    assert moodle.points() == 40


async def test_c7_a_regrade_that_surely_was_not_recorded_makes_nothing_older(
    moodle: OldMoodle, process: Process
) -> None:
    first, second = process.graded(40), process.graded(80)
    moodle.refuses = 2
    with pytest.raises(UnreachableError):
        await process.post(second)
    assert (await process.post(first)).recorded is True


@pytest.mark.parametrize("post", [Process.post, Process.post_in_batch])
async def test_c7_nothing_older_is_lifted_over_a_regrade_that_was_not_recorded(
    moodle: OldMoodle, process: Process, post: Posting
) -> None:
    """
    That may come again with the stamp that it has: the caller's own, or one that an outbox has settled.
    """
    moodle.stamps_coupled = False
    first = process.graded(40)
    second = attrs.evolve(process.graded(80), timestamp=datetime.fromtimestamp(START + 20, UTC))
    moodle.refuses = 2
    with pytest.raises(UnreachableError):
        await post(process, second)
    assert (await post(process, first)).timestamp == first.timestamp
    assert (await post(process, second)).recorded is True
    assert moodle.points() == 80


async def test_c7_a_regrade_of_which_nobody_knows_makes_what_was_made_before_older(
    moodle: OldMoodle, process: Process
) -> None:
    first, second = process.graded(40), process.graded(80)
    moodle.fails = GONE
    with pytest.raises(LostAnswerError):
        await process.post(second)
    moodle.fails = None
    with pytest.raises(StaleScoreError):
        await process.post(first)


async def test_c7_a_regrade_that_was_cancelled_on_its_way_may_stand_there(moodle: OldMoodle, process: Process) -> None:
    first, second = process.graded(40), process.graded(80)
    moodle.hangs = True
    sending = asyncio.create_task(process.post(second))
    await until(lambda: moodle.asked > 0)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert sending.cancelled()
    assert moodle.points() == 80
    moodle.hangs = False
    with pytest.raises(StaleScoreError) as caught:
        await process.post(first)
    assert caught.value.recorded is False


async def test_c7_other_users_and_line_items_are_not_concerned(moodle: OldMoodle, process: Process) -> None:
    first, other = process.graded(40), process.graded(50, "u2")
    await process.post(process.graded(80))
    assert (await process.post(first, MADE_ITEM)).recorded is True
    assert (await process.post(other)).recorded is True


async def test_c7_between_two_processes_the_platform_decides_by_the_stamps(moodle: OldMoodle) -> None:
    one, two = Process(moodle, name="one"), Process(moodle, name="two")
    first = one.graded(40)
    moodle.time.now += 60
    await two.post(two.graded(80))
    # It is not known here what the other process did: the score is sent, with the stamp that it has.
    with pytest.raises(StaleScoreError) as caught:
        await one.post(first)
    assert caught.value.status == 409
    assert moodle.asked == 2
    assert moodle.points() == 80


# -- C9: the platform's clock ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("item", [ITEM, MADE_ITEM], ids=["coupled", "made by the tool"])
@pytest.mark.parametrize("apart", [5.0, 60.0, 299.0])
async def test_c9_a_tool_whose_clock_is_behind_loses_no_grade_after_progress(
    moodle: OldMoodle, process: Process, item: str, apart: float
) -> None:
    moodle.ahead = apart
    await process.post(process.progress(), item)
    delivery = await process.post(process.graded(80), item)
    assert delivery.recorded is True
    assert moodle.points(item=item) == 80


async def test_c9_a_tool_whose_clock_is_ahead_loses_none_either(moodle: OldMoodle) -> None:
    process = Process(moodle, ahead=30.0)
    await process.post(process.progress())
    await process.post(process.graded(80))
    assert moodle.points() == 80


@pytest.mark.parametrize("apart", [0.0, 5.0, -5.0])
@pytest.mark.parametrize("seconds", [0.02, 0.3, 1.6])
async def test_c9_a_burst_on_a_coupled_item_of_an_old_moodle_loses_nothing(
    moodle: OldMoodle, process: Process, apart: float, seconds: float
) -> None:
    moodle.ahead, moodle.seconds = apart, seconds
    for number in range(8):
        await process.post(process.graded(number))
        assert moodle.points() == number


async def test_c9_the_delivery_says_what_the_platform_may_have_stored(moodle: OldMoodle, process: Process) -> None:
    moodle.ahead = 5.0
    delivery = await process.post(process.graded(80))
    assert delivery.restamped == datetime.fromtimestamp(int(moodle.wall()), UTC)
    assert (await process.post(process.graded(80), MADE_ITEM)).restamped is None
    assert (await process.post(process.progress(), MADE_ITEM)).restamped is not None


async def test_c9_stamps_move_no_further_than_needed(moodle: OldMoodle, process: Process) -> None:
    """
    A stamp that ran ahead shuts out another process: on an item that keeps stamps, a second for each score and no more.
    """
    stamps = [(await process.post(process.graded(number), MADE_ITEM)).timestamp for number in range(5)]
    seconds = [int(stamp.timestamp() - START) for stamp in stamps if stamp is not None]
    assert seconds == [0, 1, 2, 3, 4]
    moodle.time.now += 60.0
    later = (await process.post(process.graded(9), MADE_ITEM)).timestamp
    assert later is not None
    assert later.timestamp() == pytest.approx(process.wall(), abs=1.0)


async def test_c9_a_clock_that_is_far_ahead_is_not_followed_and_that_is_said(
    moodle: OldMoodle, process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    moodle.ahead = 3600.0
    with caplog.at_level(logging.WARNING, logger="aioags"):
        await process.post(process.progress())
    assert "3600 s ahead" in caplog.text
    # A stamp from there would shut out every other process for an hour; this one is refused instead.
    with pytest.raises(StaleScoreError):
        await process.post(process.graded(80))


async def test_c9_without_a_date_our_own_clock_serves(moodle: OldMoodle, process: Process) -> None:
    moodle.tells_time = False
    await process.post(process.progress())
    await process.post(process.graded(80))
    assert moodle.points() == 80


async def test_c9_what_was_learnt_of_the_clock_serves_where_no_answer_tells_it(
    moodle: OldMoodle, process: Process
) -> None:
    """
    Cancelled on its way: the platform may have given it its own second all the same.
    """
    moodle.ahead = 9.0
    await process.post(process.graded(10, "another"))
    moodle.hangs = True
    sending = asyncio.create_task(process.post(process.progress()))
    await until(lambda: moodle.asked > 1)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    moodle.hangs = False
    moodle.time.now += 0.3
    await process.post(process.graded(80))
    assert moodle.points() == 80


async def test_c9_a_stamp_that_was_sent_never_changes(moodle: OldMoodle, process: Process) -> None:
    moodle.ahead, moodle.breaks = 5.0, 1
    await process.post(process.graded(80))
    assert len(moodle.stamps) == 2
    assert len(set(moodle.stamps)) == 1


# -- C10: a glitch of our clock ----------------------------------------------------------------------------------------


async def test_c10_after_a_glitch_other_users_have_the_right_time_again(moodle: OldMoodle, process: Process) -> None:
    process.ahead = YEAR
    await process.post(process.graded(40), MADE_ITEM)
    process.ahead = 0.0
    delivery = await process.post(process.graded(50, "u2"), MADE_ITEM)
    assert delivery.timestamp is not None
    assert delivery.timestamp.timestamp() == pytest.approx(START, abs=5.0)


async def test_c10_the_platforms_clock_is_learnt_also_while_ours_is_a_year_behind(
    moodle: OldMoodle, process: Process
) -> None:
    """
    The stamp that was sent is a reading of our clock as well: one that lies a year before it is the wrong one.
    """
    first = process.progress()
    moodle.time.now += 5.0
    process.ahead = -YEAR
    await process.post(first, MADE_ITEM)
    moodle.time.now += 5.0
    await process.post(process.graded(80), MADE_ITEM)
    assert moodle.points(item=MADE_ITEM) == 80


@pytest.mark.parametrize("off", [YEAR, 0.0])
async def test_c10_it_is_learnt_by_a_process_that_began_a_year_behind(moodle: OldMoodle, off: float) -> None:
    """
    Any of three readings that it is not far ahead of will do, and none of the others puts what comes next there.
    """
    process = Process(moodle, -YEAR)
    first, second = process.progress(), process.graded(80)
    moodle.time.now += 5.0
    process.ahead = off
    await process.post(first, MADE_ITEM)
    await process.post(second, MADE_ITEM)
    assert moodle.points(item=MADE_ITEM) == 80
    moodle.fails = GONE
    with pytest.raises(LostAnswerError):
        await process.post(process.progress("u2"))
    moodle.fails = None
    delivery = await process.post(process.graded(90, "u2"))
    assert delivery.timestamp is not None
    assert delivery.timestamp.timestamp() < START + off + 120


@pytest.mark.parametrize("off", [YEAR, -YEAR, 0.0])
async def test_c10_what_came_late_of_a_lost_answer_makes_no_newer_score_stale(
    moodle: OldMoodle, process: Process, off: float
) -> None:
    """
    Nobody heard when it came: the platform may have given it any second until the next score is sent.
    """
    first = process.progress()
    second = process.graded(80)
    moodle.fails = GONE
    with pytest.raises(LostAnswerError):
        await process.post(first)
    moodle.fails = None
    moodle.time.now += 60.0
    moodle.arrive()
    process.ahead = off
    delivery = await process.post(second)
    assert moodle.points() == 80
    process.ahead = 0.0
    assert delivery.timestamp is not None
    assert delivery.timestamp.timestamp() < process.wall() + 120, "no glitch lasts"


@pytest.mark.parametrize("refused", [0, 1], ids=["while a token is made", "while connections are refused"])
async def test_c10_what_comes_late_while_the_next_one_waits_makes_it_no_staler(
    moodle: OldMoodle, process: Process, refused: int
) -> None:
    """
    It was its turn, and it had not left yet.
    """
    first, second = process.progress(), process.graded(80)
    moodle.fails = GONE
    with pytest.raises(LostAnswerError):
        await process.post(first)
    moodle.fails = None
    moodle.time.now += 10.0 if refused else 3700.0

    def late() -> None:
        moodle.time.now += 60.0
        moodle.arrive()

    moodle.refuses, moodle.meanwhile = refused, late
    delivery = await process.post(second)
    assert moodle.points() == 80
    assert delivery.timestamp == datetime.fromisoformat(moodle.stamps[-1])


async def test_c10_a_stamp_that_was_lifted_stays_once_it_has_left(moodle: OldMoodle, process: Process) -> None:
    moodle.fails = GONE
    with pytest.raises(LostAnswerError):
        await process.post(process.progress())
    moodle.fails, moodle.breaks = None, 1
    moodle.time.now += 60.0
    await process.post(process.graded(80))
    *_, one, again = moodle.stamps
    assert one == again
    assert datetime.fromisoformat(one).timestamp() >= START + 60.0


async def test_c10_the_order_of_one_users_scores_is_kept(moodle: OldMoodle, process: Process) -> None:
    process.ahead = YEAR
    first = process.graded(40)
    process.ahead = 0.0
    second = process.graded(80)
    assert second.timestamp < first.timestamp
    await process.post(first, MADE_ITEM)
    await process.post(second, MADE_ITEM)
    assert moodle.points(item=MADE_ITEM) == 80
    with pytest.raises(StaleScoreError):
        await process.post(first, MADE_ITEM)
