"""
Every refusal that was seen, as the right class with its facts, and without anything of the caller's (facts S3-S17,
N1, N2, A1-A3, L8, L10).
"""

from __future__ import annotations

import json
import pickle
from typing import Any

import attrs
import pytest

from aioags import (
    AGSError,
    BrokenError,
    ForbiddenError,
    LineItem,
    NotFoundError,
    RefusedError,
    Score,
    StaleScoreError,
    ThrottledError,
    UserNotGradableError,
)
from aioags.protocol.dialect import Operation
from aioags.protocol.messages import Response
from aioags.protocol.operations import DirectDialect
from aioags.protocol.refusals import is_throttled, malformed, refusal
from tests.fakes import CONTAINER, ITEM, SCORES, WALL, answer, endpoint

DIALECT = DirectDialect(endpoint())
USER = "5c1e3d6a-user"
COMMENT = 'see me after "class"\nplease'
SCORE = Score.graded(USER, 8, score_maximum=10, comment=COMMENT, scoring_user_id="teacher-77")

OPERATIONS: dict[str, Operation[Any]] = {
    "list": DIALECT.line_items(),
    "get": DIALECT.get_line_item(ITEM),
    "create": DIALECT.create_line_item(LineItem("Quiz", 10, resource_id="quiz-1")),
    "update": DIALECT.update_line_item(LineItem("Quiz", 10, id=ITEM)),
    "delete": DIALECT.delete_line_item(ITEM),
    "score": DIALECT.post_score(ITEM, SCORE, SCORE.timestamp),
    "results": DIALECT.results(ITEM, user_id=USER),
}
WRITES = {"create", "update", "delete", "score"}


def refused(name: str, response: Response) -> Any:
    """
    Read the answer to one of the operations.
    """
    return refusal(OPERATIONS[name], response, wall=WALL)


def echo(**more: Any) -> str:
    """
    Return the body of the score, as a platform throws it back.
    """
    return json.dumps({"userId": USER, "scoreGiven": 8, "comment": COMMENT, "scoringUserId": "teacher-77"} | more)


MOODLE_401 = {"status": 401, "reason": "Unauthorized", "request": {"method": "POST", "url": "/mod/lti/services.php/2"}}
HTML = "<!DOCTYPE html><html><head><title>Error</title></head><body>Call to a member function out()</body></html>"

