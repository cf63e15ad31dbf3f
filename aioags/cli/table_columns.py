"""
Which column of a table of grades holds what.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import attrs

BY = ("user_id", "email", "sis_id", "name")
"""What people may be named by, the surest first."""

# By what a column holds: the headings that say so, in small letters and with blanks.
_HEADINGS: Mapping[str, frozenset[str]] = {
    # Not "id": Canvas's export has one, which is not the id of launches.
    "user_id": frozenset({"user id", "userid", "lti user id", "sub"}),
    "email": frozenset({"email", "e mail", "email address", "e mail address", "mail"}),
    "sis_id": frozenset({"sis id", "sis user id", "id number", "idnumber", "student id", "lis person sourcedid"}),
    "name": frozenset({"name", "full name", "student", "student name"}),
    "points": frozenset({"points", "score", "score given", "grade", "mark", "result"}),
    "maximum": frozenset({"maximum", "max", "max points", "score maximum", "out of"}),
    "comment": frozenset({"comment", "comments", "feedback"}),
}


class ColumnError(ValueError):
    """
    The columns do not say what is needed; the text names what is there.
    """


@attrs.frozen
class Columns:
    """
    Places of the columns, from 0.

    Attributes:
        by: What people are named by: one of `BY`.

        maximum, comment: None: there is no such column.
    """

    by: str
    person: int
    points: int
    maximum: int | None
    comment: int | None


def choose_columns(
    headings: Sequence[str], *, by: str | None = None, named: Sequence[str] = (), label: str | None = None
) -> Columns:
    """
    Find out which column holds what.

    Args:
        by: What people are named by. None: the surest for which there is a column.

        named: Headings the user named: ``Midterm`` for the points, ``email=Contact`` for something else.

        label: The line item's: a column of this name holds the points, also as Canvas (``Midterm (4711)``) and Moodle
            (``Quiz: Midterm (Real)``) export it.

    Raises:
        ColumnError: A column is missing, or two would do.
    """
    chooser = _Chooser(headings, _wanted(named))
    points = chooser.find("points", _of_label(headings, label))
    if points is None:
        raise ColumnError(f"no column holds the points: name it with --column; {chooser.described()}")
    kinds = [kind for kind in BY if by in (None, kind)]
    for kind in kinds:
        person = chooser.find(kind)
        if person is not None:
            return Columns(kind, person, points, chooser.find("maximum"), chooser.find("comment"))
    raise ColumnError(
        f"no column says who it is by {' or '.join(kinds)}: name it with --column {kinds[0]}=HEADING; "
        f"{chooser.described()}"
    )


@attrs.frozen
class _Chooser:
    headings: Sequence[str]
    wanted: Mapping[str, str]

    def described(self) -> str:
        shown = ", ".join(repr(heading[:40]) for heading in self.headings[:20])
        return f"the first line has {shown}" if shown else "the first line is empty"

    def find(self, kind: str, preferred: Sequence[int] = ()) -> int | None:
        if kind in self.wanted:
            return self._named(self.wanted[kind])
        usual = [place for place, heading in enumerate(self.headings) if _plain(heading) in _HEADINGS[kind]]
        return self._only(preferred or usual, kind)

    def _named(self, heading: str) -> int:
        places = [place for place, other in enumerate(self.headings) if _plain(other) == _plain(heading)]
        found = self._only(places, f"--column {heading!r}")
        if found is None:
            raise ColumnError(f"there is no column {heading!r}: {self.described()}")
        return found

    def _only(self, places: Sequence[int], what: str) -> int | None:
        if len(places) > 1:
            both = " and ".join(f"{self.headings[place]!r} (column {place + 1})" for place in places[:2])
            raise ColumnError(f"{what} may be {both}: name one with --column, or rename the other")
        return places[0] if places else None


def _wanted(named: Sequence[str]) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for name in named:
        kind, is_pair, heading = name.partition("=")
        if is_pair and kind in _HEADINGS:
            wanted[kind] = heading
        else:
            wanted["points"] = name
    return wanted


def _plain(heading: str) -> str:
    return re.sub(r"[\s_\-]+", " ", heading.replace("\ufeff", "")).strip().casefold()


def _of_label(headings: Sequence[str], label: str | None) -> list[int]:
    if label is None or not _plain(label):
        return []
    pattern = re.compile(rf"(?:[^:]*: ?)?{re.escape(_plain(label))}(?: \([^()]*\))?")
    return [place for place, heading in enumerate(headings) if pattern.fullmatch(_plain(heading))]
