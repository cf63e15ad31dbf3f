"""
``async with outbox:`` posts by itself, and takes over when the process that did so dies.
"""

from __future__ import annotations

import asyncio

import pytest

from aioags.outbox import MemoryStore, Outbox, Selection, State, StoreError, Taken
from aioags.protocol.messages import Request
from tests.outbox.kit import SCHOOL, Desk, new_desk
from tests.rigs.faults import FAULTS, Fault
from tests.rigs.memory import runtime_for

FAULT = {fault.name: fault for fault in FAULTS}


def second_outbox(desk: Desk, **more: object) -> Outbox:
    """
    Another process with the same store and clock.
    """
    return Outbox(
        MemoryStore(desk.table), desk.client, {SCHOOL: desk.registration}, runtime=runtime_for(desk.time), **more
    )


async def until_nothing_is_due(desk: Desk) -> None:
    """
    Let time pass until everything is settled.
    """
    while (await desk.outbox.store.stats(now=desk.time.wall())).due:
        await desk.time.sleep(0.1)


async def test_what_is_put_is_posted() -> None:
    desk = new_desk(users=20)
    users = desk.platform.users()
    async with desk.outbox:
        await desk.put(*(desk.grade(5, user) for user in users))
        await until_nothing_is_due(desk)
    assert [desk.applied(user) for user in users] == [[5]] * 20
    assert desk.outbox.store.closed


async def test_a_put_is_posted_without_waiting_for_the_next_look() -> None:
    desk = new_desk(outbox={"poll": 1_000_000.0})
    async with desk.outbox:
        await desk.time.sleep(1)
        await desk.put(desk.grade())
        await desk.time.sleep(1)
        assert desk.applied() == [5]


async def test_what_was_due_before_the_start_is_posted() -> None:
    desk = new_desk()
    await desk.put(desk.grade())
    async with second_outbox(desk):
        await until_nothing_is_due(desk)
    assert desk.applied() == [5]


async def test_what_another_process_puts_is_found_at_the_next_look() -> None:
    desk = new_desk()
    other = second_outbox(desk)
    async with desk.outbox:
        await desk.time.sleep(10)
        await other.put(SCHOOL, desk.endpoint, desk.grade())
        assert desk.applied() == []
        await desk.time.sleep(1.5)
        assert desk.applied() == [5]


async def test_a_score_that_waits_for_its_time_is_posted_when_it_comes() -> None:
    desk = new_desk(outbox={"poll": 1_000_000.0})
    desk.fail("500", times=1)
    async with desk.outbox:
        await desk.put(desk.grade())
        await desk.time.sleep(0.01)
        due = desk.row().not_before
        assert due > desk.time.wall()
        desk.outbox._background.look()
        await desk.time.sleep(due - desk.time.wall() + 0.01)
        assert desk.applied() == [5]


async def test_a_score_put_while_its_line_item_is_drained_is_posted_too() -> None:
    desk = new_desk(users=300, outbox={"poll": 1_000_000.0})
    users = desk.platform.users()
    async with desk.outbox:
        for user in users:
            await desk.put(desk.grade(1, user))
            await asyncio.sleep(0)
            await desk.put(desk.grade(2, user, at=1))
        await until_nothing_is_due(desk)
    assert {desk.applied(user)[-1] for user in users} == {2}


async def test_a_platform_that_never_answers_holds_up_nobody_else() -> None:
    desk = new_desk(outbox={"line_items_at_once": 2, "grace": 0.0})
    site, course = desk.platform.site, desk.platform
    items = [site.item_url(course.add_line_item(f"Item {number}", 100)) for number in range(6)]
    slow = desk.registration
    hanging: set[str] = set()

    async def hang(request: Request) -> None:
        for item in items[:3]:
            if request.url.startswith(item) and "/scores" in request.url:
                hanging.add(item)
                await asyncio.Event().wait()
        await asyncio.sleep(0)

    desk.transport.before = hang
    registrations = {SCHOOL: desk.registration, "slow": slow}
    box = Outbox(
        MemoryStore(desk.table),
        desk.client,
        registrations,
        runtime=runtime_for(desk.time),
        line_items_at_once=2,
        grace=0.0,
    )
    async with box:
        for item in items[:3]:
            await box.put("slow", desk.endpoint, desk.grade(), line_item=item)
        for item in items[3:]:
            await box.put(SCHOOL, desk.endpoint, desk.grade(), line_item=item)
        await desk.time.sleep(5)
        assert len(hanging) == 2, "no more of its line items at once"
        for item in items[3:]:
            assert len(desk.platform.history(item, desk.user)) == 1


