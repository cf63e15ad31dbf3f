"""
Why the platform refuses: one exception, told apart by its kind. A profile decides what a kind looks like on the wire.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """
    What is wrong with a request. A profile maps each to a status, and often to words of its own.
    """

    NO_TOKEN = "no_token"
    BAD_TOKEN = "bad_token"
    MALFORMED_TOKEN = "malformed_token"
    FOREIGN_TOKEN = "foreign_token"
    EXPIRED_TOKEN = "expired_token"
    MISSING_SCOPE = "missing_scope"
    NO_SUCH_PATH = "no_such_path"
    WRONG_METHOD = "wrong_method"
    NOT_ACCEPTABLE = "not_acceptable"
    UNSUPPORTED_TYPE = "unsupported_type"
    TOO_LARGE = "too_large"
    BAD_JSON = "bad_json"
    BAD_QUERY = "bad_query"
    NO_SUCH_PAGE = "no_such_page"
    BAD_RLID = "bad_rlid"
    UNKNOWN_CONTEXT = "unknown_context"
    TOOL_NOT_IN_CONTEXT = "tool_not_in_context"
    UNKNOWN_LINE_ITEM = "unknown_line_item"
    UNKNOWN_RESULT = "unknown_result"
    FOREIGN_LINE_ITEM = "foreign_line_item"
    BAD_LINE_ITEM = "bad_line_item"
    ID_IN_BODY = "id_in_body"
    UNKNOWN_LINK = "unknown_link"
    FOREIGN_LINK = "foreign_link"
    LINK_ELSEWHERE = "link_elsewhere"
    BAD_SUBMISSION_TYPE = "bad_submission_type"
    LINK_MISMATCH = "link_mismatch"
    DELETE_COUPLED = "delete_coupled"
    DELETE_FORBIDDEN = "delete_forbidden"
    BAD_SCORE = "bad_score"
    MISSING_FIELD = "missing_field"
    INVALID_RECORD = "invalid_record"
    BAD_TIMESTAMP = "bad_timestamp"
    UNPROCESSABLE_SCORE = "unprocessable_score"
    STALE = "stale"
    SAME_STAMP = "same_stamp"
    USER_UNKNOWN = "user_unknown"
    USER_NOT_IN_CONTEXT = "user_not_in_context"
    USER_NOT_GRADABLE = "user_not_gradable"
    LOCKED = "locked"
    CONCLUDED = "concluded"
    UNPUBLISHED = "unpublished"
    NO_ATTEMPTS_LEFT = "no_attempts_left"
    DATABASE = "database"
    CRASH = "crash"
    FATAL = "fatal"
    THROTTLED = "throttled"
    MAINTENANCE = "maintenance"


class Refusal(Exception):
    """
    The platform will not do what was asked.

    Attributes:
        kind: What is wrong.

        reason: One or two sentences for the tool's developer: what came, what is right.

        spec: The rule that is broken, such as ``AGS 3.4.4``; None when no rule of the standard says so.

        field: The JSON field, parameter or header at fault; None when it is none.

        facts: Values that a platform's own wording needs.
    """

    def __init__(
        self, kind: Kind, reason: str, spec: str | None = None, *, field: str | None = None, **facts: Any
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.spec = spec
        self.field = field
        self.facts = facts


class GrantRefusal(Exception):
    """
    The token endpoint will not give an access token.

    Attributes:
        error: The code of RFC 6749 section 5.2, such as ``invalid_client``.

        what: What is wrong, for a platform's own wording: one word such as ``signature``, ``aud``, ``expired``.

        description: One sentence for the tool's developer.

        spec: The rule that is broken.

        refused: The scopes that cannot be granted, where it is for them.

        at: The time that is wrong, in seconds since 1970. None: it is about no time.
    """

    def __init__(
        self,
        error: str,
        what: str,
        description: str,
        spec: str = "SEC 4.1.1",
        *,
        refused: Sequence[str] = (),
        at: float | None = None,
    ) -> None:
        super().__init__(description)
        self.error = error
        self.what = what
        self.description = description
        self.spec = spec
        self.refused = tuple(refused)
        self.at = at
