"""
What the pages of evidence name is there, and what is counted on them was counted.
"""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path

import attrs
import pytest

from aioags.emulator import PROFILES
from aioags.emulator.traffic.throttle import DAY, Quota
from benchmarks import university
from benchmarks._bench import marks
from benchmarks._university.schools import schools
from docs import evidence, sbom

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
WITH_TESTS = ["certification.md", "platforms.md", "security-review.md"]
ANEW = "write it anew: python docs/evidence.py"


@cache
def names_in(place: Path) -> list[str]:
    """
    Return the names of a file's tests.
    """
    return evidence.tests_in(place)


def named(page: str) -> list[tuple[str, str]]:
    """
    Return the file and the name of every test that a page names; without a name: the whole file.
    """
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)


@pytest.mark.parametrize("page", WITH_TESTS)
def test_every_test_that_a_page_names_is_there(page: str) -> None:
    missing = [
        f"{place}::{name}"
        for place, name in named(page)
        if not (ROOT / place).exists() or (name and name not in names_in(ROOT / place))
    ]
    assert missing == []
    assert len(named(page)) >= 5


def test_no_answer_of_the_review_stands_without_a_test() -> None:
    text = (DOCS / "security-review.md").read_text(encoding="utf-8").partition("## Threat model")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| question")]
    # Of provenance there is nothing to test before there is a release.
    assert [row for row in rows if "`tests/" not in row and "provenance" not in row] == []


def test_the_conformance_page_lists_the_tests() -> None:
    assert evidence.written("conformance.md") == (DOCS / "conformance.md").read_text(encoding="utf-8"), ANEW


def test_no_file_of_the_specs_tests_is_left_out() -> None:
    listed = {place for places in evidence.STANDARDS.values() for place in places}
    there = {file.relative_to(ROOT).as_posix() for file in (ROOT / "tests" / "spec").glob("test_*.py")}
    assert there <= listed


@pytest.mark.parametrize(
    "name, section",
    [
        ("test_3_4_9_a_stamp", "3.4.9"),
        ("test_ags_4_9_a_line_item", "4.9"),
        ("test_p7_moodle_fails", "p7"),
        ("test_an_odd_one", ""),
    ],
)
def test_a_section_is_read_from_the_name(name: str, section: str) -> None:
    assert evidence.section_of(name) == section


def numbers(text: str) -> list[int]:
    """
    Return the counts of a table of rooms.
    """
    return [int(number.replace(",", "")) for number in re.findall(r"\| \**([\d,]+)\** (?=\|)", text)]


def test_the_rooms_are_about_as_large_as_was_said() -> None:
    """
    Not to the line: then every commit would have to write the page.
    """
    page = (DOCS / "what-you-take-on.md").read_text(encoding="utf-8")
    said, counted = numbers(page.partition("## What comes")[0]), numbers(evidence.rooms())
    assert len(said) == len(counted) > 20
    assert [(a, b) for a, b in zip(said, counted, strict=True) if abs(a - b) > 0.15 * b + 20] == [], ANEW


@pytest.mark.parametrize("part", ["dependencies", "calls"])
def test_what_comes_with_it_and_what_a_score_executes_is_as_agreed(part: str) -> None:
    page = (DOCS / "what-you-take-on.md").read_text(encoding="utf-8")
    assert marks.filled(page, {part: evidence.PAGES["what-you-take-on.md"][part]()}) == page, ANEW


@pytest.mark.parametrize(
    "source, lines",
    [("a = 1\n\n# b\n", 1), ('"""\nc\n"""\na = 1\n', 1), ('def f():\n    """\n    g\n    """\n    return 1\n', 2)],
)
def test_code_is_what_is_neither_comment_nor_docstring(source: str, lines: int) -> None:
    assert evidence.code_lines(source) == lines


def switches() -> list[tuple[str, str, str]]:
    """
    Return profile, switch and value of each row of the page of platforms.
    """
    found, profile = [], ""
    for line in (DOCS / "platforms.md").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"Profile `([\w.-]+)`", line):
            profile = match[1]
        found += [(profile, *each) for each in re.findall(r"\| `(\w+) = ([^`]+)` \|", line)]
    return found


