"""
Answers of platforms that the emulator has no profile of, in the bytes that were reported: ILIAS, OpenOLAT, Chamilo,
Coursera. K6, K7 and K8 are rows of ``docs/emulator.md``.
"""

from __future__ import annotations

import json

import pytest

from aioags import ForbiddenError, NotFoundError, Score, UserNotGradableError
from aioags.memberships import Memberships
from tests.fakes import HOST, PaperPlatform, answer, header, item_record, registration

ILIAS = b'{"status":404,"reason":"User not available","request":{"method":"POST"}}'
CHAMILO = b'{"error":"Authorization token expired."}'
COURSERA = b'{"errorCode":"requirement failed: Invalid grade: 2.0","message":null,"details":null}'
COURSE = Memberships(registration(), f"{HOST}/members?course=2")


def score(user: str = "user-1", given: float = 8) -> Score:
    return Score.graded(user, given, score_maximum=10)


@pytest.mark.parametrize("body, words", [(ILIAS, "User not available"), (b"", "")], ids=["ILIAS", "OpenOLAT"])
async def test_K6_404_for_a_score_is_about_the_person_where_the_item_is_there(body: bytes, words: str) -> None:
    with pytest.raises(UserNotGradableError) as caught:
        await PaperPlatform([answer(404, body), answer(200, item_record())]).gradebook().post_score(score())
    assert (caught.value.recorded, caught.value.status, caught.value.words) == (False, 404, words)


async def test_K6_404_for_a_score_is_about_the_item_where_that_is_gone() -> None:
    with pytest.raises(NotFoundError) as caught:
        gone = answer(404, b"")
        # The score, the line item, the others, the line item again.
        await PaperPlatform([gone, gone, answer(200, []), gone]).gradebook().post_score(score())
    assert not isinstance(caught.value, UserNotGradableError)


async def test_K6_open_olat_has_no_result_of_an_ungraded_user() -> None:
    platform = PaperPlatform([answer(404, b""), answer(200, item_record()), answer(404, b"")])
    assert await platform.gradebook().get_result("user-1") is None


async def test_K6_coursera_refuses_one_score_and_the_next_one_goes() -> None:
    platform = PaperPlatform([answer(403, COURSERA), answer(200)])
    gradebook = platform.gradebook()
    with pytest.raises(ForbiddenError) as caught:
        await gradebook.post_score(score(given=2))
    assert caught.value.recorded is False
    assert (await gradebook.post_score(score("user-2"))).recorded


async def test_K7_chamilo_says_400_of_a_token_that_is_over() -> None:
    platform = PaperPlatform([answer(200), answer(400, CHAMILO), answer(200)])
    gradebook = platform.gradebook()
    await gradebook.post_score(score())
    assert (await gradebook.post_score(score())).recorded
    assert [header(request, "Authorization")[0] for request in platform.sent] == [
        "Bearer token-1",
        "Bearer token-1",
        "Bearer token-2",
    ]


async def test_K7_others_say_so_in_a_header() -> None:
    challenge = ("WWW-Authenticate", 'Bearer error="invalid_token"')
    platform = PaperPlatform([answer(400, b"", challenge), answer(200)])
    assert (await platform.gradebook().post_score(score())).recorded


@pytest.mark.parametrize(
    "role",
    [
        "LEARNER",
        "urn:lti:role:ims/lis/Learner",
        "http://purl.imsglobal.org/vocab/lis/v2/membership#learner",
    ],
    ids=["OpenOLAT", "LTI 1.1", "lower case"],
)
async def test_K8_a_learner_is_found_however_the_role_is_written(role: str) -> None:
    page = json.dumps({"members": [{"user_id": "1", "roles": [role]}, {"user_id": "2", "roles": ["MENTOR"]}]}).encode()
    client = PaperPlatform([answer(200, page)]).client()
    assert [member.user_id async for member in client.memberships(COURSE, role="Learner")] == ["1"]
