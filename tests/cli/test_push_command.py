"""
``aioags plan`` and ``aioags push``: the real command in a process of its own, against every profile.
"""

from __future__ import annotations

import csv
import json
import random
import re
import signal
import stat
import threading
from pathlib import Path

import pytest

from aioags.cli import main
from aioags.cli.command import World
from aioags.emulator import Fault
from tests.rigs.desk import NAMES, PEOPLE, desk

MIDTERM = ("--item", "Midterm")
CASE_28 = Path(__file__).parent / "grades"


@pytest.mark.parametrize("profile", NAMES)
def test_a_table_is_pushed_and_pushing_it_again_sends_nothing(profile: str, tmp_path: Path) -> None:
    with desk(tmp_path, profile) as here:
        table = str(here.grades())
        assert here.counts("push", table, *MIDTERM, "--yes") == {"recorded": PEOPLE}
        assert here.points() == {user: 50 + place for place, user in enumerate(here.users)}
        sent = here.sent()
        assert here.counts("push", table, *MIDTERM, "--yes") == {"unchanged": PEOPLE}
        assert here.sent() == sent
        here.grades(60)
        assert here.counts("push", table, *MIDTERM, "--yes") == {"recorded": PEOPLE}
        assert here.points() == {user: 60 + place for place, user in enumerate(here.users)}


