"""
``aioags items``, ``results``, ``roster`` and ``token``, against platforms on loopback.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys

import attrs
import pytest

from aioags import Client, Endpoint, Registration, Score
from aioags.emulator import PROFILES, Person
from tests.cli.conftest import Desk

LABEL = "Quiz one"
PERSON = Person("0", "Somebody", role="Learner")


@pytest.mark.parametrize("profile", list(PROFILES))
def test_the_item_of_the_link_is_listed_and_shown(desk: Desk) -> None:
    (listed,) = desk.call("items", "list", "--json").records
    assert (listed["label"], listed["coupled"]) == (LABEL, True)
    shown = desk.call("items", "show", LABEL)
    assert shown.status == 0
    assert listed["id"] in shown.out


@pytest.mark.parametrize("profile", ["moodle", "sakai", "spec"])
def test_an_item_is_made_once_changed_and_deleted(desk: Desk) -> None:
    make = ("items", "create", "--label", "Midterm", "--max", "50", "--resource-id", "midterm", "--json")
    (made,), (again,) = desk.call(*make).records, desk.call(*make).records
    assert made["id"] == again["id"]
    assert desk.call("items", "update", "Midterm", "--label", "Final", "--json").records[0]["label"] == "Final"
    assert desk.call("items", "show", "midterm", "--json").records[0]["score_maximum"] == 50
    refused = desk.call("items", "delete", "Final")
    assert (refused.status, refused.out) == (2, "")
    assert refused.err == "aioags items delete: nothing was changed: say --yes, since nobody is here to ask\n"
    assert desk.call("items", "delete", "Final", terminal=True, ask=lambda _: "n").status == 1
    assert desk.call("items", "delete", "Final", terminal=True, ask=lambda _: "y").out == "deleted\n"
    assert len(desk.call("items", "list", "--json").records) == 1


def test_the_links_own_item_is_guarded(desk: Desk) -> None:
    refused = desk.call("items", "delete", LABEL, "--yes")
    assert refused.status == 2
    assert "nothing was deleted: --force deletes it with its grades" in refused.err
    assert desk.call("items", "delete", LABEL, "--yes", "--force").status == 0


def test_items_that_were_made_twice_are_found_and_deleted(desk: Desk) -> None:
    for label in ("One", "Two"):
        desk.platform.add_line_item(label, 10, tag="same")
    assert desk.call("items", "dedupe", "--tag", "same").out.splitlines()[-1] == "1 duplicate"
    done = desk.call("items", "dedupe", "--tag", "same", "--delete", "--json").records
    assert sorted(one["is"] for one in done) == ["deleted", "kept"]


def test_results_are_a_table_or_lines_of_json(desk: Desk) -> None:
    assert desk.call("results").out == "no results\n"
    learner = next(user for user in desk.platform.course.people)
    post_score(desk, learner)
    table = desk.call("results", "--item", LABEL).out
    assert f"{learner}" in table
    assert "75.00%" in table
    assert table.endswith("1 result\n")
    (one,) = desk.call("results", "--json", "--user", learner).records
    assert (one["user_id"], one["fraction"]) == (learner, 0.75)
    assert desk.call("results", "--item", "Nothing").status == 1


def post_score(desk: Desk, user: str) -> None:
    """
    Post a score of 3 out of 4.
    """

    async def post() -> None:
        async with Client() as ags:
            gradebook = ags.gradebook(
                Registration(**desk.platform.registration_args()), Endpoint.from_claim(desk.platform.endpoint_claim())
            )
            await gradebook.post_score(Score.graded(user, 3, score_maximum=4))

    asyncio.run(post())


@pytest.mark.parametrize("profile", ["spec", "canvas", "sakai"])
def test_the_roster_is_shown(desk: Desk) -> None:
    shown = desk.call("roster", "--role", "Learner")
    assert shown.status == 0, shown.err
    assert len(shown.out.splitlines()) == 4
    assert len(desk.call("roster", "--json").records) == 3


@pytest.mark.parametrize("profile", list(PROFILES))
def test_a_token_is_described_and_shown_only_when_asked_for(desk: Desk) -> None:
    plain = desk.call("token")
    assert plain.status == 0, plain.err
    assert "granted" in plain.out
    (told,) = desk.call("token", "--json").records
    assert "access_token" not in told
    assert told["missing"] == []
    (secret,) = desk.call("token", "--json", "--show").records
    assert secret["access_token"] not in plain.out


def test_requests_are_shown_with_debug(desk: Desk) -> None:
    traced = desk.call("--debug", "results").err
    assert "POST " in traced
    assert ": 200, " in traced


def test_a_platform_that_is_away_is_status_4(desk: Desk) -> None:
    text = desk.config.read_text()
    desk.config.write_text(text.replace(desk.platform.base_url, "http://127.0.0.1:9"))
    away = desk.call("token")
    assert away.status == 4
    assert away.err.count("\n") == 1
    assert "aioags doctor" in away.err


@pytest.mark.parametrize("words", [["items", "list"], ["results"], ["roster"]], ids=" ".join)
def test_a_platform_that_is_away_is_waited_for_as_long_as_told(words: list[str], desk: Desk) -> None:
    desk.config.write_text(desk.config.read_text().replace(desk.platform.base_url, "http://127.0.0.1:9"))
    away = desk.call(*words, "--timeout", "0s")
    assert (away.status, away.out) == (4, "")
    waiting, ended = away.err.splitlines()
    assert waiting == "127.0.0.1:9: not reached; trying again (--timeout says how long, Ctrl-C ends it)"
    assert ended == f"aioags {' '.join(words)}: no answer of 127.0.0.1:9 for 0 s: aioags doctor looks where it ends"


@pytest.mark.parametrize("words", [["plan", "nothing.csv"], ["push", "nothing.csv", "--yes"]], ids=" ".join)
def test_a_table_that_is_not_there_is_told_before_anything_is_asked(words: list[str], desk: Desk) -> None:
    refused = desk.call(*words)
    assert (refused.status, refused.out) == (2, "")
    assert refused.err.endswith("nothing.csv: cannot be read: No such file or directory\n")
    assert not desk.platform.requests


@pytest.mark.parametrize("people", [12])
def test_people_are_in_the_order_of_their_numbers(people: int, desk: Desk) -> None:
    desk.platform.course.people |= {str(n): attrs.evolve(PERSON, user_id=str(n)) for n in range(1, people + 1)}
    for user in desk.platform.users():
        desk.platform.override(None, user, 7)
    numbers = [str(n) for n in range(1, people + 1)]
    assert [one["user_id"] for one in desk.call("roster", "--role", "Learner", "--json").records] == numbers
    assert [one["user_id"] for one in desk.call("results", "--json").records] == numbers


@pytest.mark.parametrize("words", [["items", "list"], ["--json", "roster"], ["doctor"]], ids=" ".join)
def test_who_stops_reading_ends_it_quietly(words: list[str], desk: Desk) -> None:
    command = [sys.executable, "-m", "aioags.cli", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None and program.stderr is not None
        program.stdout.close()
        assert program.stderr.read() == b""
        assert program.wait() == 141


def test_a_client_id_that_the_platform_does_not_know_is_status_3(desk: Desk) -> None:
    desk.config.write_text(desk.config.read_text().replace(desk.platform.tool.client_id, "nobody"))
    refused = desk.call("items", "list")
    assert refused.status == 3
    assert "aioags doctor says what to change where" in refused.err


def test_a_launch_that_offered_no_members_is_said(desk: Desk) -> None:
    lines = [line for line in desk.config.read_text().splitlines() if not line.startswith("memberships_url")]
    desk.config.write_text("\n".join(lines))
    assert "names no memberships_url" in desk.call("roster").err


@pytest.mark.parametrize("amount", ["1e999999999", "1e-999999999", "nan", "inf", "many"])
def test_a_maximum_that_is_no_number_of_points_is_refused_at_once(desk: Desk, amount: str) -> None:
    refused = desk.call("items", "create", "--label", "Odd", "--max", amount)
    assert (refused.status, refused.out) == (2, "")
    assert f"{amount!r} is no number of points" in refused.err
    assert len(desk.call("items", "list", "--json").records) == 1


@pytest.mark.parametrize("profile", ["spec"])
@pytest.mark.parametrize("terminal", [True, False])
def test_somebody_who_waits_for_a_long_listing_is_told_how_far_it_is(desk: Desk, terminal: bool) -> None:
    site = desk.platform.site
    site.profile = attrs.evolve(site.profile, page_size=1)
    for number in range(202):
        desk.platform.course.enroll(f"late-{number:03}")
    told = ["100 pages of people read", "200 pages of people read"] if terminal else []
    assert desk.call("roster", terminal=terminal).err.splitlines() == told
