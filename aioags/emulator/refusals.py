"""
Why the platform refuses: one exception, told apart by its kind. A profile decides what a kind looks like on the wire.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Self


class Kind(StrEnum):
    """
    What is wrong with a request. A profile maps each to a status, and often to words of its own.

    Attributes:
        status: Where a profile says no other. Of RFC 6750 where the standard is silent: AGS names no status for a bad
            token or a missing scope.
    """

    status: int

    def __new__(cls, value: str, status: int) -> Self:
        """
        Make a kind that is its value, with a status beside it.
        """
        kind = str.__new__(cls, value)
        kind._value_, kind.status = value, status
        return kind

    NO_TOKEN = "no_token", 401
    BAD_TOKEN = "bad_token", 401
    MALFORMED_TOKEN = "malformed_token", 401
    FOREIGN_TOKEN = "foreign_token", 401
    EXPIRED_TOKEN = "expired_token", 401
    MISSING_SCOPE = "missing_scope", 403
    NO_SUCH_PATH = "no_such_path", 404
    WRONG_METHOD = "wrong_method", 405
    NOT_ACCEPTABLE = "not_acceptable", 406
    UNSUPPORTED_TYPE = "unsupported_type", 415
    TOO_LARGE = "too_large", 413
    BAD_JSON = "bad_json", 400
    BAD_QUERY = "bad_query", 400
    NO_SUCH_PAGE = "no_such_page", 404
    BAD_RLID = "bad_rlid", 404
    UNKNOWN_CONTEXT = "unknown_context", 404
    TOOL_NOT_IN_CONTEXT = "tool_not_in_context", 403
    UNKNOWN_LINE_ITEM = "unknown_line_item", 404
    UNKNOWN_RESULT = "unknown_result", 404
    FOREIGN_LINE_ITEM = "foreign_line_item", 404
    BAD_LINE_ITEM = "bad_line_item", 400
    ID_IN_BODY = "id_in_body", 400
    UNKNOWN_LINK = "unknown_link", 404
    FOREIGN_LINK = "foreign_link", 404
    LINK_ELSEWHERE = "link_elsewhere", 404
    BAD_SUBMISSION_TYPE = "bad_submission_type", 400
    LINK_MISMATCH = "link_mismatch", 400
    DELETE_COUPLED = "delete_coupled", 403
    DELETE_FORBIDDEN = "delete_forbidden", 403
    BAD_SCORE = "bad_score", 400
    MISSING_FIELD = "missing_field", 400
    INVALID_RECORD = "invalid_record", 422
    BAD_TIMESTAMP = "bad_timestamp", 400
    UNPROCESSABLE_SCORE = "unprocessable_score", 400
    STALE = "stale", 409
    SAME_STAMP = "same_stamp", 409
    USER_UNKNOWN = "user_unknown", 422
    USER_NOT_IN_CONTEXT = "user_not_in_context", 422
    USER_NOT_GRADABLE = "user_not_gradable", 422
    LOCKED = "locked", 403
    CONCLUDED = "concluded", 403
    UNPUBLISHED = "unpublished", 422
    NO_ATTEMPTS_LEFT = "no_attempts_left", 422
    DATABASE = "database", 500
    CRASH = "crash", 500
    FATAL = "fatal", 500
    THROTTLED = "throttled", 429
    MAINTENANCE = "maintenance", 503


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
