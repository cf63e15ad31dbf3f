"""
Write what is counted and listed in ``docs/conformance.md`` and ``docs/what-you-take-on.md``.

Run ``python docs/evidence.py``.
"""

from __future__ import annotations

import ast
import io
import json
import math
import re
import sys
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks._bench.marks import filled

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SOURCE = "https://github.com/aioags/aioags/blob/main"

STANDARDS: dict[str, tuple[str, ...]] = {
    "Assignment and Grade Services 2.0": (
        "tests/spec/test_3_1_endpoint_claim.py",
        "tests/spec/test_3_2_scopes.py",
        "tests/spec/test_3_2_4_container_get.py",
        "tests/spec/test_3_2_5_create.py",
        "tests/spec/test_3_2_6_update.py",
        "tests/spec/test_3_2_7_line_item_fields.py",
        "tests/spec/test_3_2_delete.py",
        "tests/spec/test_3_2_15_copied_course.py",
        "tests/spec/test_3_3_results.py",
        "tests/spec/test_3_4_1_score_post.py",
        "tests/spec/test_3_4_4_score_fields.py",
        "tests/spec/test_3_4_9_timestamp.py",
    ),
    "Names and Role Provisioning Services 2.0": ("tests/launch/test_memberships.py",),
    "LTI Core 1.3 and Security Framework 1.0: services": (
        "tests/spec/test_core_6_services.py",
        "tests/spec/test_sec_4_1_access_token.py",
    ),
    "LTI Core 1.3 and Security Framework 1.0: launches": (
        "tests/launch/test_login.py",
        "tests/launch/test_launch.py",
        "tests/launch/test_known_bad.py",
        "tests/launch/test_keys.py",
        "tests/launch/test_key_sets.py",
    ),
    "Deep Linking 2.0": ("tests/launch/test_deep_linking.py",),
    "Dynamic Registration 1.0": (
        "tests/launch/registering/test_registering.py",
        "tests/launch/registering/test_offers.py",
    ),
}
"""The files whose tests hold each standard, in its own order."""

# The section that a test's name begins with.
SECTION = re.compile(r"test_((?:ags_|sec_|core_|dl_)?(?:\d+_)*\d+|[a-z]\d+)_(?=[a-z])")
ROOMS = {
    "calls": "one call: transport, tokens, pacing, repeats",
    "grading": "many: listing, posting, plan",
    "protocol": "decisions, without I/O",
    "model": "the records",
    "wire": "bytes to records and back",
    "outbox": "scores that survive the process",
    "launch": "login, id_token, deep linking, registration",
    "ltiaas": "the LTIAAS back end",
    "blocking": "the same for programs without a loop",
    "contrib": "web frameworks and job engines",
    "cli": "the `aioags` command",
    "emulator": "the platform emulator",
}
TESTS_OF = {
    "calls": ("tests/sockets", "tests/adversity", "tests/emulated"),
    "grading": ("tests/spec", "tests/contract", "tests/cases"),
    "protocol": ("tests/unit",),
    "outbox": ("tests/outbox",),
    "launch": ("tests/launch",),
    "ltiaas": ("tests/ltiaas",),
    "cli": ("tests/cli",),
    "emulator": ("tests/emulator", "tests/plugin"),
}
OUTSIDE = {
    "tests/simulation": "whole worlds from a seed, several processes, virtual time",
    "tests/interop": "beside software that is not ours",
}
DEPENDENCIES = {
    "aiohttp": ("Apache-2.0, MIT", "aio-libs, many maintainers", "HTTP; a few files of `calls/` import it"),
    "attrs": ("MIT", "the attrs project", "the records"),
    "cachetools": ("MIT", "one maintainer, steady since 2014", "bounded tables of tokens and key sets"),
    "cryptography": ("Apache-2.0 or BSD-3-Clause", "the Python Cryptographic Authority", "keys"),
    "joserfc": ("BSD-3-Clause", "the Authlib project, one maintainer", "signatures (JWS, JWK)"),
    "yarl": ("Apache-2.0", "aio-libs; comes with aiohttp", "URLs as they were written"),
}
"""Licence, who keeps it, and what it is for."""


def tests_in(place: Path) -> list[str]:
    """
    Return the names of a file's tests, in order.
    """
    return re.findall(r"^\s*(?:async )?def (test_\w+)", place.read_text(encoding="utf-8"), re.MULTILINE)


def section_of(name: str) -> str:
    """
    Return the section that a test's name begins with, as the standard writes it; empty: none.
    """
    match = SECTION.match(name)
    return "" if match is None else re.sub(r"^(ags|sec|core|dl) ", "", match[1].replace("_", " ")).replace(" ", ".")


