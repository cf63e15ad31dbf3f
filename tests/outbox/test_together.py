"""
Calls that come while another is under way are made together.
"""

from __future__ import annotations

import asyncio

import pytest

from aioags.outbox.together import Call, Together


class Press:
    """
    Doubles numbers, several calls at once, once it is let go; 13 is too much for it.
    """

    def __init__(self) -> None:
        self.groups: list[list[list[int]]] = []
        self.go = asyncio.Event()
        self.together: Together[int, list[int]] = Together(self.run)

    async def run(self, calls: list[Call[int, list[int]]]) -> None:
        self.groups.append([list(call.items) for call in calls])
        await self.go.wait()
        if any(13 in call.items for call in calls):
            raise ValueError("13")
        for call in calls:
            call.settle([number * 2 for number in call.items])

    def start(self, *calls: list[int]) -> list[asyncio.Task[list[int]]]:
        return [asyncio.create_task(self.together.call(items, 0.0)) for items in calls]


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
        await press.together.call([13], 0.0)
    assert await press.together.call([1], 0.0) == [2]


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