# What it is: the answer, the class, and something the words say.
SCORE_REFUSALS: dict[str, tuple[Response, type[AGSError], str]] = {
    "S3 Moodle, not gradable": (
        answer(400, "[]", reason="Incorrect score received" + echo()),
        UserNotGradableError,
        "Incorrect score received",
    ),
    "S3 Moodle, the reason cut at 1024": (
        answer(400, "[]", reason=("Incorrect score received" + echo())[:60]),
        UserNotGradableError,
        "Incorrect score",
    ),
    "S4 Moodle over HTTP/2, no reason": (answer(400, "[]"), UserNotGradableError, ""),
    "S2 Moodle, 200 with an empty array": (answer(200, "[]"), UserNotGradableError, ""),
    "S16 Canvas": (
        answer(
            422, {"errors": {"type": "unprocessable_entity", "message": "User not found in course or is not a student"}}
        ),
        UserNotGradableError,
        "not a student",
    ),
    "S16 Canvas after a Rails upgrade": (
        answer(
            422,
            {"errors": {"type": "unprocessable_content", "message": "User not found in course or is not a student"}},
        ),
        UserNotGradableError,
        "not a student",
    ),
    "S16 Blackboard": (
        answer(400, {"status": 400, "message": f"User could not be found: {USER}"}),
        UserNotGradableError,
        "could not be found",
    ),
    "S16 Brightspace 403": (
        answer(403, {"detail": "User in requested score is not enrolled in the org unit"}),
        UserNotGradableError,
        "not enrolled",
    ),
    "S16 Brightspace 404": (
        answer(404, {"detail": "User in requested score does not exist"}),
        UserNotGradableError,
        "does not exist",
    ),
    "S16 Sakai": (answer(400, {"error": "User does not belong to site"}), UserNotGradableError, "does not belong"),
    "S6 Moodle, older or equal": (
        answer(409, "[]", reason="Refusing score with an earlier timestamp for item 2 and user 3"),
        StaleScoreError,
        "earlier",
    ),
    "S6 Moodle over HTTP/2": (answer(409, "[]"), StaleScoreError, ""),
    "S6 Canvas, older": (
        answer(
            400,
            {
                "errors": {
                    "type": "bad_request",
                    "message": "Provided timestamp of 2026-01-01T09:00:00.000Z before "
                    "last updated timestamp of 2026-01-01T09:00:01.000Z",
                }
            },
        ),
        StaleScoreError,
        "before last updated",
    ),
    "S6 Open edX, older": (
        answer(400, {"timestamp": ["Score timestamp can only be updated to a later point in time"]}),
        StaleScoreError,
        "later",
    ),
    "S6 Open edX, equal": (
        answer(400, {"timestamp": ["Score already exists for the provided timestamp"]}),
        StaleScoreError,
        "already exists",
    ),
    "S8 Blackboard, a bad date is not stale": (
        answer(400, {"status": 400, "message": "JSON parse error: Invalid date string: 2017-04-16T18:54:36"}),
        RefusedError,
        "Invalid",
    ),
    "S8 Canvas, an unreadable timestamp is not stale": (
        answer(
            400, {"errors": {"type": "bad_request", "message": "Provided timestamp of yesterday not a valid timestamp"}}
        ),
        RefusedError,
        "not a valid",
    ),
    "S15 Canvas": (
        answer(422, {"errors": {"message": "ScoreMaximum not supplied when ScoreGiven present."}}),
        RefusedError,
        "not supplied",
    ),
    "S15 Open edX": (answer(400, {"scoreMaximum": ["A valid number is required."]}), RefusedError, "valid number"),
    "S17 Canvas, course over": (
        answer(
            422,
            {
                "errors": {
                    "message": "This course has concluded. AGS requests will no longer be accepted for this course."
                }
            },
        ),
        RefusedError,
        "concluded",
    ),
    "S17 Canvas, unpublished, old shape": (
        answer(422, {"errors": [{"field": "grade", "message": "cannot be changed at this time", "error_code": None}]}),
        RefusedError,
        "cannot be changed",
    ),
    "S4 Canvas, gone": (
        answer(404, {"errors": [{"message": "The specified resource does not exist."}]}),
        NotFoundError,
        "does not exist",
    ),
    "S4 Canvas, deleted": (answer(404, b""), NotFoundError, ""),
    "S4 a plain text": (answer(400, "Bad Request"), RefusedError, "Bad Request"),
    "S4 nothing at all": (answer(400, b""), RefusedError, ""),
    "A1 Moodle": (answer(401, MOODLE_401), ForbiddenError, "Unauthorized"),
    "A2 Canvas": (
        answer(401, {"errors": {"type": "unauthorized", "message": "Insufficient permissions"}}),
        ForbiddenError,
        "Insufficient",
    ),
    "A1 Open edX": (
        answer(403, {"detail": "Authentication credentials were not provided."}),
        ForbiddenError,
        "credentials",
    ),
    "A1 Sakai": (answer(403, {"error": "signature_error"}), ForbiddenError, "signature_error"),
    "A2 Sakai": (answer(400, {"error": "invalid_scope"}), RefusedError, "invalid_scope"),
    "U1 the wrong route": (answer(405, b"", reason="Method Not Allowed"), RefusedError, "Method Not Allowed"),
    "U4 Open edX": (answer(415, {"detail": "Unsupported media type"}), RefusedError, "Unsupported"),
    "Moodle, wrong host": (answer(303, b"", ("Location", "http://lms.example/")), RefusedError, ""),
    "N4 a page with 404": (answer(404, HTML), NotFoundError, "an HTML page"),
}