def test_a_plan_sends_nothing_and_says_whether_anything_differs(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        here.grades()
        assert here.counts("plan", "grades.csv", *MIDTERM) == {"new": PEOPLE}
        assert here.counts("plan", "grades.csv", *MIDTERM, "--exit-code", status=1) == {"new": PEOPLE}
        assert here.sent() == 0
        assert not (tmp_path / "aioags-outbox.db").exists()
        here.run("push", "grades.csv", *MIDTERM, "--yes")
        assert here.counts("plan", "grades.csv", *MIDTERM, "--exit-code") == {"unchanged": PEOPLE}


@pytest.mark.parametrize("name", ["case_28.csv", "case_28_semicolons.csv"])
def test_the_files_of_case_28_are_pushed(name: str, tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        people = here.platform.course.people
        for number in range(4101, 4107):
            person = people.pop(here.users[0])
            person.user_id = str(number)
            people[person.user_id] = person
        counts = here.counts("push", str(CASE_28 / name), *MIDTERM, "--max", "100", "--yes")
        if name == "case_28.csv":
            assert counts == {"recorded": 4, "without_grade": 2}
            assert here.points() == {"4102": 85, "4103": 85, "4105": 100, "4106": 76}
        else:
            assert counts == {"recorded": 1}
            assert here.points() == {"4101": 85}


def test_a_plan_is_told_to_people_and_names_each_change(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        here.grades(50, 2)
        here.run("push", "grades.csv", *MIDTERM, "--yes")
        first, second, third = here.users[:3]
        here.write("grades.csv", f"user_id,points\n{first},60\n{second},51\n{third},x\nstranger,1\n{here.users[3]},7\n")
        told = re.sub(r"2\d{3}-\S+ \S+", "WHEN", here.run("plan", "grades.csv", *MIDTERM))
        assert told.splitlines() == [
            "Midterm, out of 100",
            "1 new, 1 changed, 1 unchanged, 2 unusable",
            "new:",
            f"  line 6  {here.users[3]}  7 of 100",
            "changed:",
            f"  line 2  {first}  50 of 100 → 60 of 100: we sent 50 of 100 on WHEN",
            "unusable (not sent):",
            "  line 4: 'x' is no number",
            "  line 5: 'stranger' is not in the course",
        ]


def test_what_fails_is_told_and_left_as_a_table_to_correct(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        first, second = here.users[:2]
        here.write("odd.csv", f"who;points;maximum\n{first};8,5;10\nstranger;7;10\n{second};A+;10\n")
        counts = here.counts(
            "push", "odd.csv", *MIDTERM, "--column", "user_id=who", "--yes", "--report", "out.jsonl", status=1
        )
        assert counts == {"recorded": 1, "unusable": 2}
        refused = list(csv.reader((tmp_path / "refused.csv").read_text("utf-8-sig").splitlines(), delimiter=";"))
        assert refused == [
            ["who", "points", "maximum", "why"],
            ["stranger", "7", "10", "'stranger' is not in the course"],
            [second, "A+", "10", "'A+' is no number"],
        ]
        report = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
        assert [(line["line"], line["outcome"]) for line in report] == [
            (2, "recorded"),
            (3, "unusable"),
            (4, "unusable"),
        ]
        for name in ("refused.csv", "out.jsonl", "aioags-outbox.db"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        corrected = (tmp_path / "refused.csv").read_text(encoding="utf-8-sig").replace("stranger", here.users[2])
        here.write("refused.csv", corrected.replace("A+", "9"))
        assert here.counts("push", "refused.csv", *MIDTERM, "--column", "user_id=who", "--yes") == {
            "recorded": 2,
            "only_on_platform": 1,
        }
        assert here.points() == {first: 85, second: 90, here.users[2]: 70}


def test_a_line_item_is_made_when_told(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        here.grades()
        for arguments in (("--item", "Final"), ("--item", "Final", "--create")):
            here.run("push", "grades.csv", *arguments, "--yes", status=2)
        assert here.counts("plan", "grades.csv", "--item", "Final", "--create", "--max", "100") == {"new": PEOPLE}
        assert [item.fields["label"] for item in here.platform.course.items.values()].count("Final") == 0
        for expected in ({"recorded": PEOPLE}, {"unchanged": PEOPLE}):
            counts = here.counts("push", "grades.csv", "--item", "Final", "--create", "--max", "100", "--yes")
            assert counts == expected
        assert [item.fields["label"] for item in here.platform.course.items.values()].count("Final") == 1


def test_people_are_found_by_their_address_and_standard_input_is_read(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        people = list(here.platform.course.people.values())
        table = "email,points\n" + "".join(f"{person.email.upper()},7\n" for person in people[:3]) + "x@y,8\n"
        printed = here.run("push", "-", *MIDTERM, "--yes", "--json", stdin=table, status=1)
        assert {name: count for name, count in json.loads(printed).items() if count} == {"recorded": 3, "unusable": 1}
        here.run("push", "-", *MIDTERM, "--json", stdin=table, status=2)


def test_nobody_is_asked_off_a_terminal(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        here.grades()
        process = here.start("push", "grades.csv", *MIDTERM)
        _, complaint = process.communicate(timeout=60)
        assert process.returncode == 2
        assert (
            complaint == "aioags push: push asks before it sends, and nobody is there: add --yes, or see aioags plan\n"
        )
        assert here.sent() == 0


@pytest.mark.parametrize("answer, status, sent", [("y", 0, PEOPLE), ("", 1, 0), ("no", 1, 0)])
def test_on_a_terminal_it_asks_and_does_as_told(
    answer: str, status: int, sent: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        assert "12 new" in capsys.readouterr().out
        asked.append(question)
        return answer

    with desk(tmp_path) as here:
        config = ("--config", str(tmp_path / "aioags.toml"))
        world = World(terminal=True, ask=ask)
        assert main(["push", str(here.grades()), *MIDTERM, *config], world=world) == status
        assert asked == ["Send 12 grades? [y/N] "]
        assert here.sent() == sent


def test_a_platform_that_is_away_is_waited_for_and_the_same_command_goes_on(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        fault = here.platform.faults.add(Fault.answer(503, operation="post_score", skip=3))
        here.grades()
        counts = here.counts("push", "grades.csv", *MIDTERM, "--yes", "--wait", "1s", status=4)
        assert set(counts) == {"recorded", "waiting"}
        here.platform.faults.remove(fault)
        assert set(here.counts("push", "grades.csv", *MIDTERM, "--yes")) <= {"recorded", "unchanged"}
        assert len(here.points()) == PEOPLE
        assert {len(here.platform.history(here.item(), user)) for user in here.users} == {1}


@pytest.mark.parametrize("fields", ["", "lineitem"], ids=["the whole platform", "its grades"])
def test_a_platform_that_never_answered_is_waited_for_as_long_as_told(fields: str, tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        config = tmp_path / "aioags.toml"
        lines = config.read_text().splitlines(keepends=True)
        away = (line.replace(here.platform.base_url, "http://127.0.0.1:9") for line in lines)
        config.write_text("".join(new if new.startswith(fields) else old for old, new in zip(lines, away, strict=True)))
        away = here.start("push", str(here.grades()), *MIDTERM, "--yes", "--timeout", "0s")
        _, complaints = away.communicate(timeout=120)
    assert away.returncode == 4
    assert "no answer of 127.0.0.1:9 for 0 s" in complaints


@pytest.mark.parametrize(
    "fault, status",
    [
        (Fault.answer(401, b'{"error": "invalid_client"}', operation="token"), 3),
        (Fault.answer(503, operation="token"), 4),
        (Fault.answer(500, operation="results"), 4),
    ],
)
def test_a_platform_that_lets_nobody_in_or_is_away_ends_the_push_before_it_begins(
    fault: Fault, status: int, tmp_path: Path
) -> None:
    with desk(tmp_path) as here:
        here.platform.faults.add(fault)
        here.run("push", str(here.grades()), *MIDTERM, "--yes", status=status)
        assert here.sent() == 0


def test_two_pushes_at_once_are_one(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        stopped = threading.Event()

        def stop() -> None:
            first.send_signal(signal.SIGSTOP)
            stopped.set()

        here.at_score(1, stop)
        here.grades()
        first = here.start("push", "grades.csv", *MIDTERM, "--yes")
        assert stopped.wait(60)
        process = here.start("push", "grades.csv", *MIDTERM, "--yes")
        _, complaint = process.communicate(timeout=60)
        first.send_signal(signal.SIGCONT)
        assert process.returncode == 1
        assert "another push is under way" in complaint
        first.communicate(timeout=60)
        assert first.returncode == 0


@pytest.mark.parametrize("profile", ["canvas", "moodle"])
def test_a_teachers_grade_is_shown_and_kept_and_overwritten_only_when_told(profile: str, tmp_path: Path) -> None:
    with desk(tmp_path, profile) as here:
        teacher = here.users[0]
        here.grades()
        here.run("push", "grades.csv", *MIDTERM, "--yes")
        here.platform.override(here.item(), teacher, 99)
        here.grades(70)
        printed = here.run("push", "grades.csv", *MIDTERM, "--yes")
        assert "overridden" in printed
        assert here.platform.published(here.item(), teacher) == 99
        others = {user: 70 + place for place, user in enumerate(here.users) if user != teacher}
        assert {user: here.platform.published(here.item(), user) for user in others} == others
        here.run("push", "grades.csv", *MIDTERM, "--yes", "--overwrite")
        assert here.platform.published(here.item(), teacher) == 70


@pytest.mark.parametrize("profile", ["canvas", "moodle"])
@pytest.mark.parametrize("told, stands", [((), 99), (("--overwrite",), 50)])
def test_a_grade_that_only_a_teacher_gave_is_kept_unless_told(
    told: tuple[str, ...], stands: int, profile: str, tmp_path: Path
) -> None:
    with desk(tmp_path, profile) as here:
        teacher = here.users[0]
        here.platform.override(here.item(), teacher, 99)
        here.grades()
        here.run("push", "grades.csv", *MIDTERM, "--yes", *told)
        assert here.platform.published(here.item(), teacher) == stands


def test_at_canvas_a_grade_that_a_teacher_alone_gave_is_told_as_far_as_it_can_be_known(tmp_path: Path) -> None:
    """
    Its result is what the tool sent, on a scale by which it shows that another grade stands, unless that is the item's.
    """
    with desk(tmp_path, "canvas", people=3) as here:
        teacher, other, _ = here.users
        here.platform.override(here.item(), teacher, 99)
        here.grades(20)
        printed = here.run("push", "grades.csv", *MIDTERM, "--max", "50", "--yes")
        assert "new (where a teacher alone gave a grade, which does not show, that stays; --overwrite" in printed
        assert printed.splitlines()[-2:] == [
            "1 kept, 2 recorded",
            "  line 2: kept: recorded, but a teacher's grade stays; --overwrite replaces it",
        ]
        assert here.counts("push", "grades.csv", *MIDTERM, "--max", "50", "--yes") == {"overridden": 1, "unchanged": 2}
        assert (here.platform.published(here.item(), teacher), here.sent()) == (99, 3)
        assert "to this tool; a grade that a teacher alone gave before stays" in here.run("why", other)
        here.run("push", "grades.csv", *MIDTERM, "--max", "50", "--yes", "--overwrite")
        assert here.platform.published(here.item(), teacher) == 40


@pytest.mark.parametrize("chance", [random.Random(number) for number in range(15)], ids=range(15))
def test_killed_in_the_middle_nothing_is_lost_and_nothing_applied_twice(chance: random.Random, tmp_path: Path) -> None:
    people = 60
    with desk(tmp_path, chance.choice(["spec", "canvas", "moodle"]), people) as here:
        here.platform.faults.add(Fault.latency(0.05, operation="post_score", applied=chance.random() < 0.5))
        table = str(here.grades(20))
        here.at_score(chance.randrange(1, people), lambda: process.send_signal(signal.SIGKILL))
        process = here.start("push", table, *MIDTERM, "--yes", "--max", "100")
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        counts = here.counts("push", table, *MIDTERM, "--yes", "--max", "100")
        assert set(counts) <= {"recorded", "unchanged"}
        assert sum(counts.values()) == people
        assert here.points() == {user: 20 + place for place, user in enumerate(here.users)}
        applied = {user: len(here.platform.history(here.item(), user)) for user in here.users}
        assert applied == dict.fromkeys(here.users, 1)


def test_an_interrupted_push_says_so_and_goes_on(tmp_path: Path) -> None:
    with desk(tmp_path, people=60) as here:
        here.platform.faults.add(Fault.latency(0.05, operation="post_score"))
        here.grades(20)
        here.at_score(10, lambda: process.send_signal(signal.SIGINT))
        # Whoever runs the tests in the background of a shell has SIGINT ignored, and programs inherit that.
        heeding = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
        process = here.start("push", "grades.csv", *MIDTERM, "--yes", **heeding)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "the same command goes on" in said
        assert "Traceback" not in said
        assert set(here.counts("push", "grades.csv", *MIDTERM, "--yes")) <= {"recorded", "unchanged"}
        assert len(here.points()) == 60


@pytest.mark.parametrize("option", ["--report", "--refused"])
@pytest.mark.parametrize("place", ["nowhere/out.csv", "folder"])
def test_a_place_that_cannot_be_written_is_told_before_anything_is_sent(
    option: str, place: str, tmp_path: Path
) -> None:
    with desk(tmp_path) as here:
        (tmp_path / "folder").mkdir()
        here.grades()
        here.run("push", "grades.csv", *MIDTERM, "--yes", option, place, status=2)
        assert here.sent() == 0
        assert not (tmp_path / "aioags-outbox.db").exists()


def test_an_outbox_that_cannot_be_written_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        here.grades()
        (tmp_path / "aioags-outbox.db").mkdir()
        here.run("push", "grades.csv", *MIDTERM, "--yes", status=2)
        assert not here.platform.requests


def test_a_push_whose_output_nobody_reads_ends_quietly_and_the_same_command_goes_on(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        here.grades()
        with here.start("push", "grades.csv", *MIDTERM, "--yes") as process:
            assert process.stdout is not None and process.stderr is not None
            process.stdout.close()
            assert process.stderr.read() == ""
            assert process.wait() == 141
        counts = here.counts("push", "grades.csv", *MIDTERM, "--yes")
        assert sum(counts.values()) == PEOPLE
        assert set(counts) <= {"recorded", "unchanged"}
        assert len(here.points()) == PEOPLE


def test_a_report_does_not_replace_the_table(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        before = here.grades().read_bytes()
        here.run("push", "grades.csv", *MIDTERM, "--yes", "--report", "./grades.csv", status=2)
        assert here.grades().read_bytes() == before
        assert here.sent() == 0


def test_what_an_encoding_lacks_is_escaped_and_ends_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    with desk(tmp_path) as here:
        here.platform.course.people[here.users[0]].name = "Zoë \U0001f600"
        here.grades()
        here.run("push", "grades.csv", *MIDTERM, "--yes")
        here.grades(60)
        assert "\\u2192" in here.run("plan", "grades.csv", *MIDTERM)
        names = [json.loads(line)["name"] for line in here.run("roster", "--json").splitlines()]
        assert "Zoë \U0001f600" in names
