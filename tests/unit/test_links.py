"""
The ``Link`` header (RFC 8288; AGS 3.2.4, 3.3.6), as the standard and as real platforms write it.
"""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aioags.wire.links import next_link, resolve

BASE = "https://lms.example/2/lineitems?type_id=1"
NEXT = "https://lms.example/2/lineitems?page=2"

# Moodle 4.5 with 23 items and limit=2, the bytes of the wire.
MOODLE = (
    b"<http://lms.example/mod/lti/services.php/2/lineitems?type_id=1&amp;limit=2&amp;from=0>; rel=\xe2\x80\x9cfirst"
    b"\xe2\x80\x9d, <http://lms.example/mod/lti/services.php/2/lineitems?type_id=1&amp;limit=2&amp;from=0>; "
    b"rel=\xe2\x80\x9ccanonical\xe2\x80\x9d, <http://lms.example/mod/lti/services.php/2/lineitems?type_id=1&amp;limit=2"
    b"&amp;from=2>; rel=\xe2\x80\x9cnext\xe2\x80\x9d, <http://lms.example/mod/lti/services.php/2/lineitems?type_id=1"
    b"&amp;limit=2&amp;from=22>; rel=\xe2\x80\x9clast\xe2\x80\x9d"
)
MOODLE_NEXT = "http://lms.example/mod/lti/services.php/2/lineitems?type_id=1&limit=2&from=2"


def cp1252(raw: bytes) -> str:
    """
    Decode as Windows-1252 does in practice: its five gaps stay control characters.
    """
    return "".join(chr(byte) if byte in b"\x81\x8d\x8f\x90\x9d" else bytes([byte]).decode("cp1252") for byte in raw)


@pytest.mark.parametrize(
    "header",
    [MOODLE.decode("utf-8"), MOODLE.decode("latin-1"), cp1252(MOODLE)],
    ids=["utf-8", "latin-1 mojibake", "cp1252 mojibake"],
)
def test_pitfall_6_moodles_own_header(header: str) -> None:
    assert next_link([header], BASE) == MOODLE_NEXT


def test_pitfall_6_moodles_last_page_has_no_next() -> None:
    last = MOODLE.replace(b"next", b"prev")
    for header in (last.decode("utf-8"), last.decode("latin-1"), cp1252(last)):
        assert next_link([header], BASE) is None


def test_pitfall_5_canvas_keeps_the_case_of_its_bookmark() -> None:
    page = "https://canvas.example/api/lti/courses/1/line_items?page=bookmark:WzEwLDNd_AbC-Zz&per_page=10"
    header = (
        f'<https://canvas.example/api/lti/courses/1/line_items?page=1&per_page=10>; rel="current",<{page}>; rel="next",'
        '<https://canvas.example/api/lti/courses/1/line_items?page=first&per_page=10>; rel="first"'
    )
    assert next_link([header], BASE) == page


WELL_FORMED = {
    "plain": f'<{NEXT}>; rel="next"',
    "unquoted": f"<{NEXT}>; rel=next",
    "two relations": f'<{NEXT}>; rel="next last"',
    "two relations, next second": f'<{NEXT}>; rel="last next"',
    "relations parted by a tab": f'<{NEXT}>; rel="last\tnext"',
    "REL=NEXT": f"<{NEXT}>; REL=NEXT",
    'Rel="Next"': f'<{NEXT}>; Rel="Next"',
    "no blank": f'<{NEXT}>;rel="next"',
    "many blanks": f'  <{NEXT}>  ;  rel  =  "next"  ',
    "parameters before": f'<{NEXT}>; type="text/html"; hreflang=en; rel="next"',
    "parameters behind": f'<{NEXT}>; rel="next"; title="more"; type="a/b"',
    "a title that quotes a rel": f'<{NEXT}>; title="x; rel=prev"; rel="next"',
    "a title with comma and bracket": f'<{NEXT}>; title="a, <b>; rel=\\"prev\\""; rel=next',
    "a parameter without value": f'<{NEXT}>; crossorigin; rel="next"',
    "an empty parameter": f'<{NEXT}>;; ; rel="next"',
    "an extended parameter": f"<{NEXT}>; title*=UTF-8''n%c3%a4chste; rel=\"next\"",
    "after another link": f'<{BASE}>; rel="prev", <{NEXT}>; rel="next"',
    "after another link, no blank": f"<{BASE}>;rel=prev,<{NEXT}>;rel=next",
    "before another link": f'<{NEXT}>; rel="next", <{BASE}>; rel="prev"',
    "after a link without relation": f'<{BASE}>, <{NEXT}>; rel="next"',
    "after an empty element": f', ,<{NEXT}>; rel="next"',
    "the first rel counts": f'<{BASE}>; rel="prev"; rel="next", <{NEXT}>; rel="next"; rel="prev"',
    "single quotes": f"<{NEXT}>; rel='next'",
    "curly quotes": f"<{NEXT}>; rel=“next”",
}


@pytest.mark.parametrize("header", WELL_FORMED.values(), ids=WELL_FORMED.keys())
def test_pitfall_5_every_legal_spelling_of_next(header: str) -> None:
    assert next_link([header], BASE) == NEXT


