"""
A result: what the platform's gradebook shows for one user and one line item (AGS 3.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from aioags.model.checks import Number


@attrs.frozen(kw_only=True)
class Result:
    """
    The platform's current word on one user. It may differ from the tool's last score: people override.

    Attributes:
        user_id: LTI user id.

        id: URL of the record. None: the platform sent none.

        score_of: URL of the line item. None: the platform sent none.

        result_score: Points out of `result_maximum`. Zero is a grade. None: no grade, or one that is no number, such as
            ``"A+"``, which is then in `extensions`.

        result_maximum: What the score is out of. 1 when the platform did not say (AGS 3.3.4.6). Not always the line
            item's maximum: Canvas and Open edX answer with the tool's own. So 3 of 4 is ``3.0`` of ``4.0`` at one
            platform and ``75`` of ``100`` at another: compare `fraction`, which is 0.75 at each.

        scoring_user_id: Who graded it. None: a machine, or not said.

        comment: Plain text. None: absent, blank or null.

        extensions: Every other field, under the platform's own key, such as Moodle's ``timestamp``. A standard field
            that cannot be read is here as it came, under its wire name, and the attribute is as if absent; a score
            whose maximum cannot be read is here, too.
    """

    user_id: str
    id: str | None = None
    score_of: str | None = None
    result_score: Number | None = None
    result_maximum: Number = 1
    scoring_user_id: str | None = attrs.field(default=None, repr=False)
    comment: str | None = attrs.field(default=None, repr=False)
    extensions: Mapping[str, Any] = attrs.field(factory=dict, hash=False, repr=False)

    @property
    def fraction(self) -> float | None:
        """
        Score divided by maximum, the same on every platform: 0.0 to 1.0, above 1.0 for extra credit. None: no grade, or
        no usable maximum.
        """
        if self.result_score is None or self.result_maximum <= 0:
            return None
        return float(self.result_score) / float(self.result_maximum)
