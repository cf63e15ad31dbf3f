"""
``aioags outbox``, as its user sees it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aioags.cli import main, outbox
from aioags.cli.command import Run, SharedOptions, World
from aioags.cli.shown import shown_duration
from aioags.cli.stores import VARIABLE, open_store
from aioags.outbox import Block, Outcome, SQLiteStore, State, Stats, StoreError
from aioags.outbox.conformance.given import ITEM, NOW, SCHOOL, entry, outcome, take
from aioags.outbox.conformance.noting import attempt_with

REASON = "UserNotGradableError: not a [learner] here (POST https://lms.example/items/1/scores answered 422)"


async def fill(path: Path) -> None:
    """
    Make an outbox: two due (one delayed), one of each other kind, a platform left alone, and another registration.
    """
    store = SQLiteStore(path)
    await store.put([entry(user) for user in ("due", "late", "sent", "dead-1", "dead-2", "shut")], now=NOW - 7200)
    rows = {row.user_id: row for row in await take(store)}
    outcomes: list[Outcome] = [
        outcome(rows["due"], State.DUE, counted=False),
        outcome(rows["late"], State.DUE, not_before=NOW + 60, error="BrokenError: 500"),
        outcome(rows["sent"], attempt=attempt_with(rows["sent"], at=NOW - 3600)),
        outcome(rows["dead-1"], State.DEAD, error=REASON),
        outcome(rows["dead-2"], State.DEAD, error=REASON, unsure=True),
        outcome(rows["shut"], State.DEFERRED, error="RefusedError: 422", not_before=NOW + 300, deferrals=1),
    ]
    await store.settle(outcomes, now=NOW - 3600)
    await store.put([entry(school="other")], now=NOW)
    await store.block(Block(SCHOOL, NOW + 300, "ThrottledError: 429"), now=NOW)
    await store.aclose()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    A filled outbox, named by the environment.
    """
    monkeypatch.setenv(VARIABLE, str(tmp_path / "grades.db"))
    asyncio.run(fill(tmp_path / "grades.db"))
    return tmp_path / "grades.db"


