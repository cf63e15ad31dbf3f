"""
An answer that is not success, as an error with its three facts.

The status decides. Words decide only where platforms give two meanings to one status, and each such pattern names who
says so. No verdict on repeating is made here: `trial` makes it.
"""

from __future__ import annotations

import re
from typing import Any

import attrs

from aioags.errors import (
    AGSError,
    BrokenError,
    ForbiddenError,
    MalformedError,
    NotFoundError,
    PlatformError,
    RefusedError,
    StaleScoreError,
    ThrottledError,
    UserNotGradableError,
)
from aioags.protocol.dialect import Operation
from aioags.protocol.hints import number_header, wait_hint
from aioags.protocol.messages import Response
from aioags.protocol.redaction import platform_words, shown_body, shown_words

# Canvas: "Provided timestamp of X before last updated timestamp of Y". Open edX: "Score timestamp can only be updated
# to a later point in time", "Score already exists for the provided timestamp". Moodle: "… with an earlier timestamp".
_TIMESTAMP = re.compile(r"(?i)timestamp")
_LATER_WORDS, _EARLIER_WORDS = (
    re.compile(rf"(?i)\b(?:{words})\b") for words in ("before|later|earlier|older", "earlier|older|already exists")
)

# Canvas: "User not found in course or is not a student". Blackboard: "User could not be found". Brightspace: "User in
# requested score is not enrolled", "… does not exist". Sakai: "User does not belong to site". Moodle, which refuses a
# score only for its user once everything else was checked here: "Incorrect score received".
_USER = re.compile(r"(?i)\buser")
_NOT_HERE = re.compile(
    r"(?i)\b(?:not (?:be found|found|a? ?student|a? ?member|enrolled|exist|belong|gradable|in )"
    r"|no longer enrolled|can be graded)"
)
_NOT_GRADABLE = re.compile(r"(?i)gradable role|incorrect score received")

# RFC 6750 3.1. Some leave the quotes out, or set single ones; other schemes may stand before.
_INVALID_TOKEN = re.compile(r"""(?i)\bbearer\b.*\berror\s*=\s*["']?invalid_token\b""")

# Canvas, where a token comes to another host than the one that gave it: "Invalid access token field/s: the 'aud' is
# invalid".
_ACCESS_TOKEN, _INVALID_AUD = re.compile(r"(?i)access token"), re.compile(r"(?i)'aud' is invalid")

# Chamilo, in a 400 without a challenge: "Authorization token expired." Said of something else it costs one token.
_TOKEN, _OVER = re.compile(r"(?i)token"), re.compile(r"(?i)expired|invalid|unknown|revoked")

# Characters between words that belong together, at the most.
_NEAR = 200

# Canvas's 403; its 429 has the same text.
_RATE_LIMIT = re.compile(r"(?i)rate limit exceeded")


def refusal(operation: Operation[Any], response: Response, *, wall: float) -> AGSError:
    """
    Read an answer that is not 2xx (or a 2xx that means a refusal) as an error, by the operation's own reading if any.

    Args:
        wall: Unix time, for a ``Retry-After`` that is a date.
    """
    return (operation.refusal or platform_refusal)(operation, response, wall)


def platform_refusal(operation: Operation[Any], response: Response, wall: float) -> PlatformError:
    """
    Read a refusal as platforms of the standard word theirs.
    """
    facts = _facts(operation, response)
    return _passing(operation, response, wall, facts) or _refused(response, facts)


def person_refusal(operation: Operation[Any], response: Response, wall: float) -> PlatformError:
    """
    Read the refusal of what is asked for one user: with the line item, the user may be what is not found.
    """
    error = platform_refusal(operation, response, wall)
    return _for_one_user(error) if isinstance(error, RefusedError) else error


def score_refusal(operation: Operation[Any], response: Response, wall: float) -> PlatformError:
    """
    Read the refusal of a score.
    """
    facts = _facts(operation, response)
    passing = _passing(operation, response, wall, facts)
    if passing is None:
        return _refused_score(response, facts)
    if response.status >= 500 and response.body.strip() == b"[]":
        # Moodle 4.5 answers so when the grade or its column is locked: a refusal that may lift. So it does when its
        # database fails, under Apache.
        told = "the platform refuses this score for now; Moodle answers so while the grade or its column is locked"
        return RefusedError(told, transient=True, **facts)
    return passing


def _facts(operation: Operation[Any], response: Response) -> dict[str, Any]:
    return {
        "status": response.status,
        "method": operation.request.method,
        "url": operation.request.url,
        "words": shown_words(platform_words(response.reason, response.body), operation.private),
        "body": shown_body(response.body, operation.private),
    }


def _passing(
    operation: Operation[Any], response: Response, wall: float, facts: dict[str, Any]
) -> ThrottledError | BrokenError | None:
    """
    Read what says nothing of the call itself; None: it does.
    """
    throttled = is_throttled(response)
    hint = wait_hint(response, throttled=throttled, wall=wall)
    if throttled:
        return ThrottledError("the platform asks for fewer requests", transient=True, retry_after=hint, **facts)
    if response.status in {408, 425} or response.status >= 500:
        # 425 and 501 say that nothing was done.
        untouched = response.status in {425, 501} or not operation.writes
        return BrokenError(
            "the platform failed",
            recorded=False if untouched else None,
            transient=response.status != 501,
            retry_after=hint,
            **facts,
        )
    return None


