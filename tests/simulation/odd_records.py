"""
What an odd server puts into a listing: columns and results of others that cannot be read, ids without a host, a record
twice. None of it is about what the tool wants, so none of it may cost the tool anything.
"""

from __future__ import annotations

import json
import random
from typing import Any

import attrs

from aioags import MalformedError, Response

_ITEMS: list[Any] = [
    {"id": "https://elsewhere.example/items/1", "label": "Of another tool", "scoreMaximum": None, "tag": []},
    {"label": "Without an id", "scoreMaximum": 10},
    None,
]
_ODD_USER: dict[str, Any] = {"userId": "odd", "resultScore": "A+", "resultMaximum": [], "comment": {}}
_NOBODY: dict[str, Any] = {"resultScore": "5,5"}
# What a hostile server puts behind the result that was asked for.
_HEAP = [_NOBODY] * 3_000
MOST_WORK = 2_000
"""Calls of functions that read, for the results of one user, whatever was put there."""


@attrs.define
class Oddness:
    """
    How odd the servers of a world are. It has dice of its own: what else happens is the same with and without.

    Attributes:
        chance: Of a listing's having odd records in it.

        heaps: Dice for whether a look at one user's result finds thousands of them.
    """

    dice: random.Random
    chance: float
    heaps: random.Random

    @classmethod
    def of(cls, seed: int) -> Oddness:
        """
        Draw it for a world.
        """
        dice = random.Random(f"odd {seed}")
        return cls(dice, dice.choice((0.0, 0.1, 0.5)), random.Random(f"heaps {seed}"))

    def touch(self, operation: str, answer: Response, *, one_user: bool = False) -> Response:
        """
        Return an answer, perhaps with odd records in it.

        Args:
            one_user: It was asked for one user's.
        """
        if one_user and self.heaps.random() < 0.2:
            answer = _with_a_heap(answer)
        if operation not in ("list_line_items", "results") or self.dice.random() >= self.chance:
            return answer
        return _with_odd_records(operation, answer)


def _with_odd_records(operation: str, answer: Response) -> Response:
    records = json.loads(answer.body) if answer.status == 200 else None
    if not isinstance(records, list):
        return answer
    if operation == "list_line_items":
        said = [*_ITEMS, *map(_odd_item, records), *records[:1]]
    else:
        # Where nothing else is shown, a result of nobody may be that of whoever was asked for.
        said = [_ODD_USER, *([_NOBODY] if records else []), *records, *records[:1]]
    return attrs.evolve(answer, body=json.dumps(said).encode())


def _with_a_heap(answer: Response) -> Response:
    records = json.loads(answer.body) if answer.status == 200 else None
    if not isinstance(records, list) or not records:
        return answer
    return attrs.evolve(answer, body=json.dumps([*records, *_HEAP]).encode())


def _odd_item(record: dict[str, Any]) -> dict[str, Any]:
    host_end = record["id"].index("/", len("https://"))
    return record | {"id": record["id"][host_end:], "startDateTime": "0000-00-00 00:00:00", "endDateTime": 0}


def is_about_one_record(error: Exception) -> bool:
    """
    True for an error that one record of a listing is the cause of.
    """
    return isinstance(error, MalformedError) and "record " in error.message
