"""
What a drain asks the platform when an answer does not say enough.
"""

from __future__ import annotations

import attrs

from aioags.errors import AGSError, AuthorizationError, LostAnswerError, MalformedError, StaleScoreError
from aioags.gradebook import Gradebook
from aioags.outbox.model import StoredScore
from aioags.protocol.confirm import recognise_score
from aioags.protocol.verdicts import Differs, Done


async def whose_is_newer(gradebook: Gradebook, row: StoredScore, stale: StaleScoreError) -> AGSError | None:
    """
    Find out what made a score stale: an earlier attempt with it that may have landed, or somebody else's. Also the
    first attempt may have come twice, by a network that repeats.

    Returns:
        None: ours; the score is recorded. Else why it is not, or that nobody knows, or why nobody could look.
    """
    doubt = LostAnswerError("what is as new or newer may be this score: nobody knows", recorded=None, spec=stale.spec)
    try:
        result = await gradebook.get_result(row.user_id, line_item=row.line_item, patient=False)
    except AGSError as error:
        return error if _passes(error) else (doubt if row.unsure else stale)
    score = row.wire_score
    told = None if result is None else recognise_score(result, score, score.timestamp)
    if isinstance(told, Done):
        return None
    if row.unsure:
        return attrs.evolve(stale, recorded=None) if isinstance(told, Differs) else doubt
    # A value would show, and over a score without one that has just come nobody's stands.
    shows = result is not None and result.result_score is not None
    return stale if shows or score.score_given is not None else doubt


def may_look_later(error: AGSError) -> bool:
    """
    True when a call ended in doubt because the platform could not be looked at just then.
    """
    cause = error.__cause__
    return isinstance(error, LostAnswerError) and isinstance(cause, AGSError) and _passes(cause)


def _passes(error: AGSError) -> bool:
    # Not now, or somebody else's page came in between; otherwise never, such as for want of a scope.
    return error.transient or isinstance(error, (AuthorizationError, MalformedError))
