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
    Find out what made a score stale of which an earlier attempt may have landed.

    Returns:
        None: that attempt; the score is recorded. Else why it is not, or that nobody knows, or why nobody could look.
    """
    doubt = LostAnswerError(
        "an earlier attempt was not answered, and the platform holds a score as new or newer: nobody knows whose",
        recorded=None,
        spec=stale.spec,
    )
    try:
        result = await gradebook.get_result(row.user_id, line_item=row.line_item, patient=False)
    except AGSError as error:
        return error if _passes(error) else doubt
    score = row.wire_score
    told = None if result is None else recognise_score(result, score, score.timestamp)
    if isinstance(told, Done):
        return None
    return attrs.evolve(stale, recorded=None) if isinstance(told, Differs) else doubt


def may_look_later(error: AGSError) -> bool:
    """
    True when a call ended in doubt because the platform could not be looked at just then.
    """
    cause = error.__cause__
    return isinstance(error, LostAnswerError) and isinstance(cause, AGSError) and _passes(cause)


def _passes(error: AGSError) -> bool:
    # Not now, or somebody else's page came in between; otherwise never, such as for want of a scope.
    return error.transient or isinstance(error, (AuthorizationError, MalformedError))
