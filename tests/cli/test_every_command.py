"""
What every command obeys: ``--json``, ``--debug``, options before and after the action, exit statuses, completion.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aioags.cli import main
from aioags.outbox import SQLiteStore
from tests.cli.conftest import Call, Called, Desk
from tests.cli.test_foundation import commands

OUTBOX = "aioags-outbox.db"
STORE = ("--store", OUTBOX)
# Words of a command: what makes it a call that ends, and the status it ends with.
CALLS: dict[tuple[str, ...], tuple[tuple[str, ...], int]] = {
    ("init",): (("new", "--lms", "canvas"), 0),
    ("listen",): (("--port", "99999"), 2),
    ("doctor",): ((), 0),
    ("plan",): (("grades.csv", "--item", "Quiz one"), 0),
    ("push",): (("grades.csv", "--item", "Quiz one", "--yes"), 0),
    ("why",): (("user-0001",), 1),
    ("drift",): ((), 0),
    ("demo",): (("--people", "2"), 0),
    ("results",): ((), 0),
    ("roster",): ((), 0),
    ("token",): ((), 0),
    ("keys", "new"): (("new.pem",), 0),
    ("keys", "jwks"): ((), 0),
    ("items", "list"): ((), 0),
    ("items", "show"): (("Quiz one",), 0),
    ("items", "create"): (("--label", "Midterm"), 0),
    ("items", "update"): (("Quiz one", "--label", "Quiz 1"), 0),
    ("items", "delete"): (("Quiz one", "--yes", "--force"), 0),
    ("items", "dedupe"): (("--tag", "none"), 0),
    ("outbox", "stats"): (STORE, 0),
    ("outbox", "check"): (STORE, 0),
    ("outbox", "dead"): (STORE, 0),
    ("outbox", "deferred"): (STORE, 0),
    ("outbox", "delayed"): (STORE, 0),
    ("outbox", "retry"): ((*STORE, "--all"), 0),
    ("outbox", "prune"): (STORE, 0),
    ("outbox", "erase"): ((*STORE, "--registration", "it", "--user", "7", "--yes"), 0),
    ("outbox", "migrate"): (STORE, 0),
    ("outbox", "watch"): (STORE, 130),
}
# What they print is no JSON: one prints nothing at all, one a screen.
NO_JSON = {("listen",), ("outbox", "watch")}
NEEDS_NO_FILE = {("init",), ("demo",), ("keys", "new")}
ALL = pytest.mark.parametrize("words", list(CALLS), ids=" ".join)


@pytest.fixture
def profile() -> str:
    """
    The standard's platform.
    """
    return "spec"


@pytest.fixture
def table(desk: Desk) -> Desk:
    """
    A desk with a table of grades and an outbox.
    """
    Path("grades.csv").write_text("user_id,points\nuser-0001,5\n")
    store = SQLiteStore(OUTBOX)
    asyncio.run(store.migrate())
    asyncio.run(store.aclose())
    return desk


async def interrupted(_: float) -> None:
    """
    Be interrupted where one would wait.
    """
    raise KeyboardInterrupt


def called(call: Call, words: tuple[str, ...], before: tuple[str, ...] = (), after: tuple[str, ...] = ()) -> Called:
    """
    Call a command with options before and after it.
    """
    return call(*before, *words, *CALLS[words][0], *after, sleep=interrupted)


def test_every_command_is_here() -> None:
    assert set(CALLS) == set(commands())


@ALL
@pytest.mark.parametrize("place", ["before", "within", "after"])
def test_json_is_all_there_is_wherever_the_option_stands(words: tuple[str, ...], place: str, table: Desk) -> None:
    if place == "within":
        done = table.call(words[0], "--json", *words[1:], *CALLS[words][0], sleep=interrupted)
    else:
        done = called(table.call, words, **{place: ("--json",)})
    assert done.status == CALLS[words][1], done.err
    if words not in NO_JSON:
        # JSON Lines: what cannot be read raises.
        assert all(isinstance(record, dict | list) for record in done.records)


@ALL
def test_debug_shows_requests_on_standard_error_and_changes_nothing_else(words: tuple[str, ...], table: Desk) -> None:
    done = called(table.call, words, after=("--debug", "--json"))
    assert done.status == CALLS[words][1]
    assert "PRIVATE" not in done.err
    if words[0] in ("items", "results", "roster", "plan", "push"):
        assert "POST http://" in done.err
    if words not in NO_JSON:
        assert all(isinstance(record, dict | list) for record in done.records)


@ALL
def test_a_word_too_many_or_an_unknown_option_is_one_line_and_status_2(words: tuple[str, ...], table: Desk) -> None:
    for more in (("--nonsense",), ("one", "too", "many") if words != ("keys", "jwks") else ("--odd",)):
        done = called(table.call, words, after=more)
        assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
        assert done.err.startswith(f"aioags {' '.join(words)}: ")
        assert done.err.endswith(f"(see aioags {' '.join(words)} --help)\n")


@ALL
def test_without_its_file_it_says_what_makes_one(words: tuple[str, ...], call: Call) -> None:
    if words in NEEDS_NO_FILE or words == ("listen",):
        return
    done = called(call, words, before=("--config", "nothing.toml"))
    if words == ("doctor",):
        assert (done.status, done.out.splitlines()[-1].partition(":")[0]) == (2, "registration")
        return
    assert (done.status, done.out, done.err.count("\n")) == (1 if words[0] == "outbox" else 2, "", 1)
    wanted = "there is no nothing.toml: aioags init makes one" if words[0] != "outbox" else f"{OUTBOX}"
    assert wanted in done.err or words in {("plan",), ("push",)}


@ALL
def test_the_platforms_refusal_of_this_tool_is_status_3(words: tuple[str, ...], table: Desk) -> None:
    if words[0] in ("items", "results", "roster", "token", "plan", "push", "doctor"):
        table.config.write_text(table.config.read_text().replace(table.platform.tool.client_id, "nobody"))
        done = called(table.call, words)
        assert done.status == 3
        assert done.err.count("\n") == (words != ("doctor",))
        assert "aioags doctor" in done.err + done.out or words == ("doctor",)


@ALL
def test_its_options_are_completed(
    words: tuple[str, ...], call: Call, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_AIOAGS_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"aioags {' '.join(words)} --")
    monkeypatch.setenv("COMP_CWORD", str(len(words) + 1))
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main([])
    offered = capsys.readouterr().out.split()
    assert {"--json", "--debug", "--config", "--to", "--timeout", "--help"} <= set(offered)
