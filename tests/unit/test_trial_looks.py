"""
What a trial does in doubt: it looks at the platform for what a lost answer left, and says what each page means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from aioags import (
    AGSError,
    BrokenError,
    ForbiddenError,
    LostAnswerError,
    MalformedError,
    NotOfferedError,
    RefusedError,
    RetryPolicy,
    StaleScoreError,
    ThrottledError,
    UnreachableError,
    UntrustedURLError,
)
from aioags.protocol.dialect import Operation, Page
from aioags.protocol.messages import Response
from aioags.protocol.trial import Again, Done, GiveUp, Trial
from aioags.protocol.verdicts import Differs, Look, Search
from tests.fakes import answer
from tests.unit.trials import HTML, POLICY, TRUST, judged, lost, operation, trial, unreachable

FIRST = operation("line_items", "GET", url="https://lms.example/list")
OURS = "ours"
INSTEAD = "something else in its place"


def page_operation(key: str) -> Operation[Any]:
    """
    Make the operation for a further page; only trusted ones can be had.
    """
    if not key.startswith("https://lms.example/"):
        raise UntrustedURLError("another origin")
    return operation("line_items", "GET", url=key, trust=TRUST)


def recognise(record: Any) -> Done[Any] | Differs | None:
    """
    Recognise what is ours, or what stands in its place.
    """
    if record == INSTEAD:
        return Differs()
    return Done(record) if record == OURS else None


def search(*, creates: bool = True) -> Search[Any]:
    """
    Return a way to look for `OURS`.
    """
    return Search(FIRST, page_operation, recognise, creates=creates)


def searching(kind: str, policy: RetryPolicy = POLICY, *, creates: bool = True) -> Trial[Any]:
    """
    Return a trial that knows how to search.
    """
    return trial(kind, policy, search=lambda: search(creates=creates), confirm=True)


def in_doubt(said: Response | AGSError | None = None, policy: RetryPolicy = POLICY, *, creates: bool = True) -> Any:
    """
    Return a trial of a creation whose answer was lost, about to read the first page.
    """
    one = searching("create", policy, creates=creates)
    assert judged(one, said or lost()) == Look(FIRST)
    return one


def looked(one: Trial[Any], *records: Any, then: str | None = None, now: float = 2.0, jitter: float = 0.5) -> Any:
    """
    Hand a page over.
    """
    return one.looked(Page(list(records), then), now=now, jitter=jitter)


def given_up(verdict: Any) -> AGSError:
    """
    Return the error of the verdict that ends in doubt.
    """
    assert isinstance(verdict, GiveUp)
    assert verdict.error.recorded is None
    return verdict.error


# --- when it looks -------------------------------------------------------------------------------------------------

AMBIGUOUS: dict[str, Response | AGSError] = {"lost": lost(), "500": answer(500), "408": answer(408), "page": HTML}


@pytest.mark.parametrize("kind", ["create", "comment"])
@pytest.mark.parametrize("said", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_what_must_not_be_repeated_blindly_is_looked_for_at_once(kind: str, said: Response | AGSError) -> None:
    one = searching(kind)
    assert judged(one, said) == Look(FIRST)
    assert one.doubt is not None
    assert one.doubt.recorded is None


@pytest.mark.parametrize("said", [answer(400), answer(404), answer(403), answer(409), answer(429), answer(501)])
@pytest.mark.parametrize("kind", ["create", "comment", "score"])
def test_a_refusal_leaves_nothing_to_look_for(kind: str, said: Response) -> None:
    one = searching(kind, attrs.evolve(POLICY, attempts=1, total_time=0.1))
    verdict = judged(one, said)
    assert isinstance(verdict, GiveUp)
    assert verdict.error.recorded is False
    assert one.doubt is None


def test_what_may_be_repeated_is_looked_for_only_in_the_end() -> None:
    one = searching("score", creates=False)
    assert isinstance(judged(one, lost()), Again)
    assert isinstance(judged(one, lost()), Again)
    assert judged(one, lost()) == Look(FIRST)
    assert looked(one, OURS) == Done(OURS)


def test_a_refusal_after_a_lost_answer_is_looked_into() -> None:
    one = searching("score", creates=False)
    assert isinstance(judged(one, lost()), Again)
    assert judged(one, answer(422)) == Look(FIRST)
    assert isinstance(given_up(looked(one)), RefusedError)


def test_an_error_of_another_place_is_looked_into_as_well() -> None:
    one = searching("score", creates=False)
    judged(one, lost())
    assert one.give_up(UnreachableError("no token")) == Look(FIRST)
    untouched = searching("score", creates=False).give_up(UnreachableError("no token"))
    assert isinstance(untouched, GiveUp)
    assert untouched.error.recorded is False


def test_a_call_that_only_reads_is_never_in_doubt() -> None:
    verdict = judged(searching("get", attrs.evolve(POLICY, attempts=1)), lost())
    assert isinstance(verdict, GiveUp)
    assert verdict.error.recorded is False


def test_a_search_is_made_once_and_only_in_doubt() -> None:
    made: list[Search[Any]] = []

    def make() -> Search[Any]:
        made.append(search())
        return made[-1]

    one = trial("create", search=make, confirm=True)
    judged(one, answer(429))
    judged(one, unreachable())
    assert made == []
    judged(one, lost())
    looked(one)
    judged(one, lost())
    assert len(made) == 1


# --- found ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("records", [[OURS], ["other", OURS], [OURS, OURS]])
@pytest.mark.parametrize("creates", [True, False])
def test_what_is_found_was_done(records: list[str], creates: bool) -> None:
    # Also with a further page: there is nothing left to look for.
    assert looked(in_doubt(creates=creates), *records, then="https://lms.example/list?2") == Done(OURS)


@pytest.mark.parametrize("first", [[], ["other"]], ids=["an empty page before", "others before"])
def test_what_is_found_on_the_second_page_was_done(first: list[str]) -> None:
    one = in_doubt()
    second = looked(one, *first, then="https://lms.example/list?2")
    assert isinstance(second, Look)
    assert second.operation.request.url == "https://lms.example/list?2"
    assert looked(one, "other", OURS) == Done(OURS)


def test_a2_something_else_in_its_place_is_newer_where_the_platform_said_stale() -> None:
    one = searching("score", creates=False)
    judged(one, lost())
    assert judged(one, answer(409)) == Look(FIRST)
    error = given_up(looked(one, "other", INSTEAD, OURS))
    assert type(error) is StaleScoreError
    assert error.recorded is None


def test_a2_something_else_in_its_place_settles_nothing_otherwise() -> None:
    error = given_up(looked(in_doubt(creates=False), "other", INSTEAD, OURS))
    assert type(error) is LostAnswerError
    assert error.recorded is None


def test_a2_stale_after_a_lost_answer_is_looked_into_whoever_asks_for_it() -> None:
    for confirm in (True, False):
        one = trial("score", search=search, confirm=confirm)
        judged(one, lost())
        assert judged(one, answer(409)) == Look(FIRST)
        assert looked(one, "other", OURS) == Done(OURS)


def test_a3_what_nobody_knows_who_said_is_looked_into_whoever_asks_for_it() -> None:
    for kind in ("score", "comment"):
        one = trial(kind, search=search)
        assert judged(one, HTML) == Look(FIRST)


def test_a_lost_answer_is_looked_into_only_for_who_asks_for_it() -> None:
    assert isinstance(judged(trial("comment", search=search), lost()), GiveUp)
    assert judged(trial("comment", search=search, confirm=True), lost()) == Look(FIRST)


# --- nowhere -------------------------------------------------------------------------------------------------------


def test_what_was_to_be_created_and_is_nowhere_is_made_again_until_the_attempts_end() -> None:
    one = in_doubt()
    doubts = [one.doubt]
    assert looked(one) == Again(0.5, one.doubt)
    judged(one, answer(500))
    doubts.append(one.doubt)
    assert looked(one, "other") == Again(1.0, one.doubt)
    assert judged(one, lost()) == Look(FIRST)
    doubts.append(one.doubt)
    error = given_up(looked(one))
    assert error is doubts[-1]
    assert len({id(doubt) for doubt in doubts}) == 3
    assert (one.tries, POLICY.attempts) == (3, 3)


@pytest.mark.parametrize("now, again", [(59.4, True), (59.6, False), (1000.0, False)])
def test_what_is_nowhere_is_made_again_only_within_the_total_time(now: float, again: bool) -> None:
    one = in_doubt()
    verdict = looked(one, now=now)
    assert isinstance(verdict, Again if again else GiveUp)


def test_a_platform_that_says_when_to_come_back_is_not_asked_before() -> None:
    one = in_doubt(answer(500, b"", ("Retry-After", "20")))
    assert looked(one) == Again(20.0, one.doubt)
    one = in_doubt(answer(500, b"", ("Retry-After", "3600")))
    assert isinstance(given_up(looked(one)), BrokenError)


def test_what_was_found_nowhere_is_forgotten_when_the_next_try_is_refused() -> None:
    one = in_doubt()
    assert isinstance(looked(one), Again)
    verdict = judged(one, answer(422))
    assert isinstance(verdict, GiveUp)
    assert isinstance(verdict.error, RefusedError)
    assert verdict.error.recorded is False
    one = in_doubt()
    looked(one)
    assert judged(one, answer(201, "{}")).value is not None


def test_a_later_search_begins_at_its_first_page() -> None:
    one = in_doubt()
    assert isinstance(looked(one, then="https://lms.example/list?2"), Look)
    assert isinstance(looked(one), Again)
    assert judged(one, lost()) == Look(FIRST)
    # The pages of the earlier search do not count as read.
    assert isinstance(looked(one, then="https://lms.example/list?2"), Look)
    assert looked(one, OURS) == Done(OURS)


def test_the_absence_of_a_score_proves_nothing() -> None:
    one = in_doubt(creates=False)
    doubt = one.doubt
    error = given_up(looked(one, "other"))
    assert error is doubt
    assert isinstance(error, LostAnswerError)
    assert error.__cause__ is None


# --- no way to look ------------------------------------------------------------------------------------------------

CANNOT = [
    BrokenError("the platform failed", status=500),
    ForbiddenError("not this tool", status=403),
    ThrottledError("later", status=429, retry_after=3600.0),
    MalformedError("no JSON", status=200),
    UnreachableError("no connection"),
]


@pytest.mark.parametrize("creates", [True, False])
@pytest.mark.parametrize("why", CANNOT, ids=lambda why: type(why).__name__)
def test_a_look_that_fails_leaves_the_doubt_with_that_as_its_cause(why: AGSError, creates: bool) -> None:
    one = in_doubt(creates=creates)
    doubt = one.doubt
    error = given_up(one.looked(why, now=2.0, jitter=0.5))
    assert error is doubt
    assert error.__cause__ is why


def test_a_second_page_that_fails_leaves_the_doubt() -> None:
    one = in_doubt()
    looked(one, then="https://lms.example/list?2")
    assert given_up(one.looked(CANNOT[0], now=2.0, jitter=0.5)).__cause__ is CANNOT[0]


def test_a_page_of_another_origin_leaves_the_doubt() -> None:
    error = given_up(looked(in_doubt(), then="https://evil.example/list?2"))
    assert isinstance(error, LostAnswerError)
    assert isinstance(error.__cause__, UntrustedURLError)


def test_a_search_that_is_not_offered_leaves_the_doubt() -> None:
    refused = NotOfferedError("the endpoint lacks the result scope")

    def unable() -> Search[Any]:
        raise refused

    error = given_up(judged(trial("comment", search=unable, confirm=True), lost()))
    assert isinstance(error, LostAnswerError)
    assert error.__cause__ is refused


def test_what_was_known_of_the_loss_is_kept_when_nothing_is_found() -> None:
    broke = lost()
    broke.__cause__ = ConnectionResetError()
    one = searching("comment", creates=False)
    # Not `judged`: its copy has no cause.
    assert one.judge(broke, now=1.0, wall=0.0, jitter=0.5) == Look(FIRST)
    assert isinstance(given_up(looked(one)).__cause__, ConnectionResetError)


# --- without end ---------------------------------------------------------------------------------------------------


def pages_until_given_up(one: Trial[Any], next_key: Callable[[int], str]) -> int:
    """
    Hand over pages that hold nothing until the trial has enough, and count them.
    """
    for number in range(1, 10_000):
        verdict = looked(one, then=next_key(number))
        if isinstance(verdict, GiveUp):
            assert isinstance(given_up(verdict), LostAnswerError)
            return number
        assert isinstance(verdict, Look)
    raise AssertionError("it never ended")


@pytest.mark.parametrize(
    "next_key, most",
    [
        (lambda _: "https://lms.example/list?2", 2),
        (lambda number: f"https://lms.example/list?{number % 3}", 4),
        (lambda number: f"https://lms.example/list?{number}", 5_001),
    ],
    ids=["itself", "a circle", "ever new ones"],
)
def test_pages_without_end_leave_the_doubt(next_key: Callable[[int], str], most: int) -> None:
    assert pages_until_given_up(in_doubt(), next_key) == most


# --- meanwhile -----------------------------------------------------------------------------------------------------


def test_a_throttle_meanwhile_is_waited_for_and_ends_as_surely_not_made() -> None:
    one = in_doubt()
    assert isinstance(looked(one), Again)
    for count in range(1, 10):
        verdict = judged(one, answer(429, b"", ("Retry-After", "2")))
        assert isinstance(verdict, Again)
        assert verdict.after == 2.0
        assert (one.throttles, one.tries) == (count, 1)
    verdict = judged(one, answer(429, b"", ("Retry-After", "3600")))
    # It was searched for, and was not there: whoever asks for a pause has not made it since.
    assert isinstance(verdict, GiveUp)
    assert isinstance(verdict.error, ThrottledError)
    assert verdict.error.recorded is False


def test_a_throttle_after_a_lost_answer_that_lasts_too_long_is_looked_into() -> None:
    one = searching("score", creates=False)
    judged(one, lost())
    assert judged(one, answer(429, b"", ("Retry-After", "3600"))) == Look(FIRST)
    error = given_up(looked(one))
    assert isinstance(error, ThrottledError)
    assert error.retry_after == 3600.0