@pytest.mark.parametrize("response, kind, said", SCORE_REFUSALS.values(), ids=SCORE_REFUSALS.keys())
def test_a_refused_score(response: Response, kind: type[AGSError], said: str) -> None:
    error = refused("score", response)
    assert type(error) is kind
    assert (error.recorded, error.transient, error.retry_after) == (False, False, None)
    assert (error.status, error.method, error.url) == (response.status, "POST", SCORES)
    assert said in error.words
    assert said in str(error)
    assert f"POST {SCORES} answered {response.status}" in str(error)


def test_3_4_9_a_stale_score_names_its_section() -> None:
    assert str(refused("score", answer(409))).endswith("[AGS 3.4.9]")


OTHER_REFUSALS: dict[str, tuple[str, Response, type[AGSError]]] = {
    "A3 Canvas, DELETE of the coupled item": ("delete", answer(401, b""), ForbiddenError),
    "L8 Open edX, DELETE": ("delete", answer(403, {"detail": "You do not have permission"}), ForbiddenError),
    "DELETE again": ("delete", answer(404, b"", reason="Not Found: Grade item 48 doesn't exist"), NotFoundError),
    "Moodle's reason on DELETE, if it ever sent one with 200": ("delete", answer(200, "[]"), RefusedError),
    "L10 Canvas": ("create", answer(412, b""), RefusedError),
    "L10 Moodle": ("create", answer(403, b"", reason="Forbidden"), ForbiddenError),
    "L4 Schoology": (
        "create",
        answer(400, {"error": 'Invalid parameter "body.id": "id" is not allowed'}),
        RefusedError,
    ),
    "U3 Moodle": ("list", answer(400, b"", reason="No context or unsupported content type"), RefusedError),
    "P7 Moodle, results with a limit": ("results", answer(404, HTML), NotFoundError),
    "gone": ("get", answer(410), NotFoundError),
    "409 is stale for scores alone": ("update", answer(409, {"error": "conflict"}), RefusedError),
    "a word about users is for scores alone": ("get", answer(404, {"error": "user not found"}), NotFoundError),
    "a word about timestamps is for scores alone": (
        "update",
        answer(400, {"error": "timestamp too early, not later"}),
        RefusedError,
    ),
}


@pytest.mark.parametrize("name, response, kind", OTHER_REFUSALS.values(), ids=OTHER_REFUSALS.keys())
def test_other_refusals(name: str, response: Response, kind: type[AGSError]) -> None:
    error = refused(name, response)
    assert type(error) is kind
    assert (error.recorded, error.transient) == (False, False)


CANVAS_403 = answer(
    403, "403 Forbidden (Rate Limit Exceeded)\n", ("X-Rate-Limit-Remaining", "0.0"), ("X-Request-Cost", "0.1")
)

