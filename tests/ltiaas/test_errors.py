"""
What LTIAAS says when it refuses, and what an error says of it.
"""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from aioags import (
    BrokenError,
    ForbiddenError,
    NotFoundError,
    PlatformError,
    RefusedError,
    Score,
    StaleScoreError,
    ThrottledError,
    UserNotGradableError,
)
from tests.fakes import Answer, answer
from tests.ltiaas.paper import API_KEY, ITEM, LTIK, SERVICE_KEY, gradebook_on_paper, on_paper, page

SCORE = Score.graded("user-0007", 5, score_maximum=10, comment="Between you and me")
# What an LMS may echo: of this score, and of somebody else's.
PRIVATE = ("user-0007", "Between you and me", "other-user", "Another comment", "87.25")


def refused(status: int, details: Any = None, error: str = "Some Error", **more: Any) -> Answer:
    """
    Return an error in LTIAAS's envelope.
    """
    return answer(status, {"status": status, "error": error, "details": details} | more)


def external(status: int, received: Any, **more: Any) -> Answer:
    """
    Return an error that the LMS made, in the third shape.
    """
    details = {
        "message": f"Request failed with status code {status}",
        "bodySent": {"userId": "user-0007", "comment": "Between you and me", "scoreGiven": 87.25},
        "bodyReceived": received,
        "externalError": True,
        "externalUrl": "https://lms.example/results?user_id=user-0007",
    }
    return refused(status, details | more)


async def error_of(*script: Answer, **arguments: Any) -> PlatformError:
    """
    Post a score, and return the error.
    """
    _, gradebook = gradebook_on_paper(*script, **arguments)
    with pytest.raises(PlatformError) as caught:
        await gradebook.post_score(SCORE, line_item=ITEM)
    return caught.value


def shown(error: PlatformError) -> str:
    """
    Return everything that an error shows.
    """
    return f"{error} {error!r} {error.words} {error.body} {error.args}"


async def test_401_of_an_ltik_asks_for_a_new_launch() -> None:
    details = {"message": "INVALID_LTIK_AUTH_AUTHORIZATION_HEADER", "description": "Invalid or expired ltik."}
    error = await error_of(refused(401, details, "Unauthorized"), ltik=LTIK)
    assert isinstance(error, ForbiddenError)
    assert (error.recorded, error.transient, error.status) == (False, False, 401)
    assert "a new launch is needed" in str(error)
    assert error.words == ("LTIAAS: Unauthorized; INVALID_LTIK_AUTH_AUTHORIZATION_HEADER; Invalid or expired ltik.")


async def test_401_of_a_service_key_asks_for_a_newer_one() -> None:
    error = await error_of(refused(401, {"message": "INVALID"}), service_key=SERVICE_KEY)
    assert "a newer service key is needed, from the idtoken of a later launch" in str(error)


async def test_401_of_the_lms_says_whose_it_is_and_what_may_help() -> None:
    error = await error_of(external(401, {"errors": {"message": "Insufficient permissions"}}), service_key=SERVICE_KEY)
    assert "the LMS behind LTIAAS refuses this" in str(error)
    assert "a newer service key is needed" in str(error)


async def test_the_idtoken_with_a_dead_ltik_asks_for_a_new_launch() -> None:
    paper, account = on_paper(refused(401, {"message": "INVALID_LTIK_AUTH_AUTHORIZATION_HEADER"}))
    with pytest.raises(ForbiddenError, match="a new launch is needed"):
        await account.idtoken(ltik=LTIK)
    assert len(paper.sent) == 1


@pytest.mark.parametrize(
    "details, words",
    [
        (
            {"message": "SERVICE_NOT_AVAILABLE_FOR_CONTEXT", "description": "Not here."},
            "SERVICE_NOT_AVAILABLE_FOR_CONTEXT",
        ),
        (
            {"errors": [{"message": "label is required"}, {"message": "scoreMaximum is required"}]},
            "label is required; ",
        ),
        ({"errors": ["label is required"]}, "label is required"),
        ({"code": "ECONNRESET", "message": "socket hang up"}, "ECONNRESET; "),
        (None, "LTIAAS: Some Error"),
        ("a text", "a text"),
    ],
)
async def test_each_shape_of_details_is_read(details: Any, words: str) -> None:
    error = await error_of(refused(400, details), ltik=LTIK)
    assert isinstance(error, RefusedError)
    assert words in error.words
    assert error.words.startswith("LTIAAS: ")


async def test_a_body_of_another_shape_came_from_the_lms() -> None:
    error = await error_of(answer(400, {"reason": "The score is bad."}), ltik=LTIK)
    assert error.words == "The score is bad."


@pytest.mark.parametrize(
    "received",
    [
        {"errors": [{"message": "No such thing for other-user", "value": 87.25, "comment": "Another comment"}]},
        "user-0007 other-user Another comment 87.25",
        [{"userId": "other-user"}],
        None,
    ],
)
async def test_bodies_of_people_are_neither_in_the_text_nor_in_the_body_of_an_error(received: Any) -> None:
    error = await error_of(external(400, received, code="ERR_BAD_REQUEST"), ltik=LTIK)
    assert [text for text in PRIVATE if text in shown(error)] == []
    assert '"bodySent": "[redacted]"' in error.body
    assert "ERR_BAD_REQUEST" in error.words


async def test_they_are_not_shown_wherever_they_stand() -> None:
    nested = {"errors": [{"cause": {"bodyReceived": {"userId": "other-user"}}}], "bodySent": "Another comment"}
    error = await error_of(refused(400, nested), ltik=LTIK)
    assert [text for text in PRIVATE if text in shown(error)] == []


