"""
What a trial remembers: doubt once there stays, a token is renewed once, and no redirect takes the token elsewhere.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

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
    StaleScoreError,
    UnreachableError,
    UntrustedURLError,
    UserNotGradableError,
)
from aioags.protocol.dialect import Operation
from aioags.protocol.messages import Response
from aioags.protocol.trial import Again, Done, Follow, GiveUp, Renew, Trial, is_final_for_all
from tests.fakes import ITEM, TOKEN_URL, answer
from tests.unit.trials import (
    HTML,
    KINDS,
    POLICY,
    READS,
    REPEATABLE_WRITES,
    WRITES,
    after_loss,
    judged,
    lost,
    trial,
    unreachable,
)

# --- doubt, once there, stays --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said", [answer(409), answer(400, {"timestamp": ["Score already exists for the provided timestamp"]})]
)
def test_a2_stale_after_a_lost_answer_is_nobodys_word_where_nothing_can_be_looked_at(said: Response) -> None:
    for doubtful in (lost(), answer(500), answer(408)):
        one = trial("score")
        assert isinstance(judged(one, doubtful), Again)
        verdict = judged(one, said)
        assert isinstance(verdict, GiveUp)
        assert type(verdict.error) is LostAnswerError
        assert verdict.error.recorded is None
        assert isinstance(verdict.error.__cause__, StaleScoreError)


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


def test_a_token_is_renewed_again_only_within_the_time_of_the_call() -> None:
    """
    Where a token takes longer than a minute each time, a person who is never let in must not keep a call for ever.
    """
    policy = attrs.evolve(POLICY, total_time=120.0)
    one = Trial(KINDS["score"], policy)
    one.entered(0.0, 0, None)
    assert isinstance(judged(one, answer(401), now=1.0), Renew)
    assert isinstance(judged(one, answer(401), now=90.0), Renew)
    assert isinstance(judged(one, answer(401), now=180.0), GiveUp)
    # The first time it may be the outage that the call waited for.
    late = Trial(KINDS["score"], policy)
    late.entered(0.0, 0, None)
    assert isinstance(judged(late, answer(401), now=125.0), Renew)


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


@pytest.mark.parametrize(
    "error, tries", [(GrantMalformedError("no token in it", status=200), 2), (GrantRefusedError("no", status=200), 1)]
)
def test_of_errors_of_the_reader_a_page_where_a_token_was_due_is_asked_for_once_more(
    error: AGSError, tries: int
) -> None:
    def read(_: Response) -> Any:
        raise error.copied()

    one = Trial(attrs.evolve(KINDS["token"], read=read), POLICY)
    for _ in range(tries - 1):
        assert isinstance(judged(one, answer(200)), Again)
    verdict = judged(one, answer(200))
    assert isinstance(verdict, GiveUp)
    assert type(verdict.error) is type(error)
    single = Trial(attrs.evolve(KINDS["token"], read=read), attrs.evolve(POLICY, attempts=1))
    assert isinstance(judged(single, answer(200)), GiveUp)


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
    [
        "https://evil.example/li",
        "http://other.example/li",
        "//evil.example/li",
        "https://lms.example:8443/",
        "mailto:x",
        "https://[x",
    ],
)
def test_pitfall_4_no_redirect_takes_the_token_elsewhere(kind: str, target: str) -> None:
    verdict = judged(trial(kind), redirect(307, target))
    assert isinstance(verdict, GiveUp)
    # Of a token request it is told as a refusal of the grant, which says which setting to correct.
    assert isinstance(verdict.error, GrantRefusedError if kind == "token" else UntrustedURLError)
    assert verdict.error.recorded is False


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_redirect_to_http_on_the_same_host_is_followed_by_https(kind: str) -> None:
    verdict = judged(trial(kind), redirect(307, "http://lms.example/li"))
    assert verdict == Follow("https://lms.example/li")


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


def test_only_3xx_is_a_redirect() -> None:
    assert judged(trial("get"), redirect(300, ITEM)) == Follow(ITEM)
    for status in (200, 400, 404):
        assert not isinstance(judged(trial("get"), redirect(status, ITEM)), Follow)


def test_a_relative_redirect_without_an_address_counts_from_the_request() -> None:
    said = attrs.evolve(redirect(307, "?x=1"), url="")
    assert judged(trial("score"), said) == Follow("https://lms.example/2/lineitems/7/lineitem?x=1")


# --- what another back end may say ---------------------------------------------------------------------------------


def test_a_call_that_needs_no_scope_renews_no_token() -> None:
    verdict = judged(Trial(attrs.evolve(KINDS["get"], scopes=()), POLICY), answer(401), cached=True)
    assert isinstance(verdict, GiveUp)
    assert isinstance(verdict.error, ForbiddenError)


def test_stale_for_the_moment_is_not_recorded_but_tried_again() -> None:
    def refusal(_: Operation[Any], response: Response, __: float) -> StaleScoreError:
        return StaleScoreError("another one is on its way", status=response.status, transient=True)

    one = Trial(attrs.evolve(KINDS["score"], refusal=refusal), POLICY, began=0.0)
    assert isinstance(judged(one, answer(409)), Again)
    assert isinstance(judged(one, lost()), Again)
    verdict = judged(one, answer(409))
    assert isinstance(verdict, GiveUp)
    assert verdict.error.recorded is None


def test_an_unreadable_answer_to_a_reading_call_is_tried_again_only_if_it_says_so() -> None:
    for transient, kind in ((True, Again), (False, GiveUp)):
        said = MalformedError("cut short", transient=transient, status=200, method="GET", url=ITEM)
        assert isinstance(judged(trial("get"), said), kind)