@pytest.fixture
def call(path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """
    Run the command at a fixed time, and return what it printed.
    """

    def run(*arguments: str, **more: Any) -> str:
        capsys.readouterr()
        assert main(["outbox", *arguments], world=World(now=lambda: NOW, **more)) == 0
        return capsys.readouterr().out

    return run


def test_stats_counts_what_each_registration_has(call: Callable[..., str]) -> None:
    assert call("stats") == (
        "registration  due  delayed  deferred  sent  dead  unknown  oldest due  left alone\n"
        "other           1        0         0     0     0        0         0 s\n"
        "school          2        1         1     1     1        1         2 h  5 min: ThrottledError: 429\n"
    )


def test_stats_as_json(call: Callable[..., str]) -> None:
    other, school = json.loads(call("stats", "--json"))
    assert other["block"] is None
    assert (school["due"], school["dead"], school["oldest"]) == (2, 1, NOW - 7200)
    assert school["block"]["until"] == NOW + 300


def test_dead_lists_who_was_given_up_and_why(call: Callable[..., str]) -> None:
    printed = call("dead")
    assert printed.splitlines()[:2] == [
        f"school  {ITEM}  user dead-1",
        f"    2027-01-15 07:00:00+00:00, tried once: {REASON}",
    ]
    assert printed.splitlines()[-1] == "2 scores given up"
    assert call("dead", "--user", "dead-2").splitlines()[-1] == "1 score given up"
    assert call("dead", "--registration", "other") == "0 scores given up\n"


def test_what_waits_is_listed_with_its_reason_and_its_next_attempt(call: Callable[..., str]) -> None:
    assert call("delayed").splitlines() == [
        f"school  {ITEM}  user late",
        "    2027-01-15 06:00:00+00:00, tried once, again in 60 s: BrokenError: 500",
        "1 score waiting after a failure",
    ]
    (record,) = [json.loads(line) for line in call("delayed", "--json").splitlines()]
    assert (record["user"], record["next_attempt"]) == ("late", NOW + 60)


def test_deferred_scores_are_listed_with_the_reason_and_the_next_attempt(call: Callable[..., str]) -> None:
    assert call("deferred").splitlines() == [
        f"school  {ITEM}  user shut",
        "    2027-01-15 06:00:00+00:00, tried once, again in 5 min: RefusedError: 422",
        "1 score deferred",
    ]
    (record,) = [json.loads(line) for line in call("deferred", "--json").splitlines()]
    assert (record["user"], record["next_attempt"]) == ("shut", NOW + 300)


def test_what_waits_can_be_tried_at_once(call: Callable[..., str]) -> None:
    assert call("retry", "--user", "late").startswith("0 scores due again")
    assert call("retry", "--user", "late", "--waiting").startswith("1 score due again")
    assert "school          2        0         1     1     1        1" in call("stats")


def test_dead_as_json(call: Callable[..., str]) -> None:
    records = [json.loads(line) for line in call("dead", "--json").splitlines()]
    assert [(record["user"], record["may_have_landed"]) for record in records] == [("dead-1", False), ("dead-2", True)]
    assert {record["error"] for record in records} == {REASON}


def test_no_grade_is_printed(call: Callable[..., str]) -> None:
    for arguments in (("stats",), ("dead",), ("dead", "--json")):
        assert "Well done" not in call(*arguments)


def test_retry_makes_refused_scores_due_again(call: Callable[..., str]) -> None:
    assert call("retry", "--user", "dead-1").startswith("1 score due again")
    assert call("retry", "--line-item", ITEM, "--restamp").startswith("2 scores due again")
    assert call("retry", "--all").startswith("0 scores due again")
    assert "school          5" in call("stats")


def test_retry_says_that_it_lifts_blocks(call: Callable[..., str]) -> None:
    one = "0 scores due again; if the platform of 'other' was left alone, it is asked again\n"
    assert call("retry", "--registration", "other") == one
    assert "5 min: ThrottledError" in call("stats")
    assert call("retry", "--user", "nobody") == ("0 scores due again; platforms that were left alone are asked again\n")
    assert "ThrottledError" not in call("stats")


def test_prune_forgets_what_is_old(call: Callable[..., str]) -> None:
    def told(scores: str, attempts: str) -> str:
        return f"{scores} and {attempts} of the journal forgotten\n"

    assert call("prune") == told("0 scores", "0 attempts")
    assert call("prune", "--older-than", "30m") == told("1 score", "0 attempts")
    assert call("prune", "--older-than", "30m", "--dead") == told("2 scores", "0 attempts")
    assert call("prune", "--journal-older-than", "30m") == told("0 scores", "1 attempt")
    assert json.loads(call("prune", "--json")) == {"forgotten": 0, "attempts_forgotten": 0}


@pytest.mark.parametrize("terminal", [True, False])
def test_watch_shows_the_counts_again_and_again(path: Path, capsys: pytest.CaptureFixture[str], terminal: bool) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    world = World(now=lambda: NOW, sleep=sleep, terminal=terminal)
    assert main(["outbox", "watch", "--every", "1m"], world=world) == 130
    assert slept == [60, 60, 60]
    printed = capsys.readouterr().out
    assert "school" in printed
    assert "08:00:00 UTC, every 60 s, Ctrl-C ends" in printed


def test_watch_without_a_terminal_prints_at_once(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed: list[str] = []

    async def sleep(seconds: float) -> None:
        printed.append(capsys.readouterr().out)
        if len(printed) == 2:
            raise KeyboardInterrupt

    assert main(["outbox", "watch"], world=World(now=lambda: NOW, sleep=sleep)) == 130
    assert (
        printed
        == [
            "registration  due  delayed  deferred  sent  dead  unknown  oldest due  left alone\n"
            "other           1        0         0     0     0        0         0 s\n"
            "school          2        1         1     1     1        1         2 h  5 min: ThrottledError: 429\n"
            "08:00:00 UTC, every 2 s, Ctrl-C ends\n"
        ]
        * 2
    )


def test_watch_of_an_empty_outbox_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def sleep(seconds: float) -> None:
        raise KeyboardInterrupt

    arguments = ["outbox", "--store", str(empty(tmp_path)), "watch"]
    assert main(arguments, world=World(now=lambda: NOW, sleep=sleep)) == 130
    assert capsys.readouterr().out == "the outbox is empty; 08:00:00 UTC, every 2 s, Ctrl-C ends\n"


def test_watch_goes_on_when_the_store_is_away_for_a_while(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Away(SQLiteStore):
        looks = 0

        async def stats(self, *, now: float) -> Stats:
            self.looks += 1
            if self.looks > 2:
                raise StoreError("PostgreSQL: the connection is lost")
            return await super().stats(now=now)

    async def sleep(seconds: float) -> None:
        if store.looks > 2:
            raise KeyboardInterrupt

    store = Away(path)
    world = World(now=lambda: NOW, sleep=sleep, terminal=True)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(outbox.watch_store(Run("aioags outbox watch", SharedOptions(), world), store, 2))
    printed = " ".join(capsys.readouterr().out.split())
    assert "as it was before: PostgreSQL: the connection is lost" in printed
    assert "school 2 1 1 1 1 1" in printed


def empty(folder: Path) -> Path:
    """
    Make an outbox with nothing in it.
    """
    store = SQLiteStore(folder / "new.db")
    asyncio.run(store.migrate())
    asyncio.run(store.aclose())
    return store.path


def test_an_empty_outbox_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outbox", "--store", str(empty(tmp_path)), "stats"]) == 0
    assert capsys.readouterr().out == "the outbox is empty\n"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["grades"], "aioags: No such command 'grades' (see aioags --help)"),
        (["outbox"], "aioags outbox: Missing command (see aioags outbox --help)"),
        (["outbox", "mend"], "No such command 'mend'"),
        (["outbox", "stats", "--xyz"], "stats: No such option: --xyz (see aioags outbox stats --help)"),
        (["outbox", "--xyz", "stats"], "No such option: --xyz (see aioags outbox --help)"),
        (["outbox", "--store", ":memory:", "stats"], "an outbox is kept in a file: name one, not ':memory:'"),
        (["outbox", "prune", "--older-than", "soon"], "'soon' is no duration; give one such as 90s, 15m, 12h or 30d"),
        (["outbox", "watch", "--every", "0s"], "--every must be at least 1s"),
        (["outbox", "retry"], "say which: --registration, --line-item, --user or --all"),
    ],
)
def test_a_wrong_call_is_one_clear_line(
    arguments: list[str], message: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("aioags")


def test_a_store_must_be_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert main(["outbox", "stats"]) == 2
    assert "name the store: --store PATH" in capsys.readouterr().err


def test_a_store_that_is_not_there_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outbox", "--store", str(tmp_path / "nothing.db"), "stats"]) == 1
    assert capsys.readouterr().err == f"aioags outbox stats: there is no outbox at {tmp_path / 'nothing.db'}\n"


def test_migrate_says_what_it_did(call: Callable[..., str]) -> None:
    assert call("migrate") == "the outbox is of the newest version\n"


def test_the_help_of_stats_names_what_it_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outbox", "stats", "--help"]) == 0
    assert "an array of one object for each" in " ".join(capsys.readouterr().out.split())


ALCHEMY = "is SQLAlchemy's way to write it: write postgresql://…"
UNREADABLE = "cannot be read by PostgreSQL"


@pytest.mark.parametrize(
    "store, message",
    [
        ("postgresql+psycopg://app:secret@db/app", f"--store postgresql+psycopg://… {ALCHEMY}"),
        ("postgresql+asyncpg://app:secret@db/app", f"--store postgresql+asyncpg://… {ALCHEMY}"),
        ("Postgres+PsycoPG2://app:secret@db/app", f"--store Postgres+PsycoPG2://… {ALCHEMY}"),
        ("mysql://app:secret@db/app", "--store mysql://… is neither a path nor a postgresql:// URL"),
        ("'postgresql://app:secret@db/app'", "--store is neither a path nor a postgresql:// URL"),
        ("app:secret://", "--store is neither a path nor a postgresql:// URL"),
        ("://app:secret", "--store is neither a path nor a postgresql:// URL"),
        ("postgresql:/app:secret@db/app", "--store is neither a path nor a postgresql:// URL"),
        # What psycopg says of these quotes them.
        ("postgresql://app:secret word@127.0.0.1/app", UNREADABLE),
        ("postgresql://app:secret%zz@127.0.0.1/app", UNREADABLE),
        ("postgresql://app:pass@secret@127.0.0.1/app", UNREADABLE),
        ("postgresql://app:secret@[127.0.0.1/app", UNREADABLE),
        ("host=127.0.0.1 passwort=secret", UNREADABLE),
        ("dbname=app password='secret", UNREADABLE),
        ("PASSWORD=secret", UNREADABLE),
    ],
)
def test_no_password_is_shown_when_the_store_is_named_wrongly(
    store: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["outbox", "--store", store, "stats"]) == 2
    printed = "".join(capsys.readouterr())
    assert message in printed
    assert "secret" not in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize("named", ["postgresql://app:secret@db/app", "host=db password=secret"])
@pytest.mark.parametrize("before", [[], ["outbox"], ["outbox", "--stor"], ["outbox", "stats"]])
def test_no_password_is_shown_when_the_store_stands_where_it_should_not(
    before: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*before, named]) == 2
    printed = "".join(capsys.readouterr())
    assert "--help)" in printed
    assert "secret" not in printed


