"""
The platform's memory in a file: everything survives a restart, and a file that cannot be used says so in one line.
"""

from __future__ import annotations

import json
import resource
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioags.emulator import ManualClock, Person, Platform, serve
from aioags.emulator.database import Database, DatabaseError
from aioags.emulator.doors import control as back_door
from aioags.protocol.messages import Request
from tests.emulator.command import command
from tests.emulator.raw_tool import START, RawTool, dump_json, score, stamp, tool

JSON = (("Content-Type", "application/json"),)


def restarted(path: Path, profile: str = "spec") -> Platform:
    """
    Start a platform again with the memory of a file.
    """
    database = Database.open(path)
    platform = Platform.create(profile, clock=ManualClock(START), base_url="https://elsewhere.example")
    database.keep(platform)
    database.close()
    return platform


def killed(path: Path, profile: str = "spec") -> Platform:
    """
    Start a platform with the memory that a file has right now, as if its process had been killed.
    """
    copy = path.with_name("copy.sqlite3")
    for end in ("", "-wal"):
        if path.with_name(path.name + end).exists():
            shutil.copy(path.with_name(path.name + end), copy.with_name(copy.name + end))
    platform = restarted(copy, profile)
    copy.unlink()
    return platform


def control(platform: Platform, path: str, body: Any) -> int:
    """
    Ask the back door; return the status.
    """
    answer = back_door.answer(platform, Request("POST", f"{platform.base_url}/control{path}", JSON, dump_json(body)))
    assert answer is not None
    return answer.status


def kept(path: Path, profile: str = "spec", **options: Any) -> tuple[Database, RawTool]:
    """
    Make a platform that a file keeps, and a tool for it.
    """
    one = tool(profile, **options)
    database = Database.open(path)
    database.keep(one.platform)
    return database, one


def assert_same_memory(one: Platform, other: Platform) -> None:
    """
    Compare everything that must survive.
    """
    mine, theirs = one.site.state, other.site.state
    assert mine.courses == theirs.courses
    assert [list(course.people) for course in mine.courses.values()] == [
        list(course.people) for course in theirs.courses.values()
    ]
    assert (mine.last_item, mine.last_link) == (theirs.last_item, theirs.last_link)
    assert one.launches.placed == other.launches.placed
    assert one.key.private_jwk == other.key.private_jwk
    assert {name: _without_key(tool) for name, tool in mine.tools.items()} == {
        name: _without_key(tool) for name, tool in theirs.tools.items()
    }


def _without_key(tool: Any) -> tuple[Any, ...]:
    keys = tool.key_set.as_dict() if tool.key_set is not None else None
    return (tool.number, tool.client_id, tool.deployment_id, keys, tool.scopes)


@pytest.mark.parametrize("profile", ["spec", "moodle", "canvas", "sakai"])
def test_everything_survives_a_restart(tmp_path: Path, profile: str) -> None:
    path = tmp_path / "state.sqlite3"
    database, one = kept(path, profile)
    platform, users = one.platform, one.users
    for second, user in enumerate(users * 2):
        one.post(score(user, second, 20, timestamp=stamp(second), comment=f"ü€👍 {second}"))
    one.create(label="Essay", resourceId="essay", tag="term")
    platform.override(2, users[0], 3.5, comment="by hand")
    platform.lock(None, users[1])
    platform.lock(2)
    platform.add_tool("another").key_set = None
    platform.add_course("Course two", people=[Person("zz", "Z", "Instructor"), Person("aa", active=False)])
    platform.course.concluded = True
    platform.launches.placed[platform.add_link("Quiz two").id] = {"url": "https://tool.example/2", "custom": {"a": "b"}}
    database.close()
    again = restarted(path, profile)
    assert_same_memory(platform, again)
    assert [grade["userId"] for grade in again.results(None)] == [grade["userId"] for grade in platform.results(None)]
    assert again.history(None, users[0]) == platform.history(None, users[0]) != []
    assert again.score(None, users[0]) == platform.score(None, users[0])