async def test_only_one_process_drains_and_another_takes_over() -> None:
    desk = new_desk()
    told: list[str] = []
    second = second_outbox(desk, on_recorded=lambda *_: told.append("second"))
    async with desk.outbox, second:
        await second.put(SCHOOL, desk.endpoint, desk.grade(1))
        await until_nothing_is_due(desk)
        assert [what for what, *_ in desk.told] == ["recorded"]
        assert told == []
        await desk.outbox.aclose()
        await second.put(SCHOOL, desk.endpoint, desk.grade(2, at=60))
        await until_nothing_is_due(desk)
        assert told == ["second"]
    assert desk.applied() == [1, 2]


async def test_a_store_that_cannot_be_read_for_a_while_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Moody(MemoryStore):
        bad: int = 3

        async def due(self, *, now: float):  # type: ignore[no-untyped-def]
            type(self).bad -= 1
            if type(self).bad >= 0:
                raise StoreError("disk full")
            return await super().due(now=now)

    store = Moody()
    desk = new_desk(store=store)
    desk.table = store.table
    await desk.put(desk.grade())
    async with desk.outbox:
        await until_nothing_is_due(desk)
    assert desk.applied() == [5]
    assert caplog.text.count("the store cannot be used") == 3


async def test_what_was_recorded_long_ago_is_forgotten_by_itself() -> None:
    desk = new_desk(outbox={"poll": 3600.0})
    async with desk.outbox:
        await desk.put(desk.grade())
        await until_nothing_is_due(desk)
        await desk.time.sleep(29 * 86_400)
        assert (await desk.outbox.stats()).sent == 1
        await desk.time.sleep(2 * 86_400)
        assert (await desk.outbox.stats()).sent == 0


async def test_retry_is_followed_at_once() -> None:
    desk = new_desk(outbox={"poll": 1_000_000.0})
    async with desk.outbox:
        await desk.put(desk.grade(5, "stranger"))
        await desk.time.sleep(1)
        assert len(await desk.outbox.store.listed(Selection(), State.DEFERRED)) == 1
        desk.platform.course.enroll("stranger")
        await desk.outbox.retry()
        await desk.time.sleep(1)
        assert desk.applied("stranger") == [5]


async def test_leaving_does_not_wait_for_ever_for_a_platform_that_hangs() -> None:
    desk = new_desk(outbox={"grace": 0.0})
    reached = asyncio.Event()

    async def hang(request: Request) -> None:
        if "/scores" in request.url:
            reached.set()
            await asyncio.Event().wait()

    desk.transport.after = hang
    async with desk.outbox:
        await desk.put(desk.grade())
        await reached.wait()
    assert desk.row().unsure
    assert [task for task in asyncio.all_tasks() if "aioags outbox" in task.get_name()] == []


async def test_neither_a_hook_nor_a_post_that_never_ends_keeps_it_open() -> None:
    reached: set[str] = set()
    both = asyncio.Event()

    async def hang(where: str) -> None:
        reached.add(where)
        if len(reached) == 2:
            both.set()
        await asyncio.Event().wait()

    async def second_post(request: Request) -> None:
        if f'"{desk.platform.users()[1]}"'.encode() in (request.body or b""):
            await hang("post")

    desk = new_desk(users=2, outbox={"grace": 0.01, "on_recorded": lambda *_: hang("hook")})
    desk.transport.after = second_post
    async with desk.outbox:
        await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
        await both.wait()
    assert [task for task in asyncio.all_tasks() if "aioags outbox" in task.get_name()] == []


