"""
Who acts: the tool's processes, the second tool, and what they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from aioags import AGSError, Client, Delivery, Endpoint, Gradebook, LineItem, Registration, Report, Runtime, Score
from aioags.outbox import Outbox, StoreError
from tests.simulation.clock import Process
from tests.simulation.ledger import RECORDED, REFUSED, UNKNOWN, Call, Key, Made, Told, Wanted
from tests.simulation.network import Line
from tests.simulation.odd_records import is_about_one_record
from tests.simulation.places import SCORE_ID, Place
from tests.simulation.store_faults import FaultyStore, MemoryStore

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")

OUT_OF = 1000
"""What every score is out of; each number is given once, so that no two scores look alike."""

_TRIES = 4
# Seconds. A clock that is set back by no more is no reason to stamp an earlier time.
_FURTHEST_AHEAD = 61.0


def number_of(score: Score) -> int:
    """
    Return a score's number.
    """
    return int(score.extensions[SCORE_ID])


class Tool:
    """
    One life of one process that grades.

    Args:
        poll: Seconds between two looks of its outbox.

        stranger: Its scores are somebody else's: it is the second tool.
    """

    def __init__(self, world: World, process: Process, *, poll: float, stranger: bool = False) -> None:
        self.world = world
        self.process = process
        self.ledger = world.ledger
        self.stranger = stranger
        runtime = Runtime(world.loop.time, process.wall, asyncio.sleep, world.dice.random)
        self.client = Client(transport=Line(world.network, process), runtime=runtime, retry=world.retry)
        self.store = FaultyStore(
            MemoryStore(world.table), process, world.network, world.dice, world.ledger, world.trouble
        )
        self.outbox = Outbox(
            self.store,  # type: ignore[arg-type]
            self.client,
            {name: world.registrations[name] for name in world.places},
            runtime=runtime,
            poll=poll,
            on_recorded=lambda _, delivery: self.tell(delivery.score, RECORDED),
            on_refused=lambda _, delivery: self.tell_error(delivery.score, delivery.error),
            on_unknown=lambda _, delivery: self.tell_error(delivery.score, delivery.error),
        )
        self.poll = poll

    def do(self, what: str, work: Callable[[], Awaitable[Any]]) -> None:
        """
        Begin a call that must end.
        """
        if not self.process.alive:
            return
        call = Call(what, self.process.name, self.world.loop.now)
        self.ledger.calls.append(call)

        async def run() -> None:
            try:
                await work()
            finally:
                call.ended = self.world.loop.now

        task = self.process.start(run(), what)
        task.add_done_callback(self._failed)
        if self.world.dice.random() < self.world.trouble["callers"]:
            self.world.network.later(self.world.dice.choice((0.0, 0.01, 0.3, 3.0, 35.0)), self._cancel, task)

    def _cancel(self, task: asyncio.Task[Any]) -> None:
        if self.process.alive and not task.done():
            self.say(f"cancels its {task.get_name()}")
            # A put drains there as well.
            self.ledger.drains_cancelled += self.world.by_engine and task.get_name().startswith("put")
            self.process.cancelled_at = self.world.loop.now
            task.cancel()

    def _failed(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self.world.loop.after_all:
            sentence = f"{task.get_name()} of {self.process.name} raised {error!r}"
            self.ledger.wrongs.append(("every_call_ends", sentence))
            self.world.broken.append(error)

    def say(self, what: str) -> None:
        """
        Put a line into the trace.
        """
        self.world.say(self.process.name, what)

    def gradebook(self, place: Place) -> Gradebook:
        """
        Open a platform's gradebook.
        """
        return self.client.gradebook(self.world.registrations[place.name], self.world.endpoints[place.name])

    def make(self, key: Key, way: str, *, valued: bool, comment: bool = False) -> Score:
        """
        Make a score, stamped by this process's clock.
        """
        number = self.ledger.next_number()
        extensions = {SCORE_ID: number}
        place = self.world.places[key[0]]
        is_right = not self.process.wall.is_off
        if valued:
            text = f"comment {number}" if comment else None
            score = Score.graded(key[2], number, score_maximum=OUT_OF, comment=text, extensions=extensions)
        else:
            score = Score.progress(key[2], "InProgress", extensions=extensions)
        if self.stranger:
            self.ledger.strangers.add(number)
        else:
            repeatable = not (comment or place.platform.profile.name == "canvas")
            now = self.world.loop.now
            self.ledger.made[number] = Made(number, key, way, self.process.name, now, valued, repeatable)
        if is_right:
            self._check_stamp(score, number)
        item = place.item(key[1]).number
        kind = "a grade" if valued else "progress"
        self.say(f"makes #{number} for item {item}, {key[2][:6]} ({kind}, {score.timestamp:%H:%M:%S.%f})")
        return score

    def _check_stamp(self, score: Score, number: int) -> None:
        ahead = score.timestamp.timestamp() - self.process.wall()
        if ahead > _FURTHEST_AHEAD:
            sentence = f"#{number} of {self.process.name} is stamped {ahead:.0f} s ahead of a clock that is right again"
            self.ledger.wrongs.append(("no_glitch_of_a_clock_lasts", sentence))

    def begin(self, score: Score) -> None:
        """
        Note that a score is being given away.
        """
        made = self.ledger.made.get(number_of(score))
        if made is not None and made.began is None:
            made.began = self.world.loop.now

    def tell(self, score: Score, verdict: str, error: str = "", transient: bool = False) -> None:
        """
        Note what the tool is told.
        """
        made = self.ledger.made.get(number_of(score))
        self.say(f"is told: #{number_of(score)} {verdict} {error}".rstrip())
        if made is None:
            return
        made.told.append(Told(self.world.loop.now, verdict, error, transient))
        made.buried = error == "NotFoundError" and made.key[1] in self.world.places[made.key[0]].gone
        if made.way == "post":
            made.ended = self.world.loop.now

    def tell_error(self, score: Score, error: AGSError | None) -> None:
        """
        Note why a score is not recorded.
        """
        assert error is not None
        self.tell(score, UNKNOWN if error.recorded is None else REFUSED, type(error).__name__, error.transient)

    def tell_report(self, scores: list[Score], report: Report) -> None:
        """
        Note what a report says of each score.
        """
        failed = {number_of(delivery.score): delivery for delivery in report.failed}
        for score in scores:
            delivery = failed.get(number_of(score))
            if delivery is None:
                self.tell(score, RECORDED)
            else:
                self.tell_error(score, delivery.error)

    async def post(self, place: Place, score: Score, url: str, *, confirm: bool = False) -> None:
        """
        Post one score.
        """
        self.begin(score)
        try:
            delivery: Delivery = await self.gradebook(place).post_score(score, line_item=url, confirm=confirm)
        except AGSError as error:
            self.tell_error(score, error)
        else:
            self.tell(delivery.score, RECORDED)

    async def post_many(self, place: Place, scores: list[Score], url: str, again: list[float], **more: Any) -> None:
        """
        Post a batch, and what failed for the moment once more, as the guide to errors says.

        Args:
            again: Seconds to wait before each further try.
        """
        for wait in [0.0, *again]:
            if not scores:
                return
            await asyncio.sleep(wait)
            for score in scores:
                self.begin(score)
            report = await self.gradebook(place).post_scores(scores, line_item=url, **more)
            self.tell_report(scores, report)
            scores = [delivery.score for delivery in report.failed if delivery.error and delivery.error.transient]

    async def put(self, place: Place, score: Score, url: str) -> None:
        """
        Put a score into the outbox; when the store fails, again.
        """
        made = self.ledger.made[number_of(score)]
        self.begin(score)
        for _ in range(_TRIES):
            try:
                stored = await self.outbox.put(place.name, self.world.endpoints[place.name], score, line_item=url)
            except StoreError as error:
                self.say(f"is told: #{made.number} may not be stored: {error}")
                await asyncio.sleep(1.0)
                continue
            made.acknowledged = True
            self.say(f"is told: #{made.number} {'is stored' if stored else 'is older than what is stored'}")
            if self.world.by_engine:
                await self.drain(place.name, url)
            return

    async def drain(self, name: str, url: str) -> None:
        """
        Drain one line item, unless somebody does so already: the job of an engine.
        """
        owner = self.world.locks.get((name, url))
        if owner is not None and owner.alive:
            return
        self.world.locks[name, url] = self.process
        try:
            await self.outbox.drain(name, url)
        except StoreError as error:
            self.say(f"drain fails: {error}")
        finally:
            if self.process.alive:
                del self.world.locks[name, url]

    async def retry(self, place: Place, url: str | None, *, restamp: bool, waiting: bool) -> None:
        """
        Let somebody decide that what was given up, or waits, is tried again at once.

        Args:
            url: A line item. None: all of the platform.
        """
        try:
            count = await self.outbox.retry(registration_id=place.name, line_item=url, restamp=restamp, waiting=waiting)
        except StoreError as error:
            self.say(f"is told: nothing may be tried again: {error}")
            return
        finally:
            # Whatever it said: the automatic stamp of these has no maker any more.
            rows = self.world.table.rows.values()
            self.ledger.restamped.update(number_of(row.score) for row in rows if row.made_by is None)
        self.world.network.watch.lifted(place.name)
        how = f"{', as of now' if restamp else ''}{', also what waits' if waiting else ''}"
        self.say(f"is told: {count} of {place.name} are tried again{how}")

    async def serve(self) -> None:
        """
        Work for the outbox for ever: in its background, or as an engine's sweep.
        """
        if not self.world.by_engine:
            await self.outbox.__aenter__()
            return
        while True:
            try:
                now = self.process.wall()
                for item in await self.outbox.store.due(now=now):
                    if item.at <= now:
                        await self.drain(item.registration_id, item.line_item)
            except StoreError as error:
                self.say(f"sweep fails: {error}")
            await asyncio.sleep(self.poll)

    async def find_or_create(self, place: Place, identity: str, users: list[str]) -> None:
        """
        Want a column, and post first scores to it.
        """
        wanted = Wanted(place.name, identity, self.process.name, self.world.loop.now)
        self.ledger.wanted.append(wanted)
        self.say(f"wants the column {identity}")
        try:
            item = await self.gradebook(place).find_or_create_line_item(
                label=f"Column {identity}", score_maximum=10, resource_id=identity
            )
        except AGSError as error:
            self.say(f"is told: no column {identity}: {error}")
            self._check_cause(error)
            return
        finally:
            wanted.over = True
        wanted.url = item.id
        self.say(f"is told: {identity} is {_tail(item)}")
        assert item.id is not None
        scores = [self.make((place.name, item.id, user), "post", valued=True) for user in users]
        await self.post_many(place, scores, item.id, [])

    async def read(self, place: Place, url: str, user: str) -> None:
        """
        Read a result, and compare it with what the platform shows.
        """
        before, mixed_up = place.shown(url, user), self.world.network.mixed_up
        try:
            result = await self.gradebook(place).get_result(user, line_item=url)
        except AGSError as error:
            self.say(f"is told: no result of {user[:6]}: {type(error).__name__}")
            self._check_cause(error)
            return
        after = place.shown(url, user)
        shown = None if after[0] is None else after[0].get("resultScore")
        read = None if result is None else result.result_score
        self.say(f"reads {read} of {user[:6]}")
        # A listing of other people's results may be one in which this one is missing.
        missing = read is None and self.world.network.mixed_up > mixed_up
        if before == after and read != shown and not missing:
            self._wrong_read(f"read {read} of {user}, and the platform showed {shown} all the time")

    async def look(self, place: Place, url: str) -> None:
        """
        Read a line item.
        """
        try:
            item = await self.gradebook(place).get_line_item(url)
        except AGSError as error:
            self.say(f"is told: no line item: {type(error).__name__}")
            return
        self.say(f"reads the line item {_tail(item)}")
        if item.id != url:
            self._wrong_read(f"asked for the line item {url} and was handed {item.id}")

    async def change(self, place: Place, url: str, maximum: int) -> None:
        """
        Change what a line item is out of.
        """
        try:
            item = await self.gradebook(place).get_line_item(url)
            changed = await self.gradebook(place).update_line_item(attrs.evolve(item, score_maximum=maximum))
        except (AGSError, ValueError) as error:
            self.say(f"is told: not changed: {type(error).__name__}")
            return
        self.say(f"has changed {_tail(changed)} to be out of {changed.score_maximum}")

    def _check_cause(self, error: AGSError) -> None:
        if is_about_one_record(error):
            self.ledger.wrongs.append(("one_odd_record_costs_no_other", f"{self.process.name} is told {error}"))

    def _wrong_read(self, sentence: str) -> None:
        self.ledger.wrongs.append(("what_is_read_is_about_what_was_asked", f"{self.process.name} {sentence}"))


def _tail(item: LineItem) -> str:
    return (item.id or "").partition("?")[0].rpartition("ine")[2]


def registration_of(place: Place) -> Registration:
    """
    Return what the tool and a platform agreed on.
    """
    platform = place.platform
    return Registration(**(platform.registration_args() | {"key": platform.key.key}))


def endpoint_of(place: Place) -> Endpoint:
    """
    Return the endpoint of the course.
    """
    return Endpoint.from_claim(place.platform.endpoint_claim())
