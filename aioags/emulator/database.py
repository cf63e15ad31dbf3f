"""
The platform's memory in an SQLite file, so that a restart goes on where it was.

Theory of operation. The state lives in memory, and the file follows it. The platform tells what changed; it is noted,
and written in one transaction when the request that changed it is done, before its answer leaves: what was answered is
in the file, even if the process is killed. Nothing is read after the start. The file belongs to one process at a time.

Grades have a table, and the scores that were applied another, which only grows. All else is few and small: it is
compared with what the file holds, record by record, and what differs is written.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
from joserfc.jwk import KeySet

from aioags.emulator.platform import Platform
from aioags.emulator.site.keys import KeyPair
from aioags.emulator.site.site import Held
from aioags.emulator.site.state import (
    Course,
    Grade,
    Item,
    Link,
    Override,
    Person,
    PlatformState,
    RegisteredTool,
    SubmissionAttempt,
)
from aioags.emulator.traffic.changes import EVERYTHING, Change
from aioags.emulator.wire.messages import dump

# PRAGMA application_id: "AGS" and one byte.
OURS = 0x41475301
# PRAGMA user_version. Raise it when a field of a state class goes, or changes its meaning; new fields with a default
# need nothing.
SCHEMA = 1
# Keys are JSON: a user id may hold what SQLite's text cannot, such as half of a surrogate pair.
TABLES = (
    "CREATE TABLE records (key TEXT PRIMARY KEY, record TEXT NOT NULL)",
    "CREATE TABLE grades (item INTEGER, user TEXT, record TEXT NOT NULL, PRIMARY KEY (item, user))",
    "CREATE TABLE scores (number INTEGER PRIMARY KEY, item INTEGER NOT NULL, user TEXT NOT NULL, record TEXT NOT NULL)",
)
PUT_RECORD = "INSERT INTO records (key, record) VALUES (?, ?) ON CONFLICT DO UPDATE SET record = excluded.record"
PUT_GRADE = (
    "INSERT INTO grades (item, user, record) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET record = excluded.record"
)
PUT_SCORE = "INSERT INTO scores (item, user, record) VALUES (?, ?, ?)"

Key = tuple[str | int, ...]


class DatabaseError(Exception):
    """
    The file cannot be used; the text is one line that names it and says why.
    """


@attrs.define(eq=False)
class Database:
    """
    One platform's file. Open it with `open`, hand it the platform with `keep`, and close it in the end.

    Attributes:
        path: The file.

        profile: Name of the profile of the platform that is in it. None: the file is new.

        fail: Called when the file cannot be written any more; the platform goes on without it. None: the request at
            hand fails with the error.
    """

    path: Path
    profile: str | None
    _connection: sqlite3.Connection
    fail: Callable[[DatabaseError], None] | None = None
    _platform: Platform | None = None
    # What the file holds: the state it is of, the text of each record, and how many scores of each grade.
    _state: PlatformState | None = None
    _records: dict[str, str] = attrs.field(factory=dict)
    _counts: dict[Held, int] = attrs.field(factory=dict)
    # What is not written yet.
    _changes: set[Change] = attrs.field(factory=set)

    @classmethod
    def open(cls, path: str | Path) -> Database:
        """
        Open a file, or make one, readable for its owner only: it will hold the tool's private key.

        Raises:
            DatabaseError: It is not ours, of a newer version, in use by another process, damaged, or cannot be opened.
        """
        path = Path(path)
        connection = None
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
            _prepare(connection, path)
            profile = _profile_in(connection, path)
        except (DatabaseError, OSError, sqlite3.Error) as error:
            if connection is not None:
                connection.close()
            raise _as_database_error(path, error) from error
        return cls(path, profile, connection)

    def keep(self, platform: Platform) -> None:
        """
        Give a platform the memory that is in the file, or a new file the memory of the platform, and follow it.

        Raises:
            DatabaseError: The file holds a platform of another profile, or is damaged.
        """
        if self.profile not in (None, platform.profile.name):
            raise DatabaseError(f"{self.path} holds a {self.profile} platform; it cannot be {platform.profile.name}")
        if self.profile is not None:
            try:
                self._load(platform)
            except (sqlite3.Error, LookupError, TypeError, ValueError) as error:
                raise DatabaseError(f"{self.path} is damaged: {error}") from error
        self._platform = platform
        self.profile = platform.profile.name
        platform.watch(self._note)
        platform.subscribe(lambda exchange: self.flush())
        self._note(EVERYTHING)

    def flush(self) -> None:
        """
        Write what changed; cheap when that is nothing.

        Raises:
            DatabaseError: It cannot be written, and `fail` is None.
        """
        if not self._changes or self._platform is None:
            return
        changes, self._changes = self._changes, set()
        try:
            self._connection.execute("BEGIN")
            self._write(self._platform, changes)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._platform = None
            failure = DatabaseError(f"{self.path} cannot be written any more: {error}")
            if self.fail is None:
                raise failure from error
            self.fail(failure)

    def close(self) -> None:
        """
        Write what is left, and let the file go. Harmless when done twice.

        Raises:
            DatabaseError: As `flush`.
        """
        try:
            # What was changed in Python, past the platform's methods, counts as well.
            self._note(EVERYTHING)
        finally:
            self._platform = None
            self._connection.close()

    def _note(self, change: Change) -> None:
        self._changes.add(change)
        if change == EVERYTHING:
            self.flush()

    # -- Writing ------------------------------------------------------------------------------------------------------

    def _write(self, platform: Platform, changes: set[Change]) -> None:
        state = platform.site.state
        if state is not self._state:
            self._forget()
            self._state = state
            changes = {EVERYTHING, *(Change(item.number) for _, item in _items(state))}
        if any(change.user is None for change in changes):
            self._write_records(platform)
        for change in changes:
            item = _item(state, change.item) if change.item is not None else None
            if item is not None:
                for user in [change.user] if change.user is not None else list(item.grades):
                    self._write_grade(item, user)

    def _forget(self) -> None:
        for table in ("records", "grades", "scores"):
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608  Names of our own.
        self._records.clear()
        self._counts.clear()

    def _write_records(self, platform: Platform) -> None:
        gone = set(self._records)
        for key, record in _records(platform):
            name, text = _dump(key), _dump(record)
            gone.discard(name)
            if self._records.get(name) != text:
                self._connection.execute(PUT_RECORD, (name, text))
                self._records[name] = text
        for name in gone:
            self._connection.execute("DELETE FROM records WHERE key = ?", (name,))
            del self._records[name]
            kind, *numbers = json.loads(name)
            if kind == "item":
                self._forget_grades(numbers[0])

    def _forget_grades(self, item: int) -> None:
        for table in ("grades", "scores"):
            self._connection.execute(f"DELETE FROM {table} WHERE item = ?", (item,))  # noqa: S608  Names of our own.
        self._counts = {held: count for held, count in self._counts.items() if held.item != item}

    def _write_grade(self, item: Item, user: str) -> None:
        grade = item.grades.get(user)
        if grade is None:
            return
        held, name = Held(item.number, user), _dump(user)
        self._connection.execute(PUT_GRADE, (item.number, name, _dump(_grade_record(grade))))
        for score in grade.history[self._counts.get(held, 0) :]:
            self._connection.execute(PUT_SCORE, (item.number, name, _dump(score)))
        self._counts[held] = len(grade.history)

    # -- Reading ------------------------------------------------------------------------------------------------------

    def _load(self, platform: Platform) -> None:
        state = platform.site.state = self._state = PlatformState()
        for name, text in self._connection.execute("SELECT key, record FROM records ORDER BY rowid"):
            self._records[name] = text
            kind, *numbers = json.loads(name)
            LOADERS[kind](platform, state, json.loads(text), *numbers)
        items = {item.number: item for _, item in _items(state)}
        for number, user, text in self._connection.execute("SELECT item, user, record FROM grades ORDER BY rowid"):
            items[number].grades[json.loads(user)] = _load_grade(json.loads(user), json.loads(text))
        for number, user, text in self._connection.execute("SELECT item, user, record FROM scores ORDER BY number"):
            held = Held(number, json.loads(user))
            grade, score = items[number].grades[held.user], json.loads(text)
            grade.statement = score
            grade.history.append(score)
            self._counts[held] = self._counts.get(held, 0) + 1


def _as_database_error(path: Path, error: Exception) -> DatabaseError:
    if isinstance(error, DatabaseError):
        return error
    if isinstance(error, OSError):
        return DatabaseError(f"cannot open {path}: {error.strerror}")
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_BUSY:
        return DatabaseError(f"{path} is in use by another process")
    if code == sqlite3.SQLITE_NOTADB:
        return DatabaseError(f"{path} is no SQLite file")
    return DatabaseError(f"cannot use {path}: {error}")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if owner != OURS and (owner or version or tables):
        raise DatabaseError(f"{path} is an SQLite file of another program")
    if owner == OURS and version != SCHEMA:
        raise DatabaseError(f"{path} has schema {version}, and this version of aioags reads {SCHEMA}")
    connection.execute("PRAGMA journal_mode = WAL")
    # The last answers may be lost with the power, never with the process.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN IMMEDIATE")
    if owner != OURS:
        connection.execute(f"PRAGMA application_id = {OURS}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
        for statement in TABLES:
            connection.execute(statement)
    connection.execute("COMMIT")


def _profile_in(connection: sqlite3.Connection, path: Path) -> str | None:
    found = connection.execute("SELECT record FROM records WHERE key = ?", (_dump(["platform"]),)).fetchone()
    if found is None:
        return None
    try:
        profile = json.loads(found[0])["profile"]
    except (LookupError, TypeError, ValueError) as error:
        raise DatabaseError(f"{path} is damaged: {error}") from error
    if not isinstance(profile, str):
        raise DatabaseError(f"{path} is damaged: {profile!r} is no name of a profile")
    return profile


def _dump(value: object) -> str:
    return dump(value, ascii_only=True).decode()


def _item(state: PlatformState, number: int) -> Item | None:
    return next((course.items[number] for course in state.courses.values() if number in course.items), None)


def _items(state: PlatformState) -> Iterator[tuple[Course, Item]]:
    for course in state.courses.values():
        for item in (*course.items.values(), *course.orphans):
            yield course, item


# -- Records: what is written here is read below, kind by kind --------------------------------------------------------


def _records(platform: Platform) -> Iterator[tuple[Key, dict[str, Any]]]:
    state, placed = platform.site.state, platform.launches.placed
    numbers = {"last_item": state.last_item, "last_link": state.last_link, "last_result": state.last_result}
    yield ("platform",), {"profile": platform.profile.name, "key": platform.key.private_jwk, **numbers}
    for tool in state.tools.values():
        keys = tool.key_set.as_dict() if tool.key_set is not None else None
        yield ("tool", tool.client_id), {**_fields(tool, "key_set", "scopes"), "keys": keys, "scopes": tool.scopes}
    for course in state.courses.values():
        shown = _fields(course, "people", "links", "items", "orphans", "client_ids")
        yield ("course", course.number), {**shown, "client_ids": sorted(course.client_ids)}
        for person in course.people.values():
            yield ("person", course.number, person.user_id), _fields(person)
        for link in course.links.values():
            yield ("link", course.number, link.id), {"link": _fields(link), "placed": placed.get(link.id)}
    for course, item in _items(state):
        orphan = item.number not in course.items
        yield ("item", item.number), {"item": _fields(item, "grades"), "orphan": orphan}


def _fields(thing: attrs.AttrsInstance, *without: str) -> dict[str, Any]:
    return {field.name: getattr(thing, field.name) for field in attrs.fields(type(thing)) if field.name not in without}


def _load_platform(platform: Platform, state: PlatformState, record: dict[str, Any]) -> None:
    platform.key = KeyPair.of(record["key"])
    state.last_item, state.last_link = record["last_item"], record["last_link"]
    # Files of before have none.
    state.last_result = record.get("last_result", 0)


def _load_tool(platform: Platform, state: PlatformState, record: dict[str, Any], client_id: str) -> None:
    keys, scopes = record.pop("keys"), tuple(record.pop("scopes"))
    key_set = KeySet.import_key_set(keys) if keys is not None else None
    state.tools[client_id] = RegisteredTool(**record, key_set=key_set, scopes=scopes)


def _load_course(platform: Platform, state: PlatformState, record: dict[str, Any], number: int) -> None:
    state.courses[number] = Course(**{**record, "client_ids": set(record["client_ids"])})


def _load_person(platform: Platform, state: PlatformState, record: dict[str, Any], course: int, user_id: str) -> None:
    state.courses[course].people[user_id] = Person(**record)


def _load_link(platform: Platform, state: PlatformState, record: dict[str, Any], course: int, link_id: str) -> None:
    state.courses[course].links[link_id] = Link(**record["link"])
    if record["placed"] is not None:
        platform.launches.placed[link_id] = record["placed"]


def _load_item(platform: Platform, state: PlatformState, record: dict[str, Any], number: int) -> None:
    item = Item(**record["item"])
    course = state.courses[item.course]
    if record["orphan"]:
        course.orphans.append(item)
    else:
        course.items[number] = item


# The statement is the last of the history.
NOT_IN_GRADES = frozenset({"user_id", "statement", "history", "override", "attempts"})
IN_GRADES = tuple(field.name for field in attrs.fields(Grade) if field.name not in NOT_IN_GRADES)


def _grade_record(grade: Grade) -> dict[str, Any]:
    record = {name: getattr(grade, name) for name in IN_GRADES}
    record["override"] = _fields(grade.override) if grade.override is not None else None
    record["attempts"] = [_fields(attempt) for attempt in grade.attempts]
    return record


def _load_grade(user_id: str, record: dict[str, Any]) -> Grade:
    override = record.pop("override")
    attempts = [SubmissionAttempt(**attempt) for attempt in record.pop("attempts")]
    return Grade(user_id, **record, attempts=attempts, override=Override(**override) if override is not None else None)


LOADERS: dict[str, Callable[..., None]] = {
    "platform": _load_platform,
    "tool": _load_tool,
    "course": _load_course,
    "person": _load_person,
    "link": _load_link,
    "item": _load_item,
}
