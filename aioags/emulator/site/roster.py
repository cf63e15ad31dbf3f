"""
The people of a course: generated, or read from a CSV file.
"""

from __future__ import annotations

import csv
import uuid
from collections.abc import Iterable, Iterator

from aioags.emulator.site.state import Person

GIVEN = ("Ada", "Björn", "Chiara", "Dmitri", "Elif", "Farid", "Grace", "Hanna", "Ivo", "Jules", "Kofi", "Lin", "Mei")
FAMILY = ("Abe", "Brown", "Costa", "Dunn", "Eriksen", "Fischer", "García", "Haddad", "Ito", "Jansen", "Kowalski")
# Any fixed namespace: the same seedless ids on every run.
NAMESPACE = uuid.UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")


class RosterError(ValueError):
    """
    A roster file cannot be used; the text says where and why.
    """


def generated(count: int, form: str) -> Iterator[Person]:
    """
    Yield learners, the same on every run.

    Args:
        form: Format string of a user id; ``{n}`` counts from 1, ``{uuid}`` and ``{hex}`` are a UUID made of it.
    """
    for n in range(1, count + 1):
        name = f"{GIVEN[n % len(GIVEN)]} {FAMILY[n % len(FAMILY)]}"
        yield Person(user_id(n, form), name)


def user_id(n: int, form: str) -> str:
    """
    Return the n-th generated user id.
    """
    made = uuid.uuid5(NAMESPACE, f"person {n}")
    return form.format(n=n, uuid=made, hex=made.hex)


def read_csv(lines: Iterable[str]) -> list[Person]:
    """
    Read people from CSV with a header line.

    Columns: ``user_id`` (needed), ``name``, ``role`` (``Learner`` unless it says ``Instructor``). Others are ignored.

    Raises:
        RosterError: A column or a value is missing, a role unknown, a user id there twice, or a line is no CSV.
    """
    reader = csv.DictReader(lines)
    if "user_id" not in (reader.fieldnames or ()):
        raise RosterError("the roster's first line names no column user_id")
    people: dict[str, Person] = {}
    try:
        for row in reader:
            person = _person(row, reader.line_num)
            if person.user_id in people:
                raise RosterError(f"line {reader.line_num}: user_id {person.user_id!r} is there twice")
            people[person.user_id] = person
    except csv.Error as error:
        raise RosterError(f"after line {reader.line_num}: {error}") from error
    return list(people.values())


def _person(row: dict[str, str | None], line: int) -> Person:
    user_id = (row["user_id"] or "").strip()
    role = (row.get("role") or "Learner").strip()
    if not user_id:
        raise RosterError(f"line {line}: user_id is blank")
    if role not in ("Learner", "Instructor"):
        raise RosterError(f"line {line}: role is {role!r}; it must be Learner or Instructor")
    return Person(user_id, (row.get("name") or "").strip(), role)