@pytest.mark.parametrize(
    "store",
    [
        "POSTGRESQL://app:secret@127.0.0.1:1/app",
        "postgres://app:secret@127.0.0.1:1/app",
        "host=127.0.0.1 port=1 user=app password=secret",
        " dbname = app host=127.0.0.1 port=1",
    ],
)
def test_a_database_is_named_as_libpq_would_have_it(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outbox", "--store", store, "stats"]) == 1
    printed = "".join(capsys.readouterr())
    assert printed.startswith("aioags outbox stats: PostgreSQL: OperationalError: connection failed")
    assert "secret" not in printed


def test_a_path_may_look_a_little_like_a_database(tmp_path: Path) -> None:
    (tmp_path / "host=a").mkdir()
    store = open_store(str(tmp_path / "host=a" / "postgres:grades.db"))
    assert isinstance(store, SQLiteStore)


@pytest.mark.needs("postgres")
def test_a_store_in_postgresql(postgres: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outbox", "--store", postgres, "stats"]) == 1
    assert "run aioags outbox migrate" in capsys.readouterr().err
    assert main(["outbox", "--store", postgres, "migrate"]) == 0
    assert main(["outbox", "--store", postgres, "retry", "--all"]) == 0
    assert capsys.readouterr().out == (
        "the outbox is of the newest version\n0 scores due again; platforms that were left alone are asked again\n"
    )


def test_it_runs_as_a_program(path: Path) -> None:
    program = [sys.executable, "-m", "aioags.cli"]
    done = subprocess.run([*program, "outbox", "stats"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("registration")
    assert "outbox" in subprocess.run([*program, "--help"], capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize(
    "seconds, shown", [(-5, "0 s"), (0.4, "0 s"), (90, "90 s"), (121, "2 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_durations_for_people(seconds: float, shown: str) -> None:
    assert shown_duration(seconds) == shown


@pytest.mark.parametrize(
    "limits, status, said",
    [
        (["--max-age", "3h", "--max-dead", "3"], 0, "all well: 3 scores due\n"),
        (
            ["--max-age", "15m", "--max-dead", "3"],
            1,
            "school: the oldest due score waits for 2 h (ThrottledError: 429)\n",
        ),
        (["--max-age", "3h"], 1, "school: 2 scores given up: aioags outbox dead says why\n"),
    ],
)
def test_check_is_one_line_and_a_status_for_a_monitor(
    limits: list[str], status: int, said: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["outbox", "check", *limits], world=World(now=lambda: NOW)) == status
    assert capsys.readouterr().out == said
    assert main(["--json", "outbox", "check", *limits], world=World(now=lambda: NOW)) == status
    assert json.loads(capsys.readouterr().out)["ok"] is (status == 0)
