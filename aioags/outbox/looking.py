"""
What a drain asks the platform when an answer does not say enough.
"""

from __future__ import annotations

import attrs

from aioags.errors import AGSError, AuthorizationError, LostAnswerError, MalformedError, NotFoundError, StaleScoreError
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
        result = await gradebook.get_result(row.user_id, line_item=row.line_item)
    except AGSError as error:
        # Not now, or somebody else's page came in between; or never, such as for want of a scope.
        passes = error.transient or isinstance(error, (AuthorizationError, MalformedError))
        return error if passes else doubt
    score = row.wire_score
    told = None if result is None else recognise_score(result, score, score.timestamp)
    if isinstance(told, Done):
        return None
    return attrs.evolve(stale, recorded=None) if isinstance(told, Differs) else doubt


async def is_gone(gradebook: Gradebook, line_item: str) -> bool:
    """
    True when the platform says that it has no such line item.
    """
    try:
        await gradebook.get_line_item(line_item)
    except NotFoundError:
        return True
    except AGSError:
        return False
    return False
