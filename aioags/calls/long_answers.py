"""
Long answers, read in steps, so that a platform that says much keeps nobody else waiting.

Between two steps everybody else has a turn, and of one platform one answer is read at a time: whoever says 16 MiB to
each question gets one step of each turn, however often he is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, NoReturn, TypeVar
from weakref import WeakValueDictionary

from aioags.errors import AGSError
from aioags.protocol.listings import InSteps
from aioags.protocol.messages import Response
from aioags.wire.scalars import NotReadableError

T = TypeVar("T")


class LongAnswers:
    """
    Reads those of one `Client`.
    """

    def __init__(self) -> None:
        self._reading: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    async def read(
        self, read: Callable[[Response], T], answer: Response, platform: Hashable
    ) -> Callable[[Response], T]:
        """
        Read an answer, and return what returns or raises what it was read as.

        Args:
            read: The operation's. One that knows no steps is left to whoever judges the answer.
        """
        if not isinstance(read, InSteps):
            return read
        async with self._reading.setdefault(platform, asyncio.Lock()):
            steps = read.steps(answer)
            while True:
                try:
                    next(steps)
                except StopIteration as done:
                    return partial(_given, done.value)
                except (AGSError, NotReadableError) as error:
                    return partial(_raised, error)
                await asyncio.sleep(0)


def _given(value: Any, _: Response) -> Any:
    return value


def _raised(error: Exception, _: Response) -> NoReturn:
    raise error
