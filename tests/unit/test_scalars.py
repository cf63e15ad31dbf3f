"""
Reading bodies: whatever comes, it is a value or one clear error.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aioags.wire.scalars import NotReadableError, load_instant, load_json, load_number, load_string

NONE = "no complaint"


def complaint(load: Callable[..., object], *arguments: object) -> str:
    """
    Return what a reader complains about; any error but its own fails the test.
    """
    try:
        load(*arguments)
    except NotReadableError as error:
        return str(error)
    return NONE


@pytest.mark.parametrize(
    "body, value",
    [
        (b'{"a": 1}', {"a": 1}),
        (b' \r\n{"a": 1}\n', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ('{"a": "é👍"}'.encode(), {"a": "é👍"}),
        (b'{"a": "\\u00e9\\ud83d\\udc4d"}', {"a": "é👍"}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"[]", []),
        (b"null", None),
        (b"9" * 4000, int("9" * 4000)),
    ],
    ids=["plain", "blanks", "byte order mark", "UTF-8", "escapes", "a key twice", "array", "null", "huge int"],
)
def test_json_is_read_whatever_the_type_said(body: bytes, value: Any) -> None:
    assert load_json(body) == value


@pytest.mark.parametrize(
    "body, why",
    [
        (b"", "is empty"),
        (b" \r\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"<html><body>Log in</body></html>", "is an HTML page"),
        (b"\n<!DOCTYPE html>", "is an HTML page"),
        (b"\xef\xbb\xbf<!DOCTYPE html>", "is an HTML page"),
        (b"OK", "is no JSON"),
        (b'{"a": 1', "is no JSON"),
        (b'{"a": 1}{"b": 2}', "is no JSON"),
        (b'{"error" : ""kid" invalid, unable to lookup correct key"\n}', "is no JSON"),
        (b"{'a': 1}", "is no JSON"),
        (b"\xff\xfe{\x00}\x00", "is not UTF-8"),
        (b'{"a": "\xe9"}', "is not UTF-8"),
        (b"\x1f\x8b\x08", "is not UTF-8"),
        (b'{"a": NaN}', "holds NaN"),
        (b"[Infinity]", "holds Infinity"),
        (b"[-Infinity]", "holds -Infinity"),
        (b"[" * 200_000, "holds too many values"),
        (b'{"a":' * 200_000, "holds too many values"),
        (b"[" * 400 + b"]" * 400, "nested too deep"),
        (b'{"a name of some length":' * 200_000 + b"0" + b"}" * 200_000, "nested too deep"),
        (b"[" * 101 + b"]" * 101, "nested too deep"),
        (b'{"a":[' * 51 + b"]}" * 51, "nested too deep"),
        (b"9" * 5000, "is no JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:20]),
)
def test_what_is_no_json_is_one_clear_error(body: bytes, why: str) -> None:
    with pytest.raises(NotReadableError, match=f"the body {why}|the body is JSON {why}"):
        load_json(body)


@pytest.mark.parametrize(
    "body",
    [b"[" * 100 + b"]" * 100, b'["[[[", ' * 99 + b"{}" + b"]" * 99, b"[" + b"[],{}," * 99 + b"0]"],
    ids=["arrays", "brackets in texts", "flat"],
)
def test_a_body_of_a_hundred_levels_can_be_read_on_every_python(body: bytes) -> None:
    assert load_json(body) == json.loads(body)


def test_a_body_of_too_many_values_is_refused_before_it_is_read() -> None:
    # 16 MiB of these would take 400 MiB and two seconds.
    for unit in (b"{},", b"[],", b"0,"):
        with pytest.raises(NotReadableError, match="the body holds too many values"):
            load_json(b"[" + unit * 3_100_000 + b"0]")
    many = load_json(b"[" + b"1234567," * 600_000 + b"0]")
    assert len(many) == 600_001
    long_text = load_json(b'"' + b"a" * 4_000_000 + b'"')
    assert len(long_text) == 4_000_000


@given(st.binary(max_size=40) | st.text('{}[]",:0123456789eE+-.nulltrefasNIiy \\u', max_size=40).map(str.encode))
@example(b'{"a": "secret"')
def test_reading_never_fails_otherwise_and_never_quotes(body: bytes) -> None:
    assert "secret" not in complaint(load_json, body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)


@given(json_values)
def test_no_value_breaks_a_reader(value: Any) -> None:
    for load in (load_number, load_string, load_instant):
        assert complaint(load, "field", value).startswith(("field ", NONE))


@pytest.mark.parametrize("value", [None, "", " \t"])
def test_absent_null_and_blank_are_none(value: Any) -> None:
    assert load_number("f", value) is None
    assert load_string("f", value) is None
    assert load_instant("f", value) is None


@pytest.mark.parametrize(
    "value", [10**400, -(10**400), 10**4200, 1e308 * 10, "1e309"], ids=lambda value: str(value)[:9]
)
def test_a_number_beyond_every_float_is_refused(value: Any) -> None:
    with pytest.raises(NotReadableError, match="f is too large"):
        load_number("f", value)


def test_every_error_here_is_a_value_error() -> None:
    assert issubclass(NotReadableError, ValueError)
    assert not issubclass(NotReadableError, json.JSONDecodeError)