async def test_they_are_not_shown_when_the_json_is_cut() -> None:
    cut = '{"status":400,"error":"Bad Request","details":{"bodyReceived":{"userId":"other-user","comm'
    error = await error_of(answer(400, cut), ltik=LTIK)
    assert [text for text in PRIVATE if text in shown(error)] == []
    assert "Bad Request" in error.body


async def test_moodles_reason_phrase_is_cut_before_the_request_in_it() -> None:
    """
    Moodle 4.5 puts the whole request into its reason phrase, which may come through as the error.
    """
    phrase = 'Incorrect score received{"userId":"other-user","comment":"Another comment"}'
    error = await error_of(refused(400, {"externalError": True, "bodyReceived": []}, phrase), ltik=LTIK)
    assert isinstance(error, UserNotGradableError)
    assert "Incorrect score received" in error.words
    assert [text for text in PRIVATE if text in shown(error)] == []


@pytest.mark.parametrize("status, reason", [(400, 'Bad{"comment":"Another comment"}')])
async def test_nor_is_ltiaass_own_reason_phrase_shown_with_a_request_in_it(status: int, reason: str) -> None:
    error = await error_of(answer(status, b"", reason=reason), ltik=LTIK)
    assert "Another comment" not in shown(error)


@pytest.mark.parametrize("echoed", [API_KEY, LTIK, f"LTIK-AUTH-V2 {API_KEY}:{LTIK}"])
async def test_an_echoed_key_is_not_shown(echoed: str) -> None:
    error = await error_of(refused(401, {"message": f"bad header: {echoed}"}), ltik=LTIK)
    assert API_KEY not in shown(error)
    assert LTIK not in shown(error)


async def test_a_user_id_in_a_pages_url_is_not_shown() -> None:
    following = "https://lms.example/results?user_id=user-0007"
    _, gradebook = gradebook_on_paper(page("scores", next=following), refused(404, {"message": "Gone"}))
    with pytest.raises(NotFoundError) as caught:
        await gradebook.get_result("user-0007")
    assert "user-0007" not in str(caught.value)


@pytest.mark.parametrize(
    "status, received",
    [
        (422, {"errors": {"type": "unprocessable_entity", "message": "User not found in course or is not a student"}}),
        (400, {"message": "User could not be found: 7"}),
        (400, []),
    ],
    ids=["canvas", "blackboard", "moodle"],
)
async def test_a_user_who_cannot_be_graded_is_told_by_the_lmss_words(status: int, received: Any) -> None:
    error = await error_of(external(status, received), ltik=LTIK)
    assert isinstance(error, UserNotGradableError)
    assert error.recorded is False


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
async def test_a_failure_leaves_open_whether_a_score_was_recorded(status: int) -> None:
    error = await error_of(refused(status, {"code": "ETIMEDOUT", "externalError": True}), ltik=LTIK)
    assert isinstance(error, BrokenError)
    assert (error.recorded, error.transient) == (None, True)


@pytest.mark.parametrize(
    "said",
    [
        refused(429, {"message": "Too many requests"}),
        external(403, "403 Forbidden (Rate Limit Exceeded)\n"),
        answer(403, "403 Forbidden (Rate Limit Exceeded)"),
    ],
    ids=["429", "canvas in an envelope", "canvas bare"],
)
async def test_a_throttle_is_one_in_every_disguise(said: Answer) -> None:
    paper, gradebook = gradebook_on_paper(said, answer(204))
    delivery = await gradebook.post_score(Score.graded("7", 1, score_maximum=1), line_item=ITEM)
    assert (delivery.recorded, delivery.attempts) == (True, 2)
    assert len(paper.time.slept) == 1


async def test_a_throttle_without_end_is_given_up_as_one() -> None:
    error = await error_of(answer(429, b"", ("Retry-After", "900")), ltik=LTIK)
    assert isinstance(error, ThrottledError)
    assert (error.recorded, error.retry_after) == (False, 900.0)


async def test_stale_is_tried_again_a_second_later_since_the_stamp_is_ltiaass_own() -> None:
    """
    Moodle compares whole seconds: a user's second score in the same second is refused.
    """
    paper, gradebook = gradebook_on_paper(external(409, []), answer(204))
    delivery = await gradebook.post_score(SCORE, line_item=ITEM)
    assert (delivery.recorded, delivery.attempts) == (True, 2)
    assert paper.time.slept == [1.0]


async def test_stale_without_end_is_given_up_as_such() -> None:
    error = await error_of(*[external(409, [])] * 5, ltik=LTIK)
    assert isinstance(error, StaleScoreError)
    assert (error.recorded, error.transient) == (False, True)


async def test_stale_after_a_lost_answer_proves_nothing_here() -> None:
    """
    Each try has a stamp of its own, so the one that is refused may be the only one that came.
    """
    plain = Score.graded("user-0007", 5, score_maximum=10)
    paper, gradebook = gradebook_on_paper(answer(502), external(409, []), answer(204))
    delivery = await gradebook.post_score(plain, line_item=ITEM)
    assert (delivery.recorded, delivery.attempts) == (True, 3)
    assert len(paper.sent) == 3


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_a_redirect_of_a_score_is_not_followed(status: int) -> None:
    error = await error_of(answer(status, b"", ("Location", "https://elsewhere.example/")), ltik=LTIK)
    assert isinstance(error, RefusedError)


async def test_errors_pickle() -> None:
    error = await error_of(external(422, {"message": "no"}), ltik=LTIK)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.body, type(again)) == (str(error), error.body, type(error))


async def test_deeply_nested_json_is_no_way_to_break_it() -> None:
    deep = '{"status":400,"error":"Bad","details":' + '{"a":' * 5_000 + "1" + "}" * 5_000 + "}"
    error = await error_of(answer(400, deep), ltik=LTIK)
    assert isinstance(error, RefusedError)