def is_throttled(response: Response) -> bool:
    """
    True for 429 and its disguises: Canvas's 403, and a 503 that says when to come back.
    """
    if response.status == 403:
        if response.body.strip():
            # Not the figure: a throttled answer of Canvas may say up to 50, and one that is none -200.
            return bool(_RATE_LIMIT.search(response.body[:512].decode("utf-8", "replace")))
        remaining = number_header(response, "X-Rate-Limit-Remaining")
        return remaining is not None and remaining <= 0
    return response.status == 429 or (response.status == 503 and response.header("Retry-After") is not None)


def _refused_score(response: Response, facts: dict[str, Any]) -> PlatformError:
    if is_about_token(response):
        return _refused(response, facts)
    words = platform_words(response.reason, response.body)
    if response.status == 409 or (response.status == 400 and _is_stale(words)):
        return StaleScoreError("the platform holds a score as new or newer", spec="AGS 3.4.9", **facts)
    # Moodle over HTTP/2 has no reason phrase to read: 400 with an empty array is all there is.
    speechless = response.status in {200, 400} and response.body.strip() == b"[]"
    if speechless or _NOT_GRADABLE.search(words) or _are_near(_USER, _NOT_HERE, words):
        return UserNotGradableError("the platform takes no grade for this user", **facts)
    return _for_one_user(_refused(response, facts))


def _is_stale(words: str) -> bool:
    return _are_near(_TIMESTAMP, _LATER_WORDS, words) or _are_near(_EARLIER_WORDS, _TIMESTAMP, words)


def _are_near(first: re.Pattern[str], then: re.Pattern[str], words: str) -> bool:
    """
    True when the second follows the first within a few words.

    Not one pattern with a gap in it: a body full of the first would be looked through from each of them.
    """
    near = (first.search(words, max(0, found.start() - _NEAR), found.start()) for found in then.finditer(words))
    return first.search(words) is not None and any(near)


def _for_one_user(error: RefusedError) -> RefusedError:
    # ILIAS and OpenOLAT say 404 for a person they do not know, Brightspace and Coursera 403.
    if isinstance(error, NotFoundError):
        return attrs.evolve(error, message="the platform has no such line item, or does not know this user")
    if isinstance(error, ForbiddenError) and error.status == 403:
        return attrs.evolve(error, message="this tool may not do this here, or not for this user")
    return error


def is_about_token(response: Response) -> bool:
    """
    True when a refusal is one of the token, by its status or its challenge (RFC 6750 3).
    """
    challenges = response.header_values("WWW-Authenticate")
    return response.status == 401 or any(_INVALID_TOKEN.search(challenge) for challenge in challenges)


def is_of_another_host(response: Response) -> bool:
    """
    True when the token is refused because another host of the platform gave it.
    """
    if response.status != 401:
        return False
    return _are_near(_ACCESS_TOKEN, _INVALID_AUD, platform_words(response.reason, response.body))


def may_mean_token(error: RefusedError, response: Response, *, cached: bool) -> bool:
    """
    True when another token may help.

    Args:
        error: The refusal, as it was read.

        cached: The token was used before: of one that was just fetched the platform has to say that it is over.
    """
    # Open edX and Sakai say 403 for a token that expired, Chamilo 400. No words tell, unless they tell something else.
    if is_of_another_host(response):
        # The next one would be, too, and a token costs Canvas a third of what it allows.
        return False
    if is_about_token(response):
        return True
    if response.status not in {400, 403} or isinstance(error, (StaleScoreError, UserNotGradableError)):
        return False
    return cached or _is_said_to_be_over(platform_words(response.reason, response.body))


def _is_said_to_be_over(words: str) -> bool:
    # It was granted a moment ago, and the platform was started anew since.
    return _are_near(_TOKEN, _OVER, words) or _are_near(_OVER, _TOKEN, words)


def _refused(response: Response, facts: dict[str, Any]) -> RefusedError:
    status = response.status
    if is_of_another_host(response):
        told = (
            "this host takes no access token that another host gave; Canvas wants both alike: set token_url to the"
            " host of the line items"
        )
        return ForbiddenError(told, **facts)
    if is_about_token(response) and status not in {401, 403}:
        return ForbiddenError("the platform takes no access token of this tool here", **facts)
    if status in {401, 403}:
        return ForbiddenError("this tool may not do this here", **facts)
    if status in {404, 410}:
        return NotFoundError("the platform has no such resource", **facts)
    if 300 <= status < 400:
        return RefusedError("the platform sends this request elsewhere; check the host of the endpoint", **facts)
    return RefusedError("the platform refused", **facts)


def malformed(operation: Operation[Any], response: Response, why: str) -> MalformedError:
    """
    Make the error for a 2xx that cannot be read. For a write nobody knows whether it took.
    """
    return MalformedError(
        f"the answer cannot be read: {why}",
        recorded=None if operation.writes else False,
        status=response.status,
        method=operation.request.method,
        url=operation.request.url,
        body=shown_body(response.body, operation.private),
    )
