"""
Case 25: one LMS goes by two names, or takes itself for one of http; the operator says which origins belong together.
"""

from __future__ import annotations

import logging
from typing import Any

import attrs
import pytest

from aioags import Endpoint, Registration, Scope, Score, UntrustedURLError
from aioags.memberships import Memberships
from aioags.outbox import MemoryStore, Outbox
from tests.fakes import CONTAINER, HOST, ITEM, PaperPlatform, answer, endpoint, item_record, private_key, registration

VANITY = "https://lms.school.example"
STORED = f"{VANITY}/2/lineitems/7/lineitem?type_id=1"
PLAIN = HOST.replace("https:", "http:")
GRADE = Score.graded("ada", 1, score_maximum=1)


def link(url: str) -> tuple[str, str]:
    """
    Return the header of a page that has a next one.
    """
    return ("Link", f'<{url}>; rel="next"')


async def test_a_stored_item_of_the_other_name_takes_scores_where_the_registration_says_so() -> None:
    platform = PaperPlatform([answer(200)])
    client = platform.client()
    with pytest.raises(UntrustedURLError, match=r"also_origins"):
        await client.gradebook(registration(), endpoint()).post_score(GRADE, line_item=STORED)
    assert platform.sent == platform.token_requests == []
    widened = registration(also_origins=[VANITY])
    await client.gradebook(widened, endpoint()).post_score(GRADE, line_item=STORED)
    assert [request.url for request in platform.sent] == [f"{VANITY}/2/lineitems/7/lineitem/scores?type_id=1"]


async def test_pages_of_the_other_name_are_read_too() -> None:
    platform = PaperPlatform(
        [
            answer(200, [item_record()], link(f"{VANITY}/2/lineitems?page=2")),
            answer(200, [item_record(id=STORED)]),
            answer(200, {"members": []}, link(f"{VANITY}/members?page=2")),
            answer(200, {"members": []}),
            answer(200, {}, link(f"{VANITY}/groups?page=2")),
            answer(200, {}),
        ]
    )
    client, widened = platform.client(), registration(also_origins=(VANITY,))
    assert len([item async for item in client.gradebook(widened, endpoint()).line_items()]) == 2
    assert [one async for one in client.memberships(Memberships(widened, f"{HOST}/members"))] == []
    groups = client.service(widened, f"{HOST}/groups", scopes=["scope"])
    assert len([page async for page in groups.pages()]) == 2
    assert len(platform.sent) == 6


async def test_in_the_outbox_it_waits_until_the_registration_says_so() -> None:
    platform = PaperPlatform([answer(200)])
    schools = {"school": registration()}
    async with platform.client() as client:
        outbox = Outbox(store := MemoryStore(), client, schools, runtime=platform.time.runtime())
        await outbox.put("school", endpoint(), GRADE, line_item=STORED)
        assert (await outbox.drain("school", STORED)).recorded == 0
        (waits,) = store.table.rows.values()
        assert "also_origins" in str(waits.last_error)
        schools["school"] = registration(also_origins=[VANITY])
        platform.time.now += 7 * 86_400
        assert (await outbox.drain("school", STORED)).recorded == 1


@pytest.mark.parametrize(
    "written, asked",
    [
        (f"{PLAIN}/2/lineitems?page=2", f"{HOST}/2/lineitems?page=2"),
        (f"{PLAIN}:80/2/lineitems?page=2", f"{HOST}/2/lineitems?page=2"),
        (f"{PLAIN}:443/2/lineitems?page=2", f"{HOST}:443/2/lineitems?page=2"),
        (f"{PLAIN}:8080/2/lineitems?page=2", f"{HOST}/2/lineitems?page=2"),
        (f"{PLAIN.upper()}/2/lineitems?page=2", f"{HOST.upper().replace('HTTPS', 'https')}/2/lineitems?page=2"),
    ],
)
async def test_http_from_behind_a_proxy_is_asked_by_https_and_said_once(
    caplog: pytest.LogCaptureFixture, written: str, asked: str
) -> None:
    platform = PaperPlatform(
        [
            answer(200, [item_record(id=ITEM.replace("https:", "http:"))], link(written)),
            answer(200, []),
            *[answer(200)] * 2,
        ]
    )
    gradebook = platform.gradebook()
    with caplog.at_level(logging.WARNING, "aioags"):
        (item,) = [item async for item in gradebook.line_items()]
        for _ in range(2):
            await gradebook.post_score(attrs.evolve(GRADE, user_id="bob"), line_item=item)
    assert item.id == ITEM.replace("https:", "http:")
    assert platform.sent[1].url == asked
    assert all(request.url.startswith("https:") for request in platform.sent)
    said = [record for record in caplog.records if "by https" in record.getMessage()]
    assert len({record.getMessage() for record in said}) == len(said) >= 1


