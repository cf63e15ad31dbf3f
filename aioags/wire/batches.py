"""
A long array of records, a batch at a time: nobody else waits while 16 MiB are parsed, and what is not wanted of them is
never held all at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeVar

from aioags.model.checks import too_deep
from aioags.wire.scalars import check_density, decoder, load_json, nested_too_deep, why_unreadable

T = TypeVar("T")

LONG = 64 * 1024
"""Bytes that are read at once: a page of some 500 results, which takes 3 ms with all that is made of it."""

# Characters of a batch, and records of one that was parsed already: some 250 of the smallest, which take a millisecond.
_BATCH = 8 * 1024
_SLICE = 128
_OPENING = re.compile(r"[ \t\n\r]*+\[[ \t\n\r]*+(?=[^\]])")
_SEPARATOR = re.compile(r"[ \t\n\r]*+([,\]])[ \t\n\r]*+")


def json_batches(body: bytes) -> Iterator[Any]:
    """
    Read the JSON of a page: a long array as one after the other, whose values together are its; else all of it.

    Raises:
        NotReadableError: As by `load_json`, when what cannot be read is reached.
    """
    if len(body) <= LONG:
        yield load_json(body)
        return
    check_density(body)
    try:
        text = body.decode("utf-8-sig")
        opening = _OPENING.match(text)
        at = 0 if opening is None else opening.end()
        while at < len(text):
            batch, at = (load_json(body), len(text)) if opening is None else _batch(text, at)
            yield batch
    except (ValueError, RecursionError) as error:
        raise why_unreadable(body, error) from None


def _batch(text: str, at: int) -> tuple[list[Any], int]:
    """
    Read some values of an array; return them, and where the next begins: at the end of the text, if none does.

    Raises:
        ValueError, RecursionError: There is no array.
    """
    values: list[Any] = []
    end = at + _BATCH
    while at < end:
        value, at = decoder.raw_decode(text, at)
        values.append(value)
        mark = _SEPARATOR.match(text, at)
        at = -1 if mark is None else mark.end()
        if mark is None or (mark[1] == "]") != (at == len(text)):
            raise ValueError("no array")
        if at == len(text):
            break
    if too_deep(values):
        raise nested_too_deep()
    return values, at


def sliced(values: list[T]) -> Iterator[list[T]]:
    """
    Yield the same a few at a time.
    """
    return (values[at : at + _SLICE] for at in range(0, len(values), _SLICE))