def conformance() -> str:
    """
    List every test of each standard, by section.
    """
    lines: list[str] = []
    for standard, places in STANDARDS.items():
        lines += [f"## {standard}", ""]
        for place in places:
            lines += [*_of_file(place), ""]
    return "\n".join(lines)


def _of_file(place: str) -> Iterator[str]:
    text = (ROOT / place).read_text(encoding="utf-8")
    said = (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]
    yield f"**{said}** [`{place}`]({SOURCE}/{place})"
    yield ""
    yield "| section | shown by |"
    yield "|---|---|"
    for section, names in groupby(tests_in(ROOT / place), section_of):
        shown = "; ".join(_sentence(name) for name in names)
        yield f"| {section or '–'} | {shown} |"


def _sentence(name: str) -> str:
    match = SECTION.match(name)
    rest = name[match.end() :] if match else name.removeprefix("test_")
    return rest.replace("_s_", "'s_").replace("_", " ")


def code_lines(text: str) -> int:
    """
    Count the lines of code: neither blank, nor a comment, nor a docstring.
    """
    strings = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in skipped:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - strings)


def _lines_under(place: Path) -> int:
    files = [place] if place.is_file() else sorted(place.rglob("*.py"))
    return sum(code_lines(file.read_text(encoding="utf-8")) for file in files)


def _tests_under(places: tuple[str, ...]) -> int:
    return sum(len(tests_in(file)) for place in places for file in sorted((ROOT / place).rglob("test_*.py")))


def rounded(count: int) -> int:
    """
    Round to two digits: a count that every commit changes would be wrong in every commit.
    """
    return round(count, 1 - math.floor(math.log10(count))) if count else 0


def rooms() -> str:
    """
    Count each room, about.
    """
    lines = ["| room | what it is | code lines, about | tests of its own, about |", "|---|---|---:|---:|"]
    total = 0
    for room, what in ROOMS.items():
        place = ROOT / "aioags" / room
        count = _lines_under(place)
        total += count
        tests = _tests_under(TESTS_OF[room]) if room in TESTS_OF else 0
        lines.append(f"| `aioags/{room}/` | {what} | {rounded(count):,} | {rounded(tests) or '–'} |")
    top = sum(_lines_under(file) for file in (ROOT / "aioags").glob("*.py"))
    lines.append(f"| `aioags/*.py` | public names, client, gradebook, errors | {rounded(top):,} | – |")
    lines.append(f"| **all** | | **{rounded(total + top):,}** | **{rounded(_tests_under(('tests',))):,}** |")
    lines += [
        "",
        *(f"- `{place}`: {what}, about {rounded(_tests_under((place,)))} tests" for place, what in OUTSIDE.items()),
    ]
    return "\n".join(lines)


def dependencies() -> str:
    """
    List what comes with the package, and why.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = ["| dependency | range | licence | kept by | what for |", "|---|---|---|---|---|"]
    for range_ in project["dependencies"]:
        name = re.split(r"[<>=;\[ ]", range_)[0]
        lines.append(f"| {name} | `{range_}` | {' | '.join(DEPENDENCIES[name])} |")
    return "\n".join(lines)


def calls() -> str:
    """
    Show what one score, result, launch and put executes, by layer.
    """
    agreed = json.loads((ROOT / "benchmarks" / "calls.json").read_text(encoding="utf-8"))
    which = max(agreed, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])
    scenes = agreed[which]
    layers = sorted({layer for scene in scenes.values() for layer in scene}, key=lambda layer: -_sum(scenes, layer))
    lines = [
        f"Python calls each, with {which}:",
        "",
        f"| layer | {' | '.join(scenes)} |",
        "|---|" + "---:|" * len(scenes),
    ]
    for layer in layers:
        cells = [f"{scene[layer]:.1f}" if layer in scene else "" for scene in scenes.values()]
        if any(float(cell or 0) >= 0.1 for cell in cells):
            lines.append(f"| {layer} | {' | '.join(cells)} |")
    lines.append(f"| **all** | {' | '.join(f'**{sum(scene.values()):.0f}**' for scene in scenes.values())} |")
    return "\n".join(lines)


def _sum(scenes: dict[str, dict[str, float]], layer: str) -> float:
    return sum(Counter(scene)[layer] for scene in scenes.values())


PAGES = {
    "conformance.md": {"conformance": conformance},
    "what-you-take-on.md": {"rooms": rooms, "dependencies": dependencies, "calls": calls},
}


def written(page: str) -> str:
    """
    Return a page with its parts made anew.
    """
    text = (DOCS / page).read_text(encoding="utf-8")
    return filled(text, {name: make() for name, make in PAGES[page].items()})


if __name__ == "__main__":
    for each in PAGES:
        (DOCS / each).write_text(written(each), encoding="utf-8")
