"""
The tree of errors, walked: whatever the class, it can be stored, copied, printed, annotated and asked for three facts.
"""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

import aioags
import aioags.launch
from aioags import AGSError, GrantRefusedError, PlatformError, errors
from aioags.errors import LaunchError, printable, shown_url

LINE = re.compile(r"^((?:│   |    )*)(?:[├└]── )?(\w+Error)\b")


def family(error: type[AGSError]) -> Iterator[type[AGSError]]:
    """
    Yield an error class and all below it, in the order of definition.
    """
    yield error
    for child in error.__subclasses__():
        yield from family(child)


CLASSES = [kind for kind in family(AGSError) if kind.__module__.startswith("aioags.")]


def sample(kind: type[AGSError]) -> AGSError:
    """
    Return an error of a class with every field set to something recognisable.
    """
    known: dict[str, Any] = {
        "message": "the first line\nand a second",
        "recorded": None,
        "transient": True,
        "retry_after": 2.5,
        "spec": "AGS 3.4.9",
        "status": 409,
        "method": "POST",
        "url": "https://lms.example/li/7/scores?user_id=u-77",
        "words": "first\nsecond",
        "body": '{"comment": "in the body"}',
        "code": "invalid_scope",
        "description": "no such scope",
        "clock_ahead": -90.0,
        "reason": "state",
        "gone": True,
    }
    return kind(**{field.name: known[field.name] for field in attrs.fields(kind)})


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_has_three_facts_and_defaults_that_promise_nothing(kind: type[AGSError]) -> None:
    needs_status = {"status": 400} if issubclass(kind, PlatformError) else {}
    error = kind("it failed", **needs_status)
    assert (error.recorded, error.transient, error.retry_after, error.spec) == (False, False, None, None)
    assert isinstance(error, AGSError)
    assert isinstance(error, Exception)
    with pytest.raises(TypeError):
        kind("it failed", recordet=True, **needs_status)  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_pickles_and_copies_with_all_it_knows(kind: type[AGSError]) -> None:
    error = sample(kind)
    error.add_note("while grading quiz 1")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error), error.copied()):
        assert type(twin) is kind
        assert twin is not error
        assert attrs.asdict(twin) == attrs.asdict(error)
        assert str(twin) == str(error)
        assert twin.__notes__ == ["while grading quiz 1"]
        twin.add_note("only the twin's")
    assert error.__notes__ == ["while grading quiz 1"]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_prints_one_line_with_its_section(kind: type[AGSError]) -> None:
    for shown in (str(sample(kind)), repr(sample(kind))):
        assert len(shown.splitlines()) == 1
        assert "AGS 3.4.9" in shown
        assert "the first line and a second" in shown
    assert repr(sample(kind)).startswith(f"<{kind.__name__}: ")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_can_be_raised_from_another_and_hashed(kind: type[AGSError]) -> None:
    cause = OSError("the network")
    with pytest.raises(kind) as caught:
        raise sample(kind) from cause
    assert caught.value.__cause__ is cause
    assert caught.value.__traceback__ is not None
    copied = caught.value.copied()
    assert (copied.__cause__, copied.__traceback__) == (None, None)
    assert len({sample(kind), sample(kind)}) == 2


@pytest.mark.parametrize(
    "kind", [kind for kind in CLASSES if issubclass(kind, PlatformError)], ids=lambda kind: kind.__name__
)
def test_what_the_platform_answered_is_on_the_line_but_not_its_body(kind: type[AGSError]) -> None:
    shown = str(sample(kind))
    assert "POST https://lms.example/li/7/scores?user_id=… answered 409: first second" in shown
    assert "u-77" not in shown
    assert "in the body" not in shown + repr(sample(kind))


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn: list[tuple[str, str | None]] = []
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = LINE.match(line)
        if match is not None:
            depth = (line.index(match[2]) - 4) // 4
            above[depth:] = [match[2]]
            drawn.append((match[2], above[depth - 1] if depth else None))
    real = [(kind.__name__, None if kind is AGSError else kind.__mro__[1].__name__) for kind in CLASSES]
    assert len(drawn) > 15
    assert drawn == real


def test_every_error_is_public() -> None:
    launch = {kind.__name__ for kind in family(LaunchError)}
    assert {name for name in aioags.__all__ if name.endswith("Error")} >= {kind.__name__ for kind in CLASSES} - launch
    assert all(hasattr(aioags, name) or hasattr(aioags.launch, name) for name in launch)
    assert {kind.__module__ for kind in CLASSES} == {"aioags.errors"}


def test_a_refused_grant_names_its_code() -> None:
    error = GrantRefusedError("the token endpoint answered 400", status=400, code="invalid_scope", spec="SEC 4.1")
    assert (error.status, error.code) == (400, "invalid_scope")
    assert str(error) == "the token endpoint answered 400 [SEC 4.1]"


@pytest.mark.parametrize(
    "url, shown",
    [
        (
            "https://lms.example/li/7/results?type_id=1&user_id=u-77",
            "https://lms.example/li/7/results?type_id=1&user_id=…",
        ),
        ("https://lms.example/li?user_id=u%2077&limit=1#x", "https://lms.example/li?user_id=…&limit=1#x"),
        ("https://lms.example/li?userId=u-77", "https://lms.example/li?userId=…"),
        ("https://lms.example/li?access_token=abc.def", "https://lms.example/li?access_token=…"),
        ("https://tool:secret@lms.example/li", "https://lms.example/li"),
        ("https://lms.example/li?mail=a@b.example", "https://lms.example/li?mail=a@b.example"),
        ("https://lms.example/li%2C7?type_id=1", "https://lms.example/li%2C7?type_id=1"),
    ],
)
def test_a_url_in_a_log_names_no_user_and_holds_no_secret(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@pytest.mark.parametrize("kind", CLASSES)
def test_no_error_says_what_a_log_a_terminal_or_a_database_cannot_take(kind: type[AGSError]) -> None:
    error = sample(kind)
    for name, value in vars(error).items():
        if isinstance(value, str):
            setattr(error, name, f"{value} \ud800\x00\x1b[2J\x9d\u2028")
    for text in (str(error), repr(error)):
        assert text.encode().decode().isprintable()


def test_what_can_be_printed_stays() -> None:
    assert printable("Prüfung 3: 10⁄10 👍") == "Prüfung 3: 10⁄10 👍"
    assert printable("a\ud83d\x00b\x7fc") == "a\ufffd\ufffdb\ufffdc"