@pytest.mark.parametrize("known", ["token_url", "authorization_url", "jwks_url", "also_origins"])
async def test_an_endpoint_of_http_is_asked_by_https_where_the_registration_knows_the_host(known: str) -> None:
    platform = PaperPlatform([answer(200), answer(200, []), answer(200, {"members": []}), answer(200, {})])
    elsewhere: dict[str, Any] = {"token_url": "https://lms.example/token"}
    host = HOST if known == "token_url" else "https://school.example"
    if known != "token_url":
        elsewhere[known] = [host] if known == "also_origins" else f"{host}/x"
    told = Registration("https://lms.example", "tool-1", key=private_key(), **elsewhere)
    plain = host.replace("https:", "http:")
    client = platform.client()
    gradebook = client.gradebook(told, Endpoint(f"{plain}/items", f"{plain}/items/7", list(Scope)))
    await gradebook.post_score(GRADE)
    assert [item async for item in gradebook.line_items()] == []
    assert [one async for one in client.memberships(Memberships(told, f"{plain}/members"))] == []
    await client.service(told, f"{plain}/groups", scopes=["scope"]).request("GET")
    assert [request.url for request in platform.sent] == [
        f"{host}/{path}" for path in ("items/7/scores", "items", "members", "groups")
    ]


async def test_in_the_outbox_an_endpoint_of_http_is_asked_by_https_too() -> None:
    platform = PaperPlatform([answer(200)])
    plain = ITEM.replace("https:", "http:")
    async with platform.client() as client:
        outbox = Outbox(MemoryStore(), client, {"school": registration()}, runtime=platform.time.runtime())
        await outbox.put("school", Endpoint(None, plain, list(Scope)), GRADE)
        assert (await outbox.drain("school", plain)).recorded == 1
    assert platform.sent[0].url.startswith(f"{HOST}/")


@pytest.mark.parametrize(
    "url", ["http://elsewhere.example/2/lineitems", "http://lms.example@elsewhere.example/", "http://lms.example.test/"]
)
async def test_http_to_any_other_host_is_never_asked(url: str) -> None:
    platform = PaperPlatform([answer(200, [], link(url))])
    gradebook = platform.client().gradebook(registration(also_origins=[VANITY]), endpoint())
    with pytest.raises(UntrustedURLError, match=r"AIOAGS_HTTP_ORIGINS|user name"):
        assert [item async for item in gradebook.line_items()] == []
    assert [request.url for request in platform.sent] == [CONTAINER]


async def test_the_hosts_of_token_and_launch_are_not_trusted_with_the_token_for_that() -> None:
    platform = PaperPlatform([answer(200, [], link("https://sso.vendor.example/items"))])
    told = registration(authorization_url="https://sso.vendor.example/auth", jwks_url="https://sso.vendor.example/jwks")
    with pytest.raises(UntrustedURLError):
        assert [item async for item in platform.client().gradebook(told, endpoint()).line_items()] == []


@pytest.mark.parametrize(
    "wrong",
    [
        "https://lms.example",
        ["http://lms.example"],
        ["https://lms.example/"],
        ["https://lms.example/path"],
        ["https://lms.example?a"],
        ["https://u:secret@lms.example"],
        ["https://*.lms.example/x"],
        ["lms.example"],
        [7],
    ],
)
def test_what_is_no_origin_is_refused_when_the_registration_is_made(wrong: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="also_origins"):
        registration(also_origins=wrong)


def test_the_registration_shows_and_compares_them() -> None:
    one, other = registration(also_origins=[VANITY]), registration()
    assert one != other
    assert VANITY in repr(one)
    assert one.also_origins == (VANITY,)
