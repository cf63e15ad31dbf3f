"""
``python -m aioags.emulator``: its options, and what a wrong one says.
"""

from __future__ import annotations

import json
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from aioags.emulator import Platform
from aioags.emulator.database import Database
from tests.emulator.command import command, run_to_its_end

LOGIN, REDIRECT = "http://127.0.0.1:9/lti/login", "http://127.0.0.1:9/lti/launch"


async def one_line(*arguments: str) -> str:
    """
    Run the command with a wrong option; return the one line that it says.
    """
    status, out, err = await run_to_its_end(*arguments)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    "arguments, says",
    [
        (("--profile", "nothing"), "invalid choice: 'nothing'"),
        (("--port", "70000"), "'70000' is no port; give 0 to 65535"),
        (("--port", "²"), "'²' is no port"),
        (("--port", "9" * 5000), "is no port"),
        (("--users", "many"), "'many' is no number of users"),
        (("--users", "²"), "'²' is no number of users"),
        (("--users", "9" * 5000), "is no number of users"),
        (("--privacy", "secret"), "invalid choice: 'secret'"),
        (("--seed", "1.5"), "'1.5' is no whole number"),
        (("--roster", "/nowhere.csv"), "cannot read /nowhere.csv"),
        (("--db", "/"), "cannot open /: Is a directory"),
        (("--db", "/nowhere/state.sqlite3"), "cannot open /nowhere/state.sqlite3: No such file"),
        (("--host", "192.0.2.1"), "cannot listen on 192.0.2.1"),
        (("--host", "a..b"), "cannot listen on a..b"),
        (("--host", ""), "argument --host: it is empty"),
        (("--base-url", "lms.example"), "'lms.example' is no URL; give one such as https://lms.example"),
        (("--base-url", "ftp://lms.example"), "is no URL"),
        (("--base-url", "http://[x"), "is no URL"),
        (("--base-url", "http://x:many"), "is no URL"),
        (("--base-url", "https://lms.example/path"), "has more than an origin has"),
        (("--base-url", "https://lms.example?q"), "has more than an origin has"),
        (("--nothing",), "unrecognized arguments: --nothing"),
        (("--login-url", LOGIN), "--login-url and --redirect-uri go together"),
        (("--redirect-uri", REDIRECT), "--login-url and --redirect-uri go together"),
        (("--target-link-uri", REDIRECT), "--login-url and --redirect-uri go together"),
        (("--login-url", "/lti/login", "--redirect-uri", REDIRECT), "'/lti/login' is no URL"),
    ],
)
async def test_a_wrong_option_is_one_clear_line(arguments: tuple[str, ...], says: str) -> None:
    assert says in await one_line(*arguments)


async def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"cannot listen on 127.0.0.1 port {port}" in await one_line("--port", port)


