"""
Which of two scores of one user is the newer one, and with which stamp it goes on. The SQL of the stores says the same.

Stamps of one process are in the order of their making, whatever its clock did meanwhile. Those of two processes are
not: a clock that is two seconds behind must not cost the grade that was made last. So what was put last counts, if it
was made a moment ago; what is put late is compared by its timestamp. A caller's own timestamp is compared as it is.
Whatever is newer is stamped later than what it replaces.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

import attrs

from aioags.model.stamp import timekeeper
from aioags.outbox.model import SECOND, Entry

RECENT = 60 * SECOND
"""For how long a stamp counts as made a moment ago, microseconds."""


class Stamped(Protocol):
    """
    What an `Entry` and a `StoredScore` have in common.
    """

    @property
    def ts(self) -> int:
        """
        Its timestamp, microseconds since 1970.
        """
        ...

    @property
    def made_by(self) -> str | None:
        """
        Name of the process that stamped it. None: the timestamp is the caller's own.
        """
        ...

    @property
    def order(self) -> int | None:
        """
        Rises with each stamp of that process.
        """
        ...


def stamp_over(entry: Entry, held: Stamped, now: float) -> int | None:
    """
    Return the stamp with which a score replaces another one of its user.

    Args:
        held: What is there.

        now: Unix time of the put.

    Returns:
        None: it is as old or older.
    """
    if entry.made_by is not None and entry.made_by == held.made_by:
        newer = (entry.order or 0) > (held.order or 0)
    else:
        newer = entry.ts > held.ts or (entry.made_at is not None and entry.made_at >= recent(now))
    return max(entry.ts, held.ts + 1) if newer else None


def recent(now: float) -> int:
    """
    Return the microseconds since 1970 from which on a stamp counts as made a moment ago.
    """
    return int(now * SECOND) - RECENT


def dated(entries: list[Entry], now: float) -> list[Entry]:
    """
    Return what is being put with the right time of its making.

    Where a wall clock shows now what it cannot have shown when a score was made, less than a minute ago, one of the two
    readings is wrong, or the clock was set in between. Of its own scores a process knows how old they are all the same.
    """
    latest = int(now * SECOND)
    oldest = latest - RECENT
    for entry in entries:
        if entry.made_at is not None and not oldest <= entry.made_at <= latest:
            return [_dated(one, latest) for one in entries]
    return entries


def _dated(entry: Entry, latest: int) -> Entry:
    age = timekeeper.get().age(entry.made_by, entry.ticks)
    return entry if age is None else attrs.evolve(entry, made_at=latest - int(age * SECOND))


@attrs.frozen
class Newest:
    """
    The entries of a batch that are their user's newest.

    Attributes:
        entries: One for each key, in the order of the keys, so that writers never wait in a circle; stamped later than
            what they replace of the same batch.
    """

    entries: list[Entry]
    _places: dict[tuple[str, str, str], int]

    @classmethod
    def of(cls, entries: Iterable[Entry], now: float) -> Newest:
        """
        Pick them, as if they were put one after another.
        """
        kept: dict[tuple[str, str, str], Entry] = {}
        places: dict[tuple[str, str, str], int] = {}
        for place, entry in enumerate(entries):
            key = entry.key
            held = kept.get(key)
            if held is not None:
                ts = stamp_over(entry, held, now)
                if ts is None:
                    continue
                entry = entry if ts == entry.ts else attrs.evolve(entry, ts=ts)  # noqa: PLW2901
            kept[key] = entry
            places[key] = place
        return cls([kept[key] for key in sorted(kept)], places)

    def answers(self, count: int, stored: Collection[tuple[str, str, str]]) -> list[bool]:
        """
        Say of each of so many entries whether it is stored.

        Args:
            stored: Keys of the entries that replaced what was there.
        """
        if len(stored) == count:
            return [True] * count
        there = {self._places[key] for key in stored}
        return [place in there for place in range(count)]


def wire_stamp(ts: int, wire_ts: int | None, unsure: bool, now: float) -> int:
    """
    Return the stamp for the first attempt with a score: its own, or a later whole second that a platform which compares
    whole seconds takes for newer than what it may hold.

    Args:
        wire_ts: Latest stamp that went over the wire for this user. None: none did.

        unsure: Nobody knows what became of that; without a value, the platform may have given it its own time.

        now: Unix time.
    """
    if wire_ts is None:
        return ts
    held = max(wire_ts, int(now * SECOND)) if unsure else wire_ts
    return max(ts, (held // SECOND + 1) * SECOND)


# Rows in each of two generations, about 200 bytes each.
_REMEMBERED = 16_384


class OwnOrder:
    """
    What this process stored last for each row; see `aioags.outbox.putting`. A row is the hash of its key.
    """

    def __init__(self) -> None:
        self._last: dict[int, tuple[str, int]] = {}
        self._older: dict[int, tuple[str, int]] = {}

    def has_newer_than(self, entry: Entry, row: int) -> bool:
        """
        True when a score that was made after this one, by the same process, was stored already.
        """
        known = self._last.get(row) or self._older.get(row)
        return known is not None and known[0] == entry.made_by and (entry.order or 0) < known[1]

    def note(self, entry: Entry, row: int) -> None:
        """
        Note that a score was stored, or a newer one found.
        """
        if entry.made_by is None or self.has_newer_than(entry, row):
            return
        self._last[row] = (entry.made_by, entry.order or 0)
        if len(self._last) >= _REMEMBERED:
            self._older, self._last = self._last, {}
