"""
Calls that come while another is under way are made together.
"""

from __future__ import annotations

import asyncio

import attrs
import pytest

from aioags.outbox.group_commit import Commit, GroupCommit, HeldError
from tests.rigs.virtual_time import VirtualTime


class Press:
    """
    Doubles numbers, several calls at once, once it is let go; 13 is too much for it.
    """

    def __init__(self) -> None:
        self.groups: list[list[list[int]]] = []
        self.go = asyncio.Event()
        self.together: GroupCommit[int, list[int]] = GroupCommit(self.run)

    async def run(self, calls: list[Commit[int, list[int]]]) -> None:
        self.groups.append([list(call.items) for call in calls])
        await self.go.wait()
        if any(13 in call.items for call in calls):
            raise ValueError("13")
        for call in calls:
            call.settle([number * 2 for number in call.items])

    def start(self, *calls: list[int]) -> list[asyncio.Task[list[int]]]:
        return [asyncio.create_task(self.together.commit(items, 0.0)) for items in calls]


async def test_the_first_goes_at_once_and_the_rest_goes_as_one() -> None:
    press = Press()
    tasks = press.start([1], [2], [3, 4])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    press.go.set()
    assert await asyncio.gather(*tasks) == [[2], [4], [6, 8]]
    assert press.groups in ([[[1]], [[2], [3, 4]]], [[[1], [2], [3, 4]]])


async def test_only_the_guilty_one_hears_of_a_failure() -> None:
    press = Press()
    press.go.set()
    results = await asyncio.gather(*press.start([1], [2], [13], [4]), return_exceptions=True)
    assert results[:2] == [[2], [4]]
    assert isinstance(results[2], ValueError)
    assert results[3] == [8]


async def test_one_alone_hears_of_his_own_failure() -> None:
    press = Press()
    press.go.set()
    with pytest.raises(ValueError, match="13"):
        await press.together.commit([13], 0.0)
    assert await press.together.commit([1], 0.0) == [2]


async def test_a_cancelled_caller_stops_nobody() -> None:
    press = Press()
    tasks = press.start([1], [2])
    await asyncio.sleep(0)
    tasks[0].cancel()
    press.go.set()
    assert await tasks[1] == [4]
    await press.together.aclose()
    assert sum(press.groups, []) == [[1], [2]]  # noqa: RUF017


async def test_one_group_takes_no_more_than_a_statement_should() -> None:
    press = Press()
    tasks = press.start(*([number] * 900 for number in range(6)))
    press.go.set()
    await asyncio.gather(*tasks)
    assert max(sum(map(len, group)) for group in press.groups) <= 2000


async def test_closing_waits_for_every_answer() -> None:
    press = Press()
    (task,) = press.start([1])
    await asyncio.sleep(0)
    closing = asyncio.create_task(press.together.aclose())
    await asyncio.sleep(0)
    assert not closing.done()
    press.go.set()
    await closing
    assert task.done() or await task == [2]


@attrs.define
class Shelf:
    """
    Takes numbers in, except those that somebody else has in hand; time passes only while somebody pauses.
    """

    held: set[int]
    time: VirtualTime = attrs.field(factory=VirtualTime)
    groups: list[list[int]] = attrs.field(factory=list)
    trying: int = 0
    most_trying: int = 0
    together: GroupCommit[int, None] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.together = GroupCommit(self.run, patience=30.0, clock=self.time.clock, sleep=self.time.sleep)

    async def run(self, calls: list[Commit[int, None]]) -> None:
        numbers = [number for call in calls for number in call.items]
        self.groups.append(numbers)
        self.trying += 1
        self.most_trying = max(self.most_trying, self.trying)
        await asyncio.sleep(0)
        self.trying -= 1
        if self.held.intersection(numbers):
            raise HeldError("held")
        for call in calls:
            call.settle(None)

    def put(self, *numbers: int) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.together.commit([number], 0.0)) for number in numbers]


@pytest.mark.parametrize("together", [(), (1, 2)])
async def test_a_call_that_is_held_leaves_the_line_alone_or_in_company(together: tuple[int, ...]) -> None:
    shelf = Shelf(held={7})
    (held, *others) = shelf.put(7, *together)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.gather(*others, *shelf.put(3, 4))
    assert shelf.time.now == 0.0, "nobody else has waited"
    assert not held.done()
    shelf.held.clear()
    await held
    assert shelf.time.now <= 0.5


async def test_many_that_are_held_are_tried_few_at_once_and_those_in_bad_company_do_not_wait_for_them() -> None:
    shelf = Shelf(held=set(range(100, 120)))
    held = shelf.put(*shelf.held)
    while shelf.time.now < 1.0:  # noqa: ASYNC110
        await asyncio.sleep(0)
    now = shelf.time.now
    await asyncio.gather(*shelf.put(100, 1, 2, 3)[1:])
    assert shelf.time.now <= now + 0.25
    assert shelf.most_trying <= 5, "the line, two who are held, two who are not"
    shelf.held.clear()
    await asyncio.gather(*held)


async def test_patience_ends_and_closing_waits_no_longer_than_that() -> None:
    shelf = Shelf(held={7})
    (held,) = shelf.put(7)
    await asyncio.sleep(0)
    await shelf.together.aclose()
    with pytest.raises(HeldError):
        await held
    assert 30 <= shelf.time.now < 31


async def test_a_cancelled_caller_does_not_take_back_what_is_held() -> None:
    shelf = Shelf(held={7})
    (held,) = shelf.put(7)
    while not shelf.groups:  # noqa: ASYNC110
        await asyncio.sleep(0)
    held.cancel()
    await asyncio.gather(held, return_exceptions=True)
    shelf.held.clear()
    await shelf.together.aclose()
    assert shelf.groups == [[7], [7]]


async def test_what_was_made_before_a_failure_is_not_made_again() -> None:
    made: list[int] = []
    gone: list[int] = []

    async def run(calls: list[Commit[int, None]]) -> None:
        made.extend(number for call in calls for number in call.items)
        if len(calls) > 1:
            calls[0].settle(None)
            raise HeldError("held")
        calls[0].settle(None)
        gone.append(1)

    together: GroupCommit[int, None] = GroupCommit(run)
    tasks = [asyncio.create_task(together.commit([number], 0.0)) for number in (1, 2, 3)]
    await asyncio.gather(*tasks)
    assert sorted(made) in ([1, 2, 3, 3], [1, 2, 2, 3, 3])
