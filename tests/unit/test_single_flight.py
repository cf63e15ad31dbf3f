"""
Single flight: one fetch for many who wait, and each of them on its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import attrs
import pytest

from aioags import AGSError, BrokenError, UnreachableError
from aioags.calls.single_flight import SingleFlight


@attrs.define
class Source:
    """
    Where things are fetched: counts the fetches, and answers when it may.

    Attributes:
        fails: What it raises. None: it returns the number of the fetch.

        begun: How many fetches began.

        ended: How many ran to their end, one way or the other.

        open: Cleared, nobody is answered.
    """

    fails: Exception | None = None
    begun: int = 0
    ended: int = 0
    open: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def fetch(self) -> int:
        """
        Fetch once.
        """
        self.begun += 1
        number = self.begun
        try:
            await self.open.wait()
            if self.fails is not None:
                raise self.fails
            return number
        finally:
            self.ended += 1


def flights() -> SingleFlight[str, int]:
    """
    Return flights of nothing in particular.
    """
    return SingleFlight("thing", owner="Owner")


def waiters(
    flight: SingleFlight[str, int], start: Callable[[], Coroutine[None, None, int]], count: int, key: str = "a"
) -> list[asyncio.Task[int]]:
    """
    Let so many ask for one key.
    """
    return [asyncio.create_task(flight.fetch(key, start)) for _ in range(count)]


async def turns(count: int = 3) -> None:
    """
    Let everybody else go on.
    """
    for _ in range(count):
        await asyncio.sleep(0)


async def test_one_fetch_serves_all_who_ask_meanwhile() -> None:
    one, source = flights(), Source()
    asking = waiters(one, source.fetch, 1000)
    await turns()
    assert "a" in one
    source.open.set()
    assert set(await asyncio.gather(*asking)) == {1}
    assert source.begun == 1


async def test_what_was_fetched_is_not_kept() -> None:
    one, source = flights(), Source()
    source.open.set()
    assert await one.fetch("a", source.fetch) == 1
    assert "a" not in one
    assert await one.fetch("a", source.fetch) == 2


async def test_each_key_has_a_fetch_of_its_own() -> None:
    one, source = flights(), Source()
    source.open.set()
    asking = [*waiters(one, source.fetch, 2, "a"), *waiters(one, source.fetch, 2, "b")]
    assert await asyncio.gather(*asking) == [1, 1, 2, 2]


@pytest.mark.parametrize("cancelled", [0, 1, 2], ids=["who began it", "one who waits", "the last"])
async def test_a_waiter_that_is_cancelled_cancels_nobody(cancelled: int) -> None:
    one, source = flights(), Source()
    asking = waiters(one, source.fetch, 3)
    await turns()
    asking[cancelled].cancel()
    await turns()
    source.open.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(answers.pop(cancelled), asyncio.CancelledError)
    assert answers == [1, 1]


async def test_a_fetch_goes_on_when_every_waiter_was_cancelled() -> None:
    one, source = flights(), Source(fails=UnreachableError("nobody hears this"))
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    for task in (asking := waiters(one, source.fetch, 2)):
        await turns()
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    assert "a" in one
    source.open.set()
    await turns()
    assert ("a" in one, source.begun, source.ended) == (False, 1, 1)
    assert complaints == []


async def test_each_waiter_gets_the_error_as_a_copy_of_its_own() -> None:
    first = BrokenError("the platform failed", status=500, transient=True, retry_after=3.0, recorded=None)
    first.add_note("told once")
    one, source = flights(), Source(fails=first)
    asking = waiters(one, source.fetch, 3)
    await turns()
    source.open.set()
    errors = await asyncio.gather(*asking, return_exceptions=True)
    assert len({id(error) for error in [first, *errors]}) == 4
    for error in errors:
        assert isinstance(error, BrokenError)
        assert error.__cause__ is first
        assert (error.status, error.retry_after, error.recorded, str(error)) == (500, 3.0, None, str(first))
        assert error.__notes__ == ["told once"]
        # What one waiter settles about its own call is not said of the others'.
        error.recorded = False
    assert first.recorded is None


async def test_errors_are_not_kept() -> None:
    one, source = flights(), Source(fails=UnreachableError("down"))
    source.open.set()
    with pytest.raises(UnreachableError):
        await one.fetch("a", source.fetch)
    # Nor for whoever asks at the very moment when the first hears of it.
    assert "a" not in one
    source.fails = None
    assert await one.fetch("a", source.fetch) == 2


async def test_a_bug_in_a_fetch_comes_out_as_it_is() -> None:
    bug = ZeroDivisionError("a bug")
    one, source = flights(), Source(fails=bug)
    source.open.set()
    with pytest.raises(ZeroDivisionError) as caught:
        await one.fetch("a", source.fetch)
    assert caught.value is bug


async def test_closing_cancels_what_is_under_way_and_tells_who_waits() -> None:
    one, source = flights(), Source()
    asking = waiters(one, source.fetch, 2)
    await turns()
    await one.aclose()
    assert (source.begun, source.ended, "a" in one) == (1, 1, False)
    for error in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(error, RuntimeError)
        assert str(error) == "the Owner was closed while a thing was on its way"
        assert not isinstance(error, AGSError)
    await one.aclose()


async def test_a_fetch_that_is_cancelled_by_somebody_else_is_a_cancellation() -> None:
    one = flights()

    async def cancelled() -> int:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await one.fetch("a", cancelled)
    assert "a" not in one