@pytest.mark.parametrize(
    "header",
    [
        "",
        "next",
        f'<{NEXT}>; rel="prev"',
        f"<{NEXT}>",
        f'<{NEXT}>; title="next"',
        f'<{NEXT}>; title="x; rel=next"',
        f"<{NEXT}>; title=“x; rel=next”",
        f'<{NEXT}>; rel="nextpage"',
        f'<{NEXT}>; rel="prev-next"',
        f'<{NEXT}>; rel=""',
        f"<{NEXT}>; rel",
        f'<{NEXT}>; rev="next"',
        f'<{NEXT}>; rel="prev"; rel="next"',
        f'<{BASE}>; rel="prev", "next"',
    ],
)
def test_3_2_4_what_is_no_next_ends_the_listing(header: str) -> None:
    assert next_link([header], BASE) is None


@pytest.mark.parametrize(
    "target",
    [
        "https://lms.example/li?ids=1,2,3&x=4",
        "https://lms.example/li;v=2?ids=a;b",
        'https://lms.example/li?q=a,<b;rel="prev"',
        "https://lms.example/li?q=%2C%3B%20",
        "https://lms.example/li?a=b?c=d",
        "https://lms.example/li/./x/../y?",
        "https://lms.example/li?page=bookmark:AbC",
    ],
)
def test_pitfall_5_commas_semicolons_and_dots_of_a_target_stay(target: str) -> None:
    assert next_link([f'<{BASE}>; rel="first", <{target}>; rel="next"'], BASE) == target


def test_pitfall_5_several_header_lines() -> None:
    assert next_link([f'<{BASE}>; rel="first"', f'<{BASE}>; rel="prev", <{NEXT}>; rel="next"'], BASE) == NEXT
    assert next_link([f'<{BASE}>; rel="first"', f'<{BASE}>; rel="prev"'], BASE) is None
    assert next_link([], BASE) is None


@pytest.mark.parametrize(
    "target, url",
    [
        ("/2/lineitems?page=2", "https://lms.example/2/lineitems?page=2"),
        ("?page=2", "https://lms.example/2/lineitems?page=2"),
        ("lineitems?page=2", "https://lms.example/2/lineitems?page=2"),
        ("?ids=%2C%3A&amp;page=2", "https://lms.example/2/lineitems?ids=%2C%3A&page=2"),
        ("//other.example/x", "https://other.example/x"),
        ("", "https://lms.example/2/lineitems?type_id=1"),
    ],
)
def test_p10_a_relative_target_is_resolved_against_the_request(target: str, url: str) -> None:
    assert next_link([f"<{target}>; rel=next"], BASE) == url


def test_p10_an_absolute_target_stays_as_written() -> None:
    for url in ("https://lms.example/a/../b?", "HTTPS://LMS.example:443/%7e", "mailto:x"):
        assert resolve(url, BASE) == url


header_text = st.text(st.sampled_from("<>;,=\"'“”\\ \tabrelnxtREL/?&*:%â\x80\x9c\x9dœ€") | st.characters(), max_size=60)


@given(st.lists(header_text, max_size=3), header_text)
@example(["<https://[::1>; rel=next"], BASE)
@example(["<//[>; rel=next"], BASE)
@example(['<a>; rel="next\\'], BASE)
@example(["<a>;"], BASE)
@example(["<"], BASE)
def test_it_never_raises_whatever_the_header(lines: list[str], base: str) -> None:
    found = next_link(lines, base)
    assert found is None or isinstance(found, str)


token = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=8).filter(lambda text: text != "rel")
quotable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
url = st.text("abcXYZ019-._~%2C:@!$'()*+,;=/?", max_size=20).map(lambda text: f"https://lms.example/{text}")
relation = st.sampled_from(["first", "prev", "last", "canonical", "up", "https://lms.example/rel"])


def quoted(text: str) -> str:
    """
    Write a quoted string as RFC 9110 has it.
    """
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


parameter = st.one_of(
    token,
    st.tuples(token, token).map("=".join),
    st.tuples(token, quotable.map(quoted)).map("=".join),
)
blank = st.sampled_from(["", " ", "  ", "\t"])


@st.composite
def link(draw: st.DrawFn, relations: list[str]) -> str:
    """
    Write one link, its parameters in any order, its relation in any spelling.
    """
    written = quoted(" ".join(relations)) if len(relations) > 1 or draw(st.booleans()) else relations[0]
    rel = draw(st.sampled_from(["rel", "REL", "Rel"])) + draw(blank) + "=" + draw(blank) + written
    parameters = [*draw(st.lists(parameter, max_size=2)), rel, *draw(st.lists(parameter, max_size=2))]
    return f"<{draw(url)}>" + "".join(draw(blank) + ";" + draw(blank) + text for text in parameters)


@given(st.data())
def test_a_well_formed_header_reads_back(data: st.DataObject) -> None:
    before = [data.draw(link([data.draw(relation)])) for _ in range(data.draw(st.integers(0, 2)))]
    others = data.draw(st.lists(relation, max_size=2))
    wanted = data.draw(link(data.draw(st.permutations([data.draw(st.sampled_from(["next", "NEXT"])), *others]))))
    after = [data.draw(link([data.draw(relation)])) for _ in range(data.draw(st.integers(0, 2)))]
    target = wanted[1 : wanted.index(">")]
    header = (data.draw(blank) + "," + data.draw(blank)).join([*before, wanted, *after])
    assert next_link([header], BASE) == target
    assert next_link([*before, wanted, *after], BASE) == target
    assert next_link([", ".join([*before, *after])], BASE) is None