def test_CV26_CV5_a_score_by_canvass_own_number_and_the_results_number_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    database, one = kept(path, "canvas")
    first, second = one.users[:2]
    assert one.post(score("") | {"userId": one.platform.course.people[first].local_id}).status == 200
    database.close()
    again = RawTool(restarted(path, "canvas"))
    assert again.platform.grade(None, first).points == 80
    again.post(score(second))
    assert [row["id"].rpartition("/")[2] for row in again.results().json()] == ["1", "2"]


def test_a_restart_elsewhere_gives_new_urls_and_the_same_grades(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    database, one = kept(path)
    one.post(score(one.users[0]))
    database.close()
    again = RawTool(restarted(path))
    assert again.item_url.startswith("https://elsewhere.example/")
    (result,) = again.results().json()
    assert result["resultScore"] == 80
    assert result["scoreOf"] == again.item_url
    assert again.post(score(again.users[0])).status == 409


def test_what_was_answered_is_in_the_file_even_if_the_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    database, one = kept(path)
    for second in range(3):
        assert one.post(score(one.users[0], second, timestamp=stamp(second))).status == 204
        assert_same_memory(one.platform, killed(path))
    assert one.put(one.item_url, label="Rescaled", scoreMaximum=1).status == 200
    assert (
        killed(path).result(None, one.users[0])["resultScore"] == one.platform.result(None, one.users[0])["resultScore"]
    )
    assert one.delete(one.item_url).status == 204
    assert killed(path).line_items() == []
    database.close()


ACTS = {
    "post": lambda one, n: one.post(
        score(one.users[n % 3], n, timestamp=stamp(n % 7), comment=f"{n}"), url=url(one, n)
    ),
    "create": lambda one, n: one.create(label=f"Item {n}"),
    "put": lambda one, n: one.put(url(one, n), label=f"Put {n}", scoreMaximum=n + 1),
    "delete": lambda one, n: one.delete(url(one, n)),
    "override": lambda one, n: control(one.platform, "/override", {"user_id": one.users[n % 3], "points": n}),
    "lock": lambda one, n: control(one.platform, "/lock", {"user_id": one.users[n % 3], "locked": n % 2 == 0}),
    "enroll": lambda one, n: control(one.platform, "/people", {"user_id": f"late-{n % 4}", "name": f"{n}"}),
    "settings": lambda one, n: control(one.platform, "/settings", {"concluded": n % 2 == 0}),
    "reset": lambda one, n: control(one.platform, "/reset", {}),
}


def url(one: RawTool, n: int) -> str:
    """
    Pick one of the line items there are; the launched one's address when there is none.
    """
    items = one.platform.line_items()
    return str(items[n % len(items)]["id"]) if items else "https://lms.example/lti/contexts/1/line_items/1"


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.integers(0, 20)), max_size=12))
def test_after_any_request_the_file_is_what_the_memory_is(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("any") / "state.sqlite3"
    database, one = kept(path)
    for name, number in acts:
        ACTS[name](one, number)
    assert_same_memory(one.platform, killed(path))
    database.close()
    assert_same_memory(one.platform, restarted(path))


def test_text_that_sqlite_cannot_hold_survives(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    odd = "\ud800 and \x00"
    database, one = kept(path, people=[Person(odd, odd)])
    body = json.dumps(score(odd, 10**300, 10**301, comment=odd)).encode()
    assert one.post(body).status == 204
    database.close()
    assert_same_memory(one.platform, restarted(path))


def nested(depth: int) -> str:
    """
    Write arrays in arrays.
    """
    return "[" * depth + "]" * depth


def test_a_deeply_nested_score_does_not_break_the_file(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    database, one = kept(path, "moodle")
    statuses = []
    # Somewhere in here is what can just be read.
    for second, depth in enumerate(range(700, 1000)):
        body = json.dumps(score(one.users[0], second, timestamp=stamp(second)))
        statuses.append(one.post(f'{body[:-1]}, "x": {nested(depth)}}}'.encode()).status)
    assert set(statuses) == {200, 400}
    database.close()
    again = restarted(path, "moodle")
    assert len(again.history(None, one.users[0])) == statuses.count(200)


def test_what_cannot_be_written_whole_is_written_without_its_depths(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    database, one = kept(path)
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    one.platform.item().fields["https://tool.example/deep"] = deep
    one.platform.item().fields["tag"] = "kept"
    database.close()
    fields = restarted(path).item().fields
    assert fields["tag"] == "kept"
    assert "[[[" in json.dumps(fields["https://tool.example/deep"])


def test_reset_forgets_what_the_file_held(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    database, one = kept(path)
    one.post(score(one.users[0]))
    one.platform.reset()
    database.close()
    assert restarted(path).results(None) == []


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    Database.open(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_new_file_is_of_no_profile_and_an_old_one_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    database, _ = kept(path, "canvas")
    database.close()
    database = Database.open(path)
    assert database.profile == "canvas"
    with pytest.raises(DatabaseError, match=r"state\.sqlite3 holds a canvas platform; it cannot be moodle"):
        database.keep(Platform.create("moodle"))
    database.close()


def another_program(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE theirs (a)")


def later_version(path: Path) -> None:
    Database.open(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 99")


def in_use(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    HOLDING.append(connection)


HOLDING: list[sqlite3.Connection] = []


@pytest.fixture(autouse=True)
def nothing_held() -> Any:
    yield
    while HOLDING:
        HOLDING.pop().close()


WRONG = {
    "is no SQLite file": lambda path: path.write_bytes(b"user_id,points\n" * 100),
    "is an SQLite file of another program": another_program,
    "has schema 99, and this version of aioags reads 1": later_version,
    "is in use by another process": in_use,
    "cannot open": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("reason", WRONG)
def test_a_file_that_is_not_ours_is_left_alone_and_named(tmp_path: Path, reason: str) -> None:
    path = tmp_path / "state.sqlite3"
    WRONG[reason](path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(DatabaseError) as caught:
        Database.open(path)
    assert reason in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert before == (path.read_bytes() if path.is_file() else None)


def test_a_damaged_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    database, _ = kept(path)
    database.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE records SET record = '{}' WHERE key LIKE '[\"person%'")
    database = Database.open(path)
    with pytest.raises(DatabaseError, match="is damaged"):
        database.keep(Platform.create())
    database.close()


# -- The command -------------------------------------------------------------------------------------------------------


async def test_the_command_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    options = ("--db", str(tmp_path / "state.sqlite3"), "--users", "2")
    async with aiohttp.ClientSession() as session:
        async with command("--profile", "moodle", *options) as (_, first):
            body = {"user_id": "1", "points": 7}
            async with session.post(f"{first['control_url']}/override", json=body) as answer:
                assert answer.status == 200
        # Without --profile: the file knows.
        async with command(*options) as (_, second), session.get(f"{second['control_url']}/grades") as answer:
            (grade,) = await answer.json()
    assert grade["override"]["points"] == 7
    assert {name: second[name] for name in ("key", "client_id", "deployment_id", "profile")} == {
        name: first[name] for name in ("key", "client_id", "deployment_id", "profile")
    }
    assert second["endpoint"]["lineitems"].startswith(second["issuer"])


async def test_a_wrong_file_is_one_line_and_status_2(tmp_path: Path) -> None:
    path = tmp_path / "grades.csv"
    path.write_bytes(b"user_id,points\n" * 100)
    async with command("--db", str(path)) as (process, _):
        out, err = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert err.decode() == f"python -m aioags.emulator: {path} is no SQLite file\n"


async def test_a_full_disk_ends_the_command_with_one_line(tmp_path: Path) -> None:
    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    path = tmp_path / "state.sqlite3"
    async with (
        command("--db", str(path), preexec_fn=small_disk) as (process, shown),
        aiohttp.ClientSession() as session,
    ):
        try:
            for n in range(2000):
                body = {"user_id": f"late-{n}", "name": "x" * 10_000}
                async with session.post(f"{shown['control_url']}/people", json=body) as answer:
                    assert answer.status == 200
        except aiohttp.ClientError:
            # It is gone: that is what was to happen.
            pass
        _, err = await process.communicate()
    assert process.returncode == 2
    assert f"{path} cannot be written any more" in err.decode()
    assert len(err.decode().splitlines()) == 2  # where it listened, and why it ended


async def test_the_served_platform_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    database, one = kept(path)
    async with serve(one.platform) as server, aiohttp.ClientSession(server.url) as session:
        async with session.post("/control/people", json={"user_id": "late"}) as answer:
            assert answer.status == 200
        assert "late" in killed(path).users()
    database.close()