def shown(value: object) -> str:
    """
    Write a switch's value as the page has it.
    """
    return "{" + ", ".join(f'"{one}"' for one in sorted(value)) + "}" if isinstance(value, frozenset) else str(value)


@pytest.mark.parametrize("profile, switch, value", switches())
def test_the_emulator_does_what_the_page_says_of_an_lms(profile: str, switch: str, value: str) -> None:
    assert shown(getattr(PROFILES[profile], switch)) == value


def test_every_row_about_an_lms_names_a_switch_or_a_test() -> None:
    text = (DOCS / "platforms.md").read_text(encoding="utf-8").partition("## Moodle")[2].partition("## Not known")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| what it does")]
    assert len(rows) > 40
    assert [row for row in rows if not re.search(r"\| (test `tests/[^`]+`|`\w+ = [^`]+`) \|$", row)] == []


def test_the_bill_lists_everything_that_is_needed() -> None:
    bill = sbom.bill()
    json.dumps(bill)
    refs = {one["bom-ref"] for one in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert all(need in refs for one in bill["dependencies"] for need in one["dependsOn"])
    names = {one["name"] for one in bill["components"]}
    assert {"aiohttp", "attrs", "cachetools", "joserfc", "yarl", "multidict"} <= names
    assert not names & {"pytest", "typer", "django"}
    assert "rich" in {one["name"] for one in sbom.bill(frozenset({"cli"}))["components"]}


def test_every_licence_is_a_permissive_one() -> None:
    said = {one["name"]: json.dumps(one.get("licenses", "none")) for one in sbom.bill()["components"]}
    assert {name: text for name, text in said.items() if not re.search("MIT|BSD|Apache|PSF|Python", text)} == {}


def test_the_package_is_plain_files() -> None:
    kinds = {file.suffix for file in (ROOT / "aioags").rglob("*") if file.is_file() and "__pycache__" not in file.parts}
    assert kinds <= {".py", ".toml", ".sql", ".css", ".js", ".svg", ".typed", ".html", ""}


def test_how_to_report_is_said() -> None:
    assert "Report a vulnerability" in (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_a_small_night_loses_nothing_and_waits_for_the_daily_limit() -> None:
    (school,) = schools(1, seed=1)
    small = attrs.evolve(school, size=900, got=bytearray(900), throttle=Quota(400, DAY, style="retry_after"))
    known = university.play([small])
    total, one = known["total"], known["lms"]["blackboard"]
    assert (total["scores"], total["missing"], total["dead"]) == (900, 0, 0)
    # One day's worth at once, one a day later, the rest after another; hardly a request in between.
    assert 2 * DAY < one["longest"] < 2.1 * DAY
    assert 0 < total["throttled"] < 100
    assert one["slow"] == {"limit": 1, "outage": 0, "size": 0}


def test_the_page_of_the_night_holds_the_figures_of_the_run() -> None:
    known = json.loads((DOCS / "university.json").read_text(encoding="utf-8"))
    page = (DOCS / "university.md").read_text(encoding="utf-8")
    assert marks.filled(page, university.tables(known)) == page, "python benchmarks/university.py --made"
    assert (known["total"]["missing"], known["total"]["dead"]) == (0, 0)


# Names in the standard, an LMS's own addresses, examples, this machine.
HOSTS = r"(purl\.imsglobal\.org|(.+\.)?(instructure|blackboard|schoology|brightspace|ltiaas)\.com|(.+\.)?example)$"


def test_the_package_knows_no_address_but_those_of_platforms() -> None:
    found = set[str]()
    for file in (ROOT / "aioags").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in said]
        found |= {host for node in texts for host in re.findall(r"https?://([\w.-]+\.\w+)", str(node.value))}
    assert found
    assert [host for host in sorted(found) if not re.match(HOSTS, host.lower()) and host != "127.0.0.1"] == []
