"""
One logger, levels that mean something, and a table of events that says what each holds: held to the code by a walk.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from aioags import Event

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "aioags"
GUIDE = (ROOT / "docs" / "guides" / "monitoring.md").read_text(encoding="utf-8")
LOG = "calls/log.py"
# What it may say as a warning, beside events: something is so from now on.
LASTING = {
    "calls/choosing.py": 2,  # the lane cannot be used, or a proxy is not
    "calls/development.py": 1,  # tokens go without encryption
    "calls/raised.py": 1,  # a platform does not know that it is asked by https
    "calls/tokens.py": 1,  # our clock is wrong
    "grading/sending.py": 1,  # theirs is
    "outbox/settler.py": 1,  # the store does not answer
    "contrib/procrastinate/jobs.py": 1,  # what is due waits
    "contrib/procrastinate/enqueuing.py": 1,  # dropped
}


def loggers(source: str) -> Iterator[str]:
    """
    Yield each call that makes a logger, or logs past the one there is.
    """
    for node in ast.walk(ast.parse(source)):
        name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if name.endswith("getLogger") or name.startswith(("logging.", "logger.", "_logger.")):
            yield ast.unparse(node)


def written(source: str) -> Iterator[tuple[str, str, set[str]]]:
    """
    Yield each line that is written past events: its level, its text, and the facts beside it.
    """
    if "from aioags.calls.log import" not in source:
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "log":
            level, text = node.args
            facts = {str(keyword.arg) for keyword in node.keywords} - {"trace"}
            yield ast.unparse(level), ast.literal_eval(text), facts


def files() -> dict[str, str]:
    """
    Map each file of the package but the logger's own to its source.
    """
    found = {file.relative_to(PACKAGE).as_posix(): file for file in sorted(PACKAGE.rglob("*.py"))}
    return {name: file.read_text(encoding="utf-8") for name, file in found.items() if name != LOG}


def test_nobody_makes_another_logger() -> None:
    made = {name: found for name, source in files().items() if (found := list(loggers(source)))}
    # What is asked before an event is made, and the command, which says in its own words what became of grades.
    assert made.pop("calls/engine.py") == made.pop("calls/first_try.py") == ["logger.isEnabledFor(DEBUG)"]
    assert made.pop("cli/push.py") == ["logger.addHandler(NullHandler())"]
    assert {call for found in made.values() for call in found} <= {
        "logger.isEnabledFor(level)",
        "logger.isEnabledFor(event.loudest)",
    }
    own = list(loggers((PACKAGE / LOG).read_text(encoding="utf-8")))
    assert [call for call in own if "getLogger" in call] == ["logging.getLogger('aioags')"]


def test_each_line_has_its_facts_beside_it() -> None:
    lines = {name: list(written(source)) for name, source in files().items()}
    assert sum(map(len, lines.values())) >= 15
    for name, found in lines.items():
        for _, text, facts in found:
            assert set(re.findall(r"%\((\w+)\)", text)) == facts, f"{name}: {text}"
            assert re.search(r"%[^(]", text) is None, f"{name}: {text}"


def test_a_warning_is_a_change_of_state() -> None:
    warnings = {
        name: count
        for name, source in files().items()
        if (count := sum("WARNING" in level for level, *_ in written(source)))
    }
    assert warnings == LASTING


def kinds() -> list[type[Event]]:
    """
    Return every kind of event, in the order of the code.
    """
    return Event.__subclasses__()


def rows() -> dict[str, list[str]]:
    """
    Read the guide's table of events: by name, the cells.
    """
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in GUIDE.splitlines()]
    return {cells[0].strip("`"): cells[1:] for cells in found if re.fullmatch(r"`\w+Event`", cells[0])}


def test_each_kind_stands_in_the_table_and_no_other() -> None:
    assert set(rows()) == {kind.__name__ for kind in kinds()}


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_the_table_names_the_fields_and_what_they_tell_of_whom(kind: type[Event]) -> None:
    when, fields, privacy, _ = rows()[kind.__name__]
    assert when and privacy
    names = [field.name for field in attrs.fields(kind)]
    assert re.findall(r"`(\w+)`", fields) == names
    # What can name a course, a column or a school is spoken of.
    assert {"url", "line_item", "registration_id"} & set(names) <= {*re.findall(r"`(\w+)`", privacy)}


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_an_event_is_frozen_and_holds_plain_values(kind: type[Event]) -> None:
    values = {field.name: "x" for field in attrs.fields(kind)}
    event = kind(**values)
    for name in values:
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(event, name, "y")
    kinds_of_fields = {str(field.type).removesuffix(" | None") for field in attrs.fields(kind)}
    assert kinds_of_fields <= {"str", "int", "float", "bool", "OutboxNews", "Literal['login', 'launch']"}
    assert not {"user_id", "score", "token", "comment", "body"} & set(values)


NAMES = {0: "–", 10: "DEBUG", 20: "INFO", 30: "WARNING"}


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_the_table_says_how_loud_it_gets(kind: type[Event]) -> None:
    levels = rows()[kind.__name__][3].split(", ")
    assert levels[0] == NAMES[kind.loudest]
    assert levels == sorted(levels, key=["WARNING", "INFO", "DEBUG", "–"].index)


def test_a_second_logger_would_be_found() -> None:
    assert list(loggers('import logging\nlog = logging.getLogger("aioags.outbox")\n'))
    assert list(loggers('import logging\nlogging.warning("x")\n'))
    assert list(written('from aioags.calls.log import log\nlog(WARNING, "a %(b)s", b=1)')) == [
        ("WARNING", "a %(b)s", {"b"})
    ]
