"""
The switches of a profile about scores, results and limits; `Profile` has the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs


@attrs.frozen(kw_only=True)
class GradingSwitches:
    """
    What a platform does with scores, what it shows as results, and how much it lets a tool ask. Durations are seconds.
    """

    # SCORES
    # The rules a score is checked by: see score_checks.
    score_rules: Literal["spec", "plain", "moodle", "canvas", "openedx", "sakai"] = "spec"
    # S16: who can be graded; Sakai: any member (read). None: any role.
    gradable_roles: tuple[str, ...] | None = ("Learner",)
    # Moodle takes scores for a suspended enrolment (seen).
    suspended_gradable: bool = False
    # S16: Open edX looks the person up only when it publishes, and crashes (seen).
    unknown_user: Literal["refuse", "crash"] = "refuse"
    # S1, S18: "200_empty": Moodle (seen), Sakai (read). "201_record": what it stored, in its own words: Open edX
    # (seen). "200_result_url": Canvas (read).
    score_success: Literal["204", "200_empty", "201_record", "200_result_url"] = "204"
    # S5, S6: which stamps are taken. "later": the standard's strictly rising. "not_earlier": Canvas (read).
    # "later_second": Moodle, whole seconds (seen). "any": Sakai (read).
    stamp_rule: Literal["later", "not_earlier", "later_second", "any"] = "later"
    # S9: what a score that is not FullyGraded does. "keep": its value counts. "clear": Moodle (seen).
    # "clear_unfinished": Canvas clears on NotReady, Failed, Pending (read). "unpublished": the gradebook stays as it
    # is, even when the score clears: Open edX (seen).
    progress_rule: Literal["keep", "clear", "clear_unfinished", "unpublished"] = "keep"
    # "moodle": two kinds of item that forget or move the stored time when a score clears (seen).
    grading_rule: Literal["standard", "moodle"] = "standard"
    # S21: a coupled item keeps the server's own second with every score, not the score's: Moodle before 4.5.6 (read).
    coupled_stamps_now: bool = False
    # S11: Open edX stored a zero and did not publish it up to xblock-lti-consumer 11.4.0 (read).
    publish_zero: bool = True
    # Only items on a link of the course reach the gradebook: Open edX (seen).
    publish_linked_only: bool = False
    # S13: "append": Canvas (read). "kept": one that is not sent stays: Open edX (seen).
    comment_rule: Literal["replace", "append", "kept"] = "replace"
    # S14: Open edX and Moodle (seen), D2L (documented) cap at the maximum.
    cap: bool = False
    # S12: Canvas counts attempts (read).
    attempts: bool = False
    # S19: Canvas: only the first item of a link reaches the gradebook (read).
    first_item_only: bool = False
    # S20: "overwritten" by the tool's next score, unless that says otherwise: Canvas (read).
    # "kept": shown until the teacher lets go. "moodle":
    # kept on coupled items only (seen).
    override_rule: Literal["kept", "overwritten", "moodle"] = "kept"
    # Two posts at once for one user and item upset each other: Moodle (seen).
    racy: bool = False
    # S22: each of several first scores that race onto a line item makes a column of its own: D2L (reported).
    racing_first_scores: bool = False

    # RESULTS
    # R1: "roster": every member: Sakai (read). "stamped": who has a stored time, graded or not: Moodle (seen).
    # "posted": whoever a score was accepted for, valued or not, and nobody else: Canvas (read).
    results_style: Literal["sparse", "roster", "stamped", "posted"] = "sparse"
    # R6: a result's id has a number of its own, in the order of the first scores: Canvas (read).
    numbered_results: bool = False
    # R7: members of the last score that stand in its result: Canvas (read).
    result_members: tuple[str, ...] = ()
    # Members of its own that stand in every result. A recorded platform may have some.
    result_extras: Mapping[str, object] = attrs.field(factory=dict)
    # Newest first: Open edX (seen). Otherwise by user id.
    newest_first: bool = False
    # R1: Moodle leaves resultMaximum and scoreOf out where there is no grade (seen).
    bare_when_empty: bool = False
    # R2: Open edX (seen) and Sakai (read) ignore user_id; Blackboard then drops the comment (reported). "decimal":
    # Moodle ignores a non-number (seen).
    user_filter: Literal["query", "ignored", "drops_comment", "decimal"] = "query"
    # R3: the path form: Sakai a bare object (read), Open edX an array (seen).
    one_result: Literal["object", "array"] = "object"
    # R4: Open edX and Canvas give the tool's own numbers (seen, read).
    results_scaled: bool = True
    # R8: a teacher's grade is shown out of the tool's last maximum: Canvas (read).
    override_on_tools_scale: bool = False
    # A missing comment is shown as null: Open edX (seen).
    null_comment: bool = False
    # scoringUserId is shown (AGS 3.3.4.7). Moodle and Canvas: no (seen, read).
    shows_scorer: bool = True
    # R5: Moodle adds timestamp (seen).
    result_timestamp: bool = False
    # Minutes east of UTC of the site's zone: for stamps without a zone and for Moodle's result timestamps (seen
    # with New York).
    site_zone: int = 0

    # LIMITS
    # N1-N3: "leaky_bucket": Canvas (read). "credits": D2L (documented). "quota": Blackboard (documented).
    throttle: Literal["none", "leaky_bucket", "credits", "quota"] = "none"
    # N1: the text of a throttled answer; {status} is the status, which is in `statuses`: Canvas (read).
    throttle_text: str | None = None
    # What a bucket holds: Canvas 800, D2L 50000 a minute, Blackboard 10000 a day.
    throttle_capacity: float = 800.0
    # Canvas throttles above it (read).
    throttle_high_water: float = 600.0
    # Canvas: 10 a second leak out (read).
    throttle_outflow: float = 10.0
    # Canvas: charged while a request is in flight (read).
    throttle_upfront: float = 50.0
    # What one call costs in the end. D2L: 10 (documented).
    throttle_cost: float = 1.0
    # N7: what a token costs besides, taken from what all share who have none: Canvas 200 (read). None: tokens are not
    # throttled so.
    throttle_token_cost: float | None = None
