"""
Deriving URLs (AGS 3.3.1, 3.4.1): text in, the same text out, but for what was inserted.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioags import UntrustedURLError
from aioags.protocol.trust import Trust
from aioags.protocol.urls import origin, own_spelling, same_item, service_url, with_query

LMS = "https://lms.example"

DERIVED = [
    # (what it holds, line item, with the suffix)
    ("no query", f"{LMS}/li/7", f"{LMS}/li/7/scores"),
    ("type_id=1, Moodle", f"{LMS}/li/7/lineitem?type_id=1", f"{LMS}/li/7/lineitem/scores?type_id=1"),
    ("a second question mark", f"{LMS}/li?a=b?c=d", f"{LMS}/li/scores?a=b?c=d"),
    ("%2C and %3A", f"{LMS}/li/a%2Cb%3Ac?x=%2C%3A%7E", f"{LMS}/li/a%2Cb%3Ac/scores?x=%2C%3A%7E"),
    ("lower-case escapes", f"{LMS}/li/a%2cb?x=%3a", f"{LMS}/li/a%2cb/scores?x=%3a"),
    (":::, Sakai", f"{LMS}/li/8f3:::content:5/7", f"{LMS}/li/8f3:::content:5/7/scores"),
    ("a slash in the query", f"{LMS}/li/7?path=/a/b/", f"{LMS}/li/7/scores?path=/a/b/"),
    ("a URL in the query", f"{LMS}/li?next=https://a.example/x?y=1", f"{LMS}/li/scores?next=https://a.example/x?y=1"),
    ("an empty query", f"{LMS}/li/7?", f"{LMS}/li/7/scores?"),
    ("a query of one name", f"{LMS}/li/7?draft", f"{LMS}/li/7/scores?draft"),
    ("plus and blanks", f"{LMS}/li/7?q=a+b%20c", f"{LMS}/li/7/scores?q=a+b%20c"),
    ("dots", f"{LMS}/a/./b/../li", f"{LMS}/a/./b/../li/scores"),
    ("no path", LMS, f"{LMS}/scores"),
    ("no path but a query", f"{LMS}?x=1", f"{LMS}/scores?x=1"),
    ("capitals and port", "HTTPS://LMS.Example:443/LI", "HTTPS://LMS.Example:443/LI/scores"),
    ("blackboard", f"{LMS}/learn/api/v1/lti/courses/_4_1/lineItems/_40_1",
     f"{LMS}/learn/api/v1/lti/courses/_4_1/lineItems/_40_1/scores"),
]  # fmt: skip


@pytest.mark.parametrize("item, derived", [row[1:] for row in DERIVED], ids=[row[0] for row in DERIVED])
def test_3_4_1_the_suffix_goes_on_the_path_and_every_other_byte_stays(item: str, derived: str) -> None:
    assert service_url(item, "scores") == derived
    assert service_url(item, "results") == derived.replace("/scores", "/results")


@pytest.mark.parametrize(
    "item, derived",
    [
        (f"{LMS}/li/", f"{LMS}/li/scores"),
        (f"{LMS}/li/?type_id=1", f"{LMS}/li/scores?type_id=1"),
        (f"{LMS}/li?type_id=1/", f"{LMS}/li/scores?type_id=1/"),
    ],
)
def test_pitfall_2_a_trailing_slash_is_not_doubled(item: str, derived: str) -> None:
    assert service_url(item, "scores") == derived


@pytest.mark.parametrize("item", [f"{LMS}/li?a=b#part", f"{LMS}/li?a=b#part?x=1", f"{LMS}/li?a=b#/x/"])
def test_pitfall_1_a_fragment_never_gets_the_suffix(item: str) -> None:
    assert service_url(item, "scores") == f"{LMS}/li/scores?a=b"


path = st.text("abcXYZ019-._~%2C:@!$&'()*+,;=/", max_size=30).map(lambda text: "/" + text)
query = st.text("abcXYZ019-._~%2C:@!$&'()*+,;=/?", max_size=30)


@given(path, st.none() | query)
def test_3_4_1_taking_the_suffix_out_again_gives_the_line_item_back(path: str, query: str | None) -> None:
    path = path.rstrip("/") + "x"
    item = LMS + path + ("" if query is None else f"?{query}")
    derived = service_url(item, "scores")
    assert derived.startswith(LMS + path + "/scores")
    assert derived.replace(path + "/scores", path, 1) == item


@pytest.mark.parametrize(
    "url, added",
    [
        (f"{LMS}/li", f"{LMS}/li?tag=a%26b%20c&limit=5"),
        (f"{LMS}/li?type_id=1", f"{LMS}/li?type_id=1&tag=a%26b%20c&limit=5"),
        (f"{LMS}/li?", f"{LMS}/li?tag=a%26b%20c&limit=5"),
        (f"{LMS}/li?a=1&", f"{LMS}/li?a=1&tag=a%26b%20c&limit=5"),
        (f"{LMS}/li?a=b?c=%2C", f"{LMS}/li?a=b?c=%2C&tag=a%26b%20c&limit=5"),
        (f"{LMS}/li?q=what?", f"{LMS}/li?q=what?&tag=a%26b%20c&limit=5"),
        (f"{LMS}/li?a=1#part", f"{LMS}/li?a=1&tag=a%26b%20c&limit=5"),
    ],
)
def test_pitfall_3_filters_go_behind_the_containers_own_query(url: str, added: str) -> None:
    assert with_query(url, {"tag": "a&b c", "resource_id": None, "limit": 5}) == added


def test_pitfall_3_no_filter_changes_nothing() -> None:
    assert with_query(f"{LMS}/li?type_id=1", {"tag": None}) == f"{LMS}/li?type_id=1"
    assert with_query(f"{LMS}/li", {}) == f"{LMS}/li"


@given(
    query, st.dictionaries(st.sampled_from(["tag", "resource_id", "user_id"]), st.text(st.characters(codec="utf-8")))
)
def test_pitfall_3_filters_read_back_behind_the_old_query(query: str, filters: dict[str, str]) -> None:
    url = with_query(f"{LMS}/li?{query}", filters)
    assert url.startswith(f"{LMS}/li?{query}")
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    old = parse_qsl(query, keep_blank_values=True)
    assert pairs == old + list(filters.items())


@pytest.mark.parametrize(
    "one, other",
    [
        (f"{LMS}/li/7", f"{LMS}/li/7/"),
        (f"{LMS}/li/7", "https://LMS.example/li/7"),
        (f"{LMS}/li/7", "HTTPS://lms.example/li/7"),
        (f"{LMS}/li/7", f"{LMS}:443/li/7"),
        ("http://127.0.0.1:80/li", "http://127.0.0.1/li"),
        (f"{LMS}/li/7?type_id=1", f"{LMS}:443/li/7/?type_id=1"),
        (f"{LMS}/li/7", f"{LMS}/li/7#top"),
        (f"{LMS}/li/7", f"{LMS}/li/7?"),
        (LMS, f"{LMS}/"),
        ("no url at all", "no url at all"),
    ],
)
def test_the_coupled_guard_compares_by_meaning(one: str, other: str) -> None:
    assert same_item(one, other)
    assert same_item(other, one)


@pytest.mark.parametrize(
    "one, other",
    [
        (f"{LMS}/li/7", f"{LMS}/li/8"),
        (f"{LMS}/li/7", f"{LMS}/LI/7"),
        (f"{LMS}/li/7?type_id=1", f"{LMS}/li/7?type_id=2"),
        (f"{LMS}/li/7", f"{LMS}/li/7/scores"),
        ("https://[::1/li", "https://lms.example/li"),
        ("no url", "none either"),
    ],
)
def test_the_coupled_guard_tells_two_items_apart(one: str, other: str) -> None:
    assert not same_item(one, other)


@pytest.mark.parametrize(
    "given",
    [
        None,
        f"{LMS}/li/7?type_id=1",
        f"{LMS}/li/7",
        f"{LMS}/li/7/",
        f"{LMS}/li/%37?type_id=1#top",
        "https://LMS.example:443/li/7",
    ],
)
def test_the_endpoints_own_item_is_spelled_as_the_endpoint_does(given: str | None) -> None:
    assert own_spelling(given, f"{LMS}/li/7?type_id=1") == f"{LMS}/li/7?type_id=1"


@pytest.mark.parametrize(
    "given",
    [
        f"{LMS}/li/8?type_id=1",
        f"{LMS}/li/7?type_id=2",
        # It may be by this one that the platform tells items apart.
        f"{LMS}/li/7?item=2",
        # Another school's.
        "https://other.example/li/7?type_id=1",
        "https://[::1/li/7",
        "no url",
    ],
)
def test_any_other_items_url_stays_as_it_is(given: str) -> None:
    assert own_spelling(given, f"{LMS}/li/7?type_id=1") == given
    assert own_spelling(given, None) == given


def test_an_origin_is_one_text_whatever_its_spelling() -> None:
    assert origin("HTTPS://LMS.Example/a?b#c") == origin(f"{LMS}:443") == "https://lms.example:443"
    assert origin("http://[::1]:8080/x") == "http://::1:8080"
    with pytest.raises(ValueError):
        origin("/relative")


TRUST = Trust.at(LMS, "http://127.0.0.1:8000")


@pytest.mark.parametrize("url", [f"{LMS}/li?a=b%2C", "https://LMS.EXAMPLE:443/x", "http://127.0.0.1:8000/li"])
def test_a_trusted_url_comes_back_byte_for_byte(url: str) -> None:
    assert TRUST.check(url, "it") == url


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/li",
        "https://lms.example.evil.example/li",
        "https://lms.example:8443/li",
        "https://lms.example@evil.example/li",
        "https://tool:secret@lms.example/li",
        "http://other.example/li",
        "http://lms.example@other.example/li",
        "http://127.0.0.1:8001/li",
        "ftp://lms.example/li",
        "javascript:alert(1)",
        "//lms.example/li",
        "/li",
        "",
        "https://",
        "https:///li",
        "https://lms.example:port/li",
        "https://[lms.example/li",
        "https://lms.example\\@evil.example/li",
        "https://lms.example/a b",
        "https://lms.example/ü",
        "https://lms.exаmple/cyrillic",
        "https://lms.example/\r\nHost: evil.example",
        "https://lms.example\t/li",
        " https://lms.example/li",
    ],
)
def test_pitfall_4_the_token_goes_to_no_other_origin_nor_in_the_clear(url: str) -> None:
    with pytest.raises(UntrustedURLError) as caught:
        TRUST.check(url, "the next page")
    assert caught.value.recorded is False
    assert not caught.value.transient
    assert str(caught.value).startswith("the next page must ")
    assert "https://lms.example:443" in str(caught.value) or "an origin that the endpoint names" not in str(
        caught.value
    )
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_untrusted_url_is_told_which_origins_are_trusted() -> None:
    with pytest.raises(UntrustedURLError, match=r"\(http://127\.0\.0\.1:8000, https://lms\.example:443\)"):
        TRUST.check("https://evil.example/li", "it")


def test_without_a_trusted_origin_nothing_is_trusted() -> None:
    with pytest.raises(UntrustedURLError, match="it names none"):
        Trust().check(f"{LMS}/li", "the line item")


@pytest.mark.parametrize(
    "host", ["lms.example", "LMS.example", "a-b.c1", "127.0.0.1", "[::1]", "u@h", "h\t.x", "-h", "."]
)
@pytest.mark.parametrize("port", ["", ":443", ":80", ":8080", ":65535", ":65536", ":0", ":080", ":", ":x"])
@pytest.mark.parametrize("rest", ["", "/", "/a:1/b", "?a=b", "#c", "\\@x", " ", "\n/x", "@evil.example/"])
@pytest.mark.parametrize("scheme", ["https", "http", "HTTPS", "ftp"])
def test_an_origin_that_is_read_at_a_glance_is_what_reading_it_all_would_give(
    scheme: str, host: str, port: str, rest: str
) -> None:
    def said(url: str) -> str:
        try:
            return origin(url)
        except ValueError as error:
            return type(error).__name__

    url = f"{scheme}://{host}{port}{rest}"
    try:
        parts = urlsplit(url)
        number = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
        whole = f"{parts.scheme}://{parts.hostname}:{number}" if parts.hostname else "ValueError"
    except ValueError:
        whole = "ValueError"
    assert said(url) == whole
