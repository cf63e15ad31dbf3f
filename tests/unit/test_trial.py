"""
The retry table, row by row, without an event loop: what follows from each answer, and what an error may still claim.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import ITEM, TOKEN_URL, WALL, answer

from aioags import (
    AGSError,
    AuthorizationError,
    BrokenError,
    ForbiddenError,
    GrantMalformedError,
    GrantRefusedError,
    LostAnswerError,
    MalformedError,
    NotFoundError,
    RefusedError,
    RetryPolicy,
    StaleScoreError,
    ThrottledError,
    UnreachableError,
    UntrustedURLError,
    UserNotGradableError,
)
from aioags.protocol.acknowledgment import acknowledgment
from aioags.protocol.dialect import Operation, Repeat
from aioags.protocol.messages import Request, Response
from aioags.protocol.trial import Again, Done, Follow, GiveUp, Renew, Trial, is_final_for_all
from aioags.wire.scalars import load_json

POLICY = RetryPolicy(attempts=3, first_wait=1.0, longest_wait=8.0, total_time=60.0)
TRUSTED = frozenset({"https://lms.example:443"})
SCORE = "https://purl.imsglobal.org/spec/lti-ags/scope/score"


def operation(name: str, method: str, repeat: Repeat = Repeat.FREELY, **changes: Any) -> Operation[Any]:
    """
    Return an operation made by hand; a GET reads JSON, anything else wants a yes.
    """
    fields: dict[str, Any] = {"scopes": (SCORE,), "trusted": TRUSTED, "repeat": repeat} | changes

    def read(response: Response) -> Any:
        return load_json(response.body) if method == "GET" else acknowledgment(response)

    return Operation(name, Request(method, fields.pop("url", ITEM)), read=read, **fields)


KINDS = {
    "get": operation("get_line_item", "GET"),
    "update": operation("update_line_item", "PUT"),
    "delete": operation("delete_line_item", "DELETE"),
    "score": operation("post_score", "POST", Repeat.STAMPED),
    "comment": operation("post_score", "POST", Repeat.NEVER),
    "create": operation("create_line_item", "POST", Repeat.LOOK_FIRST),
    "token": operation("token", "POST", scopes=(), url=TOKEN_URL),
}
READS = {"get", "token"}
WRITES = set(KINDS) - READS
REPEATABLE_WRITES = {"update", "delete", "score"}
FREE = {"get", "update", "delete", "score", "token"}


def unreachable() -> AGSError:
    return UnreachableError("no connection", transient=True)


def lost() -> AGSError:
    return LostAnswerError("no whole answer", recorded=None, transient=True)


def trial(kind: str, policy: RetryPolicy = POLICY, **state: Any) -> Trial[Any]:
    """
    Return a trial that began at second 0.
    """
    return Trial(KINDS[kind], policy, **({"began": 0.0} | state))


def judged(one: Trial[Any], said: Response | AGSError, now: float = 1.0, jitter: float = 0.5, **more: Any) -> Any:
    """
    Judge an answer of which nothing else may be kept.
    """
    return one.judge(copy.copy(said), now=now, wall=WALL, jitter=jitter, **more)


def after_loss(kind: str) -> Trial[Any]:
    """
    Return a trial whose first try may have been applied.
    """
    one = trial(kind)
    assert isinstance(judged(one, lost(), now=0.0), Again)
    return one


# --- the table -----------------------------------------------------------------------------------------------------

HTML = answer(200, "<html>proxy</html>")
ROWS: dict[str, tuple[Response | AGSError, dict[str, str]]] = {
    # A kind that a row does not name gives up. "again" counts as a try, "wait" does not.
    "never left": (unreachable(), dict.fromkeys(KINDS, "again")),
    "no answer after it left": (lost(), dict.fromkeys(FREE, "again") | {"comment": "unknown", "create": "unknown"}),
    "408": (answer(408), dict.fromkeys(FREE, "again") | {"comment": "unknown", "create": "unknown"}),
    "500": (answer(500), dict.fromkeys(FREE, "again") | {"comment": "unknown", "create": "unknown"}),
    "502": (answer(502), dict.fromkeys(FREE, "again") | {"comment": "unknown", "create": "unknown"}),
    "503": (answer(503), dict.fromkeys(FREE, "again") | {"comment": "unknown", "create": "unknown"}),
    "504": (answer(504), dict.fromkeys(FREE, "again") | {"comment": "unknown", "create": "unknown"}),
    "425": (answer(425), dict.fromkeys(KINDS, "again")),
    "501": (answer(501), {}),
    "429": (answer(429), dict.fromkeys(KINDS, "wait")),
    "429 with a hint": (answer(429, b"", ("Retry-After", "7")), dict.fromkeys(KINDS, "wait")),
    "403 that says throttled": (answer(403, "403 Forbidden (Rate Limit Exceeded)"), dict.fromkeys(KINDS, "wait")),
    "403 with nothing left": (answer(403, b"", ("X-Rate-Limit-Remaining", "0.0")), dict.fromkeys(KINDS, "wait")),
    "503 with a hint": (answer(503, b"", ("Retry-After", "7")), dict.fromkeys(KINDS, "wait")),
    "401": (answer(401), dict.fromkeys(KINDS.keys() - {"token"}, "renew")),
    "403, fresh token": (answer(403), {}),
    "400": (answer(400), {}),
    "404": (answer(404), {}),
    "409": (answer(409), {}),
    "412": (answer(412), {}),
    "422": (answer(422), {}),
    "303": (answer(303, b"", ("Location", "https://lms.example/login")), {"get": "follow"}),
    "200, HTML": (HTML, dict.fromkeys(REPEATABLE_WRITES, "again") | {"comment": "unknown", "create": "unknown"}),
    "200, broken JSON": (answer(200, '{"a":'), dict.fromkeys(REPEATABLE_WRITES, "again") | {"comment": "unknown", "create": "unknown"}),
    "200 []": (answer(200, "[]"), {"get": "done"}),
    "200": (answer(200, '{"a": 1}'), dict.fromkeys(KINDS, "done")),
    "204": (answer(204), dict.fromkeys(WRITES | {"token"}, "done")),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("said, expected", ROWS.values(), ids=ROWS.keys())
def test_the_table_at_the_first_try(kind: str, said: Response | AGSError, expected: dict[str, str]) -> None:
    one = trial(kind)
    verdict = judged(one, said)
    match expected.get(kind, "give up"):
        case "again":
            assert isinstance(verdict, Again)
            assert (one.tries, one.throttles) == (1, 0)
        case "wait":
            assert isinstance(verdict, Again)
            assert isinstance(verdict.error, ThrottledError)
            assert (one.tries, one.throttles, one.lost) == (0, 1, False)
        case "unknown":
            assert isinstance(verdict, GiveUp)
            assert verdict.error.recorded is None
        case "renew":
            assert isinstance(verdict, Renew)
            assert one.tries == 0
        case "follow":
            assert isinstance(verdict, Follow)
        case "done":
            assert isinstance(verdict, Done)
        case _:
            assert isinstance(verdict, GiveUp)
            assert verdict.error.recorded is False


UNTOUCHED = [unreachable(), answer(425), answer(429), answer(403, "Rate Limit Exceeded"), answer(503, b"", ("Retry-After", "1"))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("said", UNTOUCHED, ids=["never left", "425", "429", "Canvas 403", "503 with a hint"])
def test_what_did_not_reach_the_gradebook_leaves_no_doubt(kind: str, said: Response | AGSError) -> None:
    one = trial(kind)
    assert isinstance(judged(one, said), Again)
    assert not one.lost
    assert isinstance(judged(one, answer(409), now=2.0), GiveUp)


# --- how often and how long ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [unreachable(), lost(), answer(500), answer(502), answer(425)])
@pytest.mark.parametrize("kind", sorted(FREE))
def test_attempts_bound_the_tries(kind: str, said: Response | AGSError) -> None:
    one = trial(kind)
    assert isinstance(judged(one, said), Again)
    assert isinstance(judged(one, said), Again)
    assert isinstance(judged(one, said), GiveUp)
    assert isinstance(judged(trial(kind, attrs.evolve(POLICY, attempts=1)), said), GiveUp)


def test_back_off_doubles_with_full_jitter_up_to_the_longest_wait() -> None:
    policy = RetryPolicy(attempts=100, first_wait=1.0, longest_wait=8.0, total_time=1e6)
    for jitter in (0.0, 0.25, 1.0):
        one = trial("get", policy)
        waits = [judged(one, answer(500), jitter=jitter).after for _ in range(6)]
        assert waits == [jitter * most for most in (1.0, 2.0, 4.0, 8.0, 8.0, 8.0)]


def test_throttles_do_not_consume_attempts_but_lengthen_the_wait() -> None:
    one = trial("score", attrs.evolve(POLICY, total_time=1e6))
    waits = [judged(one, answer(429), jitter=1.0).after for _ in range(70)]
    assert waits[:5] == [1.0, 2.0, 4.0, 8.0, 8.0]
    assert set(waits[5:]) == {8.0}
    assert [type(judged(one, answer(500))) for _ in range(3)] == [Again, Again, GiveUp]


HINTED = answer(429, b"", ("X-Rate-Limit-Reset", "42"), ("Retry-After", "7"))


@pytest.mark.parametrize(
    "said, wait",
    [
        (HINTED, 7.0),
        (answer(429, b"", ("Retry-After", "Thu, 01 Jan 2026 09:00:09 GMT")), 9.0),
        (answer(429, b"", ("Retry-After", "Thu, 01 Jan 2026 08:00:00 GMT")), 0.0),
        (answer(429, b"", ("X-Rate-Limit-Reset", "42")), 42.0),
        (answer(503, b"", ("Retry-After", "0")), 0.0),
        (answer(500, b"", ("Retry-After", "3")), 3.0),
        (answer(429), 0.5),
        (answer(500), 0.5),
        (unreachable(), 0.5),
    ],
)
def test_retry_after_beats_reset_beats_back_off(said: Response | AGSError, wait: float) -> None:
    verdict = judged(trial("score"), said, jitter=0.5)
    assert isinstance(verdict, Again)
    assert verdict.after == wait


def test_total_time_bounds_the_tries() -> None:
    assert isinstance(judged(trial("get"), answer(500), now=59.0, jitter=1.0), Again)
    assert isinstance(judged(trial("get"), answer(500), now=59.5, jitter=1.0), GiveUp)
    assert isinstance(judged(trial("get"), answer(500), now=100.0, jitter=0.0), GiveUp)
    assert isinstance(judged(trial("get"), answer(429), now=59.5, jitter=1.0), GiveUp)


def test_no_wait_is_cut_short() -> None:
    verdict = judged(trial("score"), answer(503, b"", ("Retry-After", "300")))
    assert isinstance(verdict, GiveUp)
    assert (verdict.error.retry_after, verdict.error.recorded, verdict.error.transient) == (300.0, False, True)
    # Exactly what is left is still waited for.
    verdict = judged(trial("score"), answer(429, b"", ("Retry-After", "59")), now=1.0)
    assert isinstance(verdict, Again)
    assert verdict.after == 59.0


def test_time_counts_from_the_first_try() -> None:
    assert trial("get").time_left(20.0) == 40.0
    assert Trial(KINDS["get"], POLICY).time_left(1e9) == 60.0
    assert trial("get", began=1e9).time_left(1e9 + 61) == -1.0


@given(
    st.sampled_from(sorted(FREE)),
    st.lists(st.tuples(st.sampled_from([429, 500, 408, 425]), st.floats(0, 1), st.floats(0, 5)), max_size=60),
)
def test_a_platform_that_never_recovers_is_left_in_time(kind: str, course: Iterable[tuple[int, float, float]]) -> None:
    one, now = trial(kind), 0.0
    for status, jitter, seconds in course:
        now += seconds
        verdict = judged(one, answer(status), now=now, jitter=jitter)
        if isinstance(verdict, GiveUp):
            return
        assert isinstance(verdict, Again)
        assert 0 <= verdict.after <= POLICY.longest_wait
        now += verdict.after
        assert now <= POLICY.total_time
        assert one.tries < POLICY.attempts


# --- doubt, once there, stays --------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [answer(409), answer(400, {"timestamp": ["Score already exists for the provided timestamp"]})])
def test_s7_stale_after_a_lost_answer_means_recorded(said: Response) -> None:
    assert judged(after_loss("score"), said) == Done(None)
    for doubtful in (answer(500), answer(408), HTML):
        one = trial("score")
        assert isinstance(judged(one, doubtful), Again)
        assert judged(one, said) == Done(None)


def test_s6_stale_at_the_first_attempt_is_an_error() -> None:
    verdict = judged(trial("score"), answer(409))
    assert isinstance(verdict, GiveUp)
    assert isinstance(verdict.error, StaleScoreError)
    assert verdict.error.recorded is False


def test_a_delete_that_finds_nothing_after_a_lost_answer_is_done() -> None:
    for gone in (answer(404), answer(410)):
        assert judged(after_loss("delete"), gone) == Done(None)
        assert isinstance(judged(trial("delete"), gone), GiveUp)
    # Only a DELETE: an update of what is gone did not happen.
    verdict = judged(after_loss("update"), answer(404))
    assert isinstance(verdict, GiveUp)
    assert isinstance(verdict.error, NotFoundError)


LATER: dict[str, Response | AGSError] = {
    "refused": answer(422),
    "user": answer(400, {"message": "User could not be found"}),
    "forbidden": answer(403),
    "rejected": answer(200, "[]"),
    "throttled for too long": answer(429, b"", ("Retry-After", "3600")),
    "not implemented": answer(501),
    "other origin": answer(307, b"", ("Location", "https://evil.example/")),
}


@pytest.mark.parametrize("kind", sorted(REPEATABLE_WRITES))
@pytest.mark.parametrize("said", LATER.values(), ids=LATER.keys())
def test_whatever_comes_after_a_lost_answer_nobody_knows(kind: str, said: Response | AGSError) -> None:
    verdict = judged(after_loss(kind), said)
    assert isinstance(verdict, GiveUp)
    assert verdict.error.recorded is None
    verdict = judged(trial(kind), said)
    assert isinstance(verdict, GiveUp)
    assert verdict.error.recorded is False


@pytest.mark.parametrize("said", [unreachable(), answer(425), answer(500), lost()])
def test_running_out_of_tries_after_a_lost_answer_nobody_knows(said: Response | AGSError) -> None:
    one = after_loss("score")
    judged(one, said)
    verdict = judged(one, said)
    assert isinstance(verdict, GiveUp)
    assert verdict.error.recorded is None


def test_running_out_of_time_after_a_lost_answer_nobody_knows() -> None:
    verdict = judged(after_loss("score"), unreachable(), now=1000.0)
    assert isinstance(verdict, GiveUp)
    assert verdict.error.recorded is None


@pytest.mark.parametrize("kind", sorted(READS))
@pytest.mark.parametrize(
    "said", [lost(), answer(500), MalformedError("too large", recorded=None, status=200, method="POST", url=TOKEN_URL)]
)
def test_what_writes_nothing_leaves_no_doubt(kind: str, said: Response | AGSError) -> None:
    one = trial(kind, attrs.evolve(POLICY, attempts=1))
    verdict = judged(one, said)
    assert isinstance(verdict, GiveUp)
    assert verdict.error.recorded is False
    assert not one.lost


def test_an_error_of_another_place_is_settled_as_well() -> None:
    error = after_loss("score").settled(UnreachableError("no token"))
    assert error.recorded is None
    assert trial("score").settled(UnreachableError("no token")).recorded is False
    assert after_loss("get").settled(UnreachableError("no token")).recorded is False


@pytest.mark.parametrize("kind", ["comment", "create"])
def test_s13_what_would_show_is_not_repeated_after_a_lost_answer(kind: str) -> None:
    for said in (lost(), answer(500), answer(408), HTML):
        one = trial(kind)
        verdict = judged(one, said)
        assert isinstance(verdict, GiveUp)
        assert verdict.error.recorded is None
        assert isinstance(verdict.error, (LostAnswerError, BrokenError, MalformedError))
    one = trial(kind)
    assert isinstance(judged(one, unreachable()), Again)
    assert isinstance(judged(one, answer(429)), Again)
    assert isinstance(judged(one, answer(401)), Renew)
    assert judged(one, answer(204)) == Done(None)


# --- tokens --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(WRITES | {"get"}))
def test_401_renews_once_whatever_the_token(kind: str) -> None:
    for cached in (True, False):
        one = trial(kind)
        assert isinstance(judged(one, answer(401), cached=cached), Renew)
        verdict = judged(one, answer(401), cached=False)
        assert isinstance(verdict, GiveUp)
        assert isinstance(verdict.error, ForbiddenError)


def test_a1_403_renews_only_a_token_from_the_cache() -> None:
    assert isinstance(judged(trial("score"), answer(403), cached=False), GiveUp)
    one = trial("score")
    assert isinstance(judged(one, answer(403), cached=True), Renew)
    assert isinstance(judged(one, answer(403), cached=True), GiveUp)
    one = trial("score")
    assert isinstance(judged(one, answer(403), cached=True), Renew)
    assert isinstance(judged(one, answer(401), cached=True), GiveUp)


def test_a_token_that_cannot_be_renewed_or_is_not_to_blame_is_kept() -> None:
    for status in (401, 403):
        assert isinstance(judged(trial("score"), answer(status), cached=True, renewable=False), GiveUp)


def test_s16_a_403_about_a_user_costs_no_token() -> None:
    verdict = judged(trial("score"), answer(403, {"detail": "User in requested score is not enrolled"}), cached=True)
    assert isinstance(verdict, GiveUp)
    assert isinstance(verdict.error, UserNotGradableError)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 303])
def test_t11_a_refused_token_is_an_authorization_error(status: int) -> None:
    verdict = judged(trial("token"), answer(status, {"error": "invalid_client"}), cached=True)
    assert isinstance(verdict, GiveUp)
    assert isinstance(verdict.error, GrantRefusedError)
    assert (verdict.error.status, verdict.error.code) == (status, "invalid_client")


def test_a_throttled_or_broken_token_endpoint_is_asked_again() -> None:
    one = trial("token")
    assert isinstance(judged(one, answer(429, b"", ("Retry-After", "5"))), Again)
    assert isinstance(judged(one, answer(500)), Again)
    assert isinstance(judged(one, answer(502)), Again)
    verdict = judged(one, answer(500))
    assert isinstance(verdict, GiveUp)
    assert isinstance(verdict.error, BrokenError)


def test_an_error_of_the_reader_is_given_up() -> None:
    def read(_: Response) -> Any:
        raise GrantMalformedError("no token in it", status=200)

    verdict = judged(Trial(attrs.evolve(KINDS["token"], read=read), POLICY), answer(200))
    assert isinstance(verdict, GiveUp)
    assert isinstance(verdict.error, GrantMalformedError)


@pytest.mark.parametrize(
    "error, final",
    [
        (ForbiddenError("no", status=401), True),
        (ForbiddenError("no", status=403), False),
        (GrantRefusedError("no", status=400), True),
        (GrantMalformedError("no"), True),
        (AuthorizationError("no", transient=True), False),
        (StaleScoreError("no", status=409), False),
        (BrokenError("no", status=500), False),
        (lost(), False),
        (None, False),
    ],
)
def test_which_refusals_hold_for_a_whole_batch(error: AGSError | None, final: bool) -> None:
    assert is_final_for_all(error) is final


# --- redirects -----------------------------------------------------------------------------------------------------


def redirect(status: int, target: str | None) -> Response:
    """
    Return an answer that points elsewhere.
    """
    return answer(status, b"", *(() if target is None else (("Location", target),)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize(
    "target, url",
    [
        ("https://lms.example/2/other?type_id=1&x=%2C", "https://lms.example/2/other?type_id=1&x=%2C"),
        ("https://LMS.example:443/x", "https://LMS.example:443/x"),
        ("/elsewhere?x=1", "https://lms.example/elsewhere?x=1"),
        ("?x=1", "https://lms.example/2/lineitems/7/lineitem?x=1"),
    ],
)
def test_a_redirect_that_keeps_the_method_is_followed_to_the_same_origin(
    kind: str, status: int, target: str, url: str
) -> None:
    one = trial(kind)
    assert judged(one, redirect(status, target)) == Follow(url)
    assert (one.tries, one.lost) == (0, False)


@pytest.mark.parametrize("status", [301, 302, 303])
@pytest.mark.parametrize("kind", KINDS)
def test_a_redirect_that_would_drop_the_score_is_not_followed(kind: str, status: int) -> None:
    verdict = judged(trial(kind), redirect(status, "https://lms.example/login"))
    if kind == "get":
        assert verdict == Follow("https://lms.example/login")
        return
    assert isinstance(verdict, GiveUp)
    assert isinstance(verdict.error, GrantRefusedError if kind == "token" else RefusedError)
    assert verdict.error.recorded is False


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "target",
    ["https://evil.example/li", "http://lms.example/li", "//evil.example/li", "https://lms.example:8443/", "mailto:x", "https://[x"],
)
def test_pitfall_4_no_redirect_takes_the_token_elsewhere(kind: str, target: str) -> None:
    verdict = judged(trial(kind), redirect(307, target))
    assert isinstance(verdict, GiveUp)
    assert isinstance(verdict.error, UntrustedURLError)
    assert verdict.error.recorded is False


@pytest.mark.parametrize("kind", KINDS)
def test_redirects_in_a_circle_end(kind: str) -> None:
    one = trial(kind)
    verdicts = [judged(one, redirect(307, ITEM)) for _ in range(4)]
    assert verdicts[:3] == [Follow(ITEM)] * 3
    assert isinstance(verdicts[3], GiveUp)


@pytest.mark.parametrize("said", [redirect(307, None), redirect(304, None), redirect(300, None)])
def test_a_redirect_to_nowhere_is_a_refusal(said: Response) -> None:
    for kind in ("get", "score"):
        verdict = judged(trial(kind), said)
        assert isinstance(verdict, GiveUp)
        assert isinstance(verdict.error, RefusedError)