async def test_drain_all_drains_what_is_due_and_ends() -> None:
    desk = new_desk(users=4)
    site = desk.platform.site
    items = [site.item_url(desk.platform.add_line_item(f"Item {number}", 100)) for number in range(5)]
    for item in items:
        scores = [desk.grade(5, user) for user in desk.platform.users()]
        await desk.outbox.put_many(SCHOOL, desk.endpoint, scores, line_item=item)
    left: list[Fault] = [FAULT["500"]]
    desk.transport.choose = lambda request: left.pop() if left and "/scores" in request.url else None
    done = await desk.outbox.drain_all()
    assert (done.recorded, done.postponed) == (19, 1)
    with pytest.raises(StoreError, match="another process"):
        await second_outbox(desk).drain_all()
    await desk.outbox.aclose()
    desk.time.now += 60
    assert (await second_outbox(desk).drain_all()).recorded == 1


async def test_drain_all_drains_several_line_items_at_once() -> None:
    desk = new_desk(users=1, outbox={"line_items_at_once": 4})
    site = desk.platform.site
    for number in range(40):
        item = site.item_url(desk.platform.add_line_item(f"Item {number}", 100))
        await desk.outbox.put(SCHOOL, desk.endpoint, desk.grade(), line_item=item)
    begun: list[float] = []

    async def slowly(request: Request) -> None:
        if "/scores" in request.url:
            begun.append(desk.time.now)
            await desk.time.sleep(1)

    desk.transport.after = slowly
    assert (await desk.outbox.drain_all()).recorded == 40
    assert len(begun) == 40
    assert max(begun) - min(begun) == pytest.approx(9), "ten times four"


async def test_a_closed_outbox_says_so() -> None:
    desk = new_desk()
    async with desk.outbox:
        pass
    with pytest.raises(RuntimeError, match="closed: make a new one"):
        await desk.outbox.__aenter__()
    with pytest.raises(StoreError, match="closed: make a new one"):
        await desk.put(desk.grade())


async def test_drain_all_says_that_the_store_failed() -> None:
    class BrokenStore(MemoryStore):
        async def take(self, *_: object, **__: object) -> Taken:
            raise StoreError("the disk is full")

    desk = new_desk(store=BrokenStore())
    for number in range(20):
        await desk.outbox.put(SCHOOL, desk.endpoint, desk.grade(), line_item=f"{desk.item}{number}")
    with pytest.raises(StoreError, match="the disk is full"):
        await desk.outbox.drain_all()
    await desk.outbox.aclose()


async def test_an_outbox_is_entered_once() -> None:
    desk = new_desk()
    async with desk.outbox:
        with pytest.raises(RuntimeError, match="open already"):
            await desk.outbox.__aenter__()
        with pytest.raises(RuntimeError, match="in the background already"):
            await desk.outbox.drain_all()
    await desk.outbox.aclose()


async def test_its_text_says_what_waits_what_is_in_flight_and_who_is_left_alone() -> None:
    desk = new_desk(users=5, outbox={"patience": 0})
    seen: list[str] = []

    def look(request: Request) -> Fault | None:
        if "/scores" in request.url:
            seen.append(repr(desk.outbox))
        return None

    quiet = "line items waiting: 0; line items draining: 0; scores in flight: 0"
    assert repr(desk.outbox) == f"<Outbox in {desk.outbox.store!r}: {quiet}>"
    desk.transport.choose = look
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
    await desk.drain()
    assert "draining: 1; scores in flight: " in seen[0]
    assert "in flight: 0" not in seen[0]
    desk.fail("429-retry-after")
    await desk.put(desk.grade(6, at=60))
    await desk.drain()
    assert repr(desk.outbox).endswith(f"{quiet}; left alone: {SCHOOL} for 7 s>")
    desk.time.now += 7
    assert repr(desk.outbox).endswith(f"{quiet}>")
    await desk.outbox.aclose()
    assert ": closed; line items" in repr(desk.outbox)
    for secret in (desk.user, desk.item, "BEGIN"):
        assert secret not in "".join(seen)