THROTTLES: dict[str, tuple[Response, float | None]] = {
    "N1 Canvas, old": (CANVAS_403, None),
    "N1 Canvas, the text alone": (answer(403, "403 Forbidden (Rate Limit Exceeded)\n"), None),
    "N1 Canvas, nothing left": (answer(403, b"", ("X-Rate-Limit-Remaining", "0.0")), None),
    "N1 Canvas, the allowance alone": (answer(403, b"", ("X-Rate-Limit-Remaining", "-3.5")), None),
    "N1 Canvas, with something left": (
        answer(403, "403 Forbidden (Rate Limit Exceeded)\n", ("X-Rate-Limit-Remaining", "49.9")),
        None,
    ),
    "N1 Canvas, new": (answer(429, "429 Too Many Requests (Rate Limit Exceeded)"), None),
    "N2 Blackboard": (answer(429, {"status": 429}, ("Retry-After", "17")), 17.0),
    "N2 Brightspace": (answer(429, b"", ("X-Rate-Limit-Remaining", "0"), ("X-Rate-Limit-Reset", "42")), 42.0),
    "N2 both": (answer(429, b"", ("X-Rate-Limit-Reset", "42"), ("Retry-After", "3")), 3.0),
    "N2 a date": (
        answer(429, b"", ("Date", "Thu, 01 Jan 2026 10:00:00 GMT"), ("Retry-After", "Thu, 01 Jan 2026 10:00:09 GMT")),
        9.0,
    ),
    "Moodle, maintenance": (answer(503, HTML, ("Retry-After", "300"), reason="Moodle under maintenance"), 300.0),
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("response, wait", THROTTLES.values(), ids=THROTTLES.keys())
def test_n1_a_throttle_in_every_disguise(name: str, response: Response, wait: float | None) -> None:
    error = refused(name, response)
    assert type(error) is ThrottledError
    assert (error.recorded, error.transient, error.retry_after) == (False, True, wait)
    assert is_throttled(response)


@pytest.mark.parametrize(
    "response",
    [
        answer(403, {"detail": "You do not have permission"}),
        answer(403, b"", ("X-Rate-Limit-Remaining", "599.9")),
        answer(403, {"detail": "You do not have permission"}, ("X-Rate-Limit-Remaining", "-150.0")),
        answer(403, b"", ("X-Rate-Limit-Remaining", "lots")),
        answer(503, HTML),
        answer(503, HTML, ("X-Rate-Limit-Reset", "42"), ("X-Rate-Limit-Remaining", "100")),
        answer(401, "403 Forbidden (Rate Limit Exceeded)"),
        answer(400, b"", ("Retry-After", "5")),
        answer(200, "rate limit exceeded"),
    ],
)
def test_n1_what_is_no_throttle(response: Response) -> None:
    assert not is_throttled(response)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize(
    "status, transient, untouched",
    [
        (408, True, False),
        (425, True, True),
        (500, True, False),
        (501, False, True),
        (502, True, False),
        (503, True, False),
        (504, True, False),
        (599, True, False),
    ],
)
def test_a_broken_platform_may_have_applied_a_write(name: str, status: int, transient: bool, untouched: bool) -> None:
    error = refused(name, answer(status, HTML))
    assert type(error) is BrokenError
    assert error.transient is transient
    assert error.recorded is (None if name in WRITES and not untouched else False)
    assert error.words == "an HTML page"
    assert error.retry_after is None


def test_a_broken_platform_may_say_when_to_come_back() -> None:
    assert refused("get", answer(500, b"", ("Retry-After", "4"))).retry_after == 4.0
    counters = (("X-Rate-Limit-Remaining", "100"), ("X-Rate-Limit-Reset", "42"))
    assert refused("get", answer(500, b"", *counters)).retry_after is None


def test_a4_moodle_with_a_locked_grade_refuses_for_now() -> None:
    error = refused("score", answer(500, "[]", reason="Internal Server Error"))
    assert type(error) is RefusedError
    assert (error.recorded, error.transient) == (False, True)
    assert "locked" in str(error)
    assert "locked" not in str(refused("score", answer(500, HTML)))
    assert "locked" not in str(refused("update", answer(500, "[]")))


@pytest.mark.parametrize("status", [401, 404, 422])
def test_an_empty_array_says_nothing_of_the_user_unless_moodle_would_say_it_so(status: int) -> None:
    assert not isinstance(refused("score", answer(status, "[]")), UserNotGradableError)


@pytest.mark.parametrize("status", [404, 422])
def test_s6_words_about_timestamps_count_with_400_alone(status: int) -> None:
    said = answer(status, {"errors": {"message": "submitted timestamp is later than the lock date"}})
    assert not isinstance(refused("score", said), StaleScoreError)


@pytest.mark.parametrize("status, elsewhere", [(299, False), (300, True), (303, True), (399, True), (400, False)])
def test_a_platform_that_sends_a_score_elsewhere_has_another_host(status: int, elsewhere: bool) -> None:
    assert ("check the host" in str(refused("score", answer(status)))) is elsewhere


def test_another_back_end_may_word_its_refusals_otherwise() -> None:
    def reading(operation: Operation[Any], response: Response, wall: float) -> RefusedError:
        return RefusedError(f"{operation.name} at {wall}", status=response.status)

    operation = attrs.evolve(OPERATIONS["get"], refusal=reading)
    assert refusal(operation, answer(500), wall=5.0).message == "get_line_item at 5.0"


ECHOES = {
    "JSON": answer(422, {"errors": {"message": f"cannot grade {USER}: {COMMENT}"}, "request": json.loads(echo())}),
    "JSON text": answer(400, echo(error="not valid")),
    "JSON of PHP": answer(400, echo(error="x").replace("/", "\\/")),
    "message that holds JSON": answer(400, {"message": echo()}),
    "plain text": answer(400, f"score of {USER} with {COMMENT} by teacher-77 refused"),
    "one line": answer(400, f"score of {USER} with {' '.join(COMMENT.split())} by teacher-77 refused"),
    "reason phrase": answer(400, b"", reason="Incorrect score received" + echo()),
    "reason phrase without JSON": answer(400, b"", reason=f"user {USER} {COMMENT} by teacher-77".replace("\n", " ")),
    "cut": answer(400, "bad request: " + echo()[: echo().index("after") + 3]),
    "page": answer(500, f"<html><pre>{echo()}</pre></html>"),
    "throttle": answer(429, echo()),
    "forbidden": answer(403, {"error": f"{USER} may not", "details": [echo()]}),
    "gone": answer(404, {"error": COMMENT}),
    "stale": answer(409, {"timestamp": [f"a later one of {USER} with {COMMENT}"]}),
    "Moodle's 200": answer(200, "[]", reason=echo()),
}


@pytest.mark.parametrize("response", ECHOES.values(), ids=ECHOES.keys())
def test_pitfall_18_an_echo_of_the_score_is_never_shown(response: Response) -> None:
    for error in (refused("score", response), malformed(OPERATIONS["score"], response, "the body is an HTML page")):
        shown = f"{error} {error!r} {error.body} {error.words} {pickle.loads(pickle.dumps(error))}"
        for private in (USER, "see me after", "teacher-77", "class", "please"):
            assert private not in shown, shown
        assert len(str(error).splitlines()) == 1


def test_pitfall_18_a_user_in_the_url_is_not_shown() -> None:
    error = refused("results", answer(404, {"error": f"no results for {USER}"}))
    assert USER in error.url
    assert USER not in f"{error} {error!r} {error.body}"


@pytest.mark.parametrize(
    "body",
    [b"Bearer 3714bfd0e53f66ec60c5d4bb81c9d2da expired", b'{"error": "no token 3714bfd0e53f66ec60c5d4bb81c9d2da"}'],
)
def test_a_token_is_never_shown(body: bytes) -> None:
    error = refused("list", answer(401, body))
    assert "3714bfd0" not in f"{error} {error!r} {error.body}"
    assert "3714bfd0" not in repr(answer(401, body))


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_unreadable_success_is_unknown_for_a_write(name: str) -> None:
    error = malformed(OPERATIONS[name], answer(200, HTML), "the body is an HTML page")
    assert error.recorded is (None if name in WRITES else False)
    assert (error.status, error.method) == (200, OPERATIONS[name].request.method)
    assert "the body is an HTML page" in str(error)
    assert not error.transient


def test_the_url_of_an_error_is_the_one_that_was_sent() -> None:
    assert refused("list", answer(400)).url == CONTAINER


def test_an_operation_and_its_messages_show_nothing_private() -> None:
    operation = OPERATIONS["score"]
    shown = (
        repr(operation)
        + repr(operation.request)
        + repr(answer(400, echo(), ("Authorization", "Bearer x"), reason=echo()))
    )
    for private in (USER, "see me after", "teacher-77", "Bearer"):
        assert private not in shown


@pytest.mark.parametrize("unit", ["user ", "timestamp ", "user not ", "rate limit ", "a"])
def test_a_hostile_body_costs_no_more_than_its_length(unit: str) -> None:
    assert refused("score", answer(422, unit * 13_000)).status == 422