@pytest.mark.parametrize(
    "content, says",
    [
        (b"name\nAda\n", "names no column user_id"),
        (b"user_id\n1\n1\n", "line 3: user_id '1' is there twice"),
        (b"user_id,role\n1,Dean\n", "line 2: role is 'Dean'"),
        (b"user_id\n\xff\n", "is no UTF-8 text"),
        (b"user_id\n" + b"x" * 200_000, "after line 1: field larger than field limit"),
    ],
)
async def test_a_roster_that_cannot_be_used_is_one_clear_line(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "roster.csv"
    path.write_bytes(content)
    line = await one_line("--roster", str(path))
    assert says in line
    assert str(path) in line


def state_file(path: Path, profile: str = "moodle", record: str | None = None) -> str:
    """
    Make a file of a platform.

    Args:
        record: What stands in place of the platform's own record; None: nothing does.
    """
    with closing(Database.open(path)) as database:
        database.keep(Platform.create(profile))
    if record is not None:
        with closing(sqlite3.connect(path)) as connection, connection:
            changed = connection.execute("UPDATE records SET record = ? WHERE key LIKE '%platform%'", (record,))
            assert changed.rowcount == 1
    return str(path)


async def test_a_file_of_another_profile_is_one_clear_line(tmp_path: Path) -> None:
    line = await one_line("--db", state_file(tmp_path / "moodle.sqlite3"), "--profile", "canvas")
    assert "holds a moodle platform; it cannot be canvas" in line


@pytest.mark.parametrize(
    "record, says",
    [
        ("{}", "is damaged"),
        ("[]", "is damaged"),
        ("no json", "is damaged"),
        ('{"profile": 5}', "is damaged"),
        ('{"profile": "newer"}', "holds a newer platform, which this version of aioags does not know"),
    ],
)
async def test_a_damaged_file_is_one_clear_line(tmp_path: Path, record: str, says: str) -> None:
    path = state_file(tmp_path / "state.sqlite3", record=record)
    assert f"{path} {says}" in await one_line("--db", path)
    assert f"{path} {says}" in await one_line("--db", path, "--profile", "canvas")


async def test_a_text_file_and_a_file_in_use_are_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database\n" * 100, encoding="utf-8")
    assert "is no SQLite file" in await one_line("--db", str(path))
    with closing(Database.open(tmp_path / "used.sqlite3")):
        assert "is in use by another process" in await one_line("--db", str(tmp_path / "used.sqlite3"))


# -- Launches ----------------------------------------------------------------------------------------------------------


async def test_launches_are_taken_where_the_options_say() -> None:
    arguments = ("--page", "--login-url", LOGIN, "--redirect-uri", REDIRECT)
    async with command(*arguments) as (_, shown), aiohttp.ClientSession() as session:
        assert shown["launch_url"] == f"{shown['issuer']}/launch"
        async with session.get(shown["page_url"]) as answer:
            assert 'aria-label="Launch as ' in await answer.text()
        async with session.get(f"{shown['launch_url']}/start?user=user-0001", allow_redirects=False) as answer:
            assert answer.status == 302
            target = urlsplit(answer.headers["Location"])
            assert f"http://{target.netloc}{target.path}" == LOGIN
            assert parse_qs(target.query)["target_link_uri"] == [REDIRECT]


async def test_launches_go_on_with_a_kept_platform_and_a_target_of_their_own(tmp_path: Path) -> None:
    arguments = ("--db", state_file(tmp_path / "state.sqlite3", "canvas"), "--target-link-uri", f"{REDIRECT}?quiz=1")
    async with (
        command(*arguments, "--login-url", LOGIN, "--redirect-uri", REDIRECT) as (_, shown),
        aiohttp.ClientSession() as session,
    ):
        async with session.get(f"{shown['control_url']}/people") as answer:
            user = (await answer.json())[0]["user_id"]
        url = f"{shown['launch_url']}/start?user={user}"
        async with session.get(url, allow_redirects=False) as answer:
            query = parse_qs(urlsplit(answer.headers["Location"]).query)
            assert query["target_link_uri"] == [f"{REDIRECT}?quiz=1"]
            assert query["client_id"] == [shown["client_id"]]


async def test_the_back_door_says_where_launches_are_taken_while_it_runs() -> None:
    async with command("--page") as (_, shown), aiohttp.ClientSession() as session:
        assert "launch_url" not in shown
        body = {"login_url": LOGIN, "redirect_uri": REDIRECT}
        async with session.post(f"{shown['control_url']}/launch", json=body) as answer:
            assert json.loads(await answer.text())["page_url"] == f"{shown['issuer']}/launch"
        async with session.get(shown["page_url"]) as answer:
            assert 'aria-label="Launch as ' in await answer.text()


async def test_the_help_names_every_option_in_plain_words() -> None:
    status, out, err = await run_to_its_end("--help")
    assert (status, err) == (0, "")
    for option in ("--base-url URL", "--login-url URL", "--redirect-uri URL", "--roster FILE", "--db FILE", "--page"):
        assert option in out


async def test_what_the_tool_is_told_of_people_is_an_option() -> None:
    async with (
        command("--profile", "moodle", "--privacy", "anonymous") as (_, shown),
        aiohttp.ClientSession() as session,
        session.get(f"{shown['control_url']}/launch") as answer,
    ):
        claims = await answer.json()
    assert claims["sub"] == "1"
    assert not {"name", "given_name", "family_name", "email"} & set(claims)
