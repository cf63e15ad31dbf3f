"""
The asyncio SDK for LTI 1.3 Assignment and Grade Services (AGS 2.0).
"""

from aioags._version import __version__
from aioags.calls.engine import Runtime
from aioags.calls.platform_service import PlatformService
from aioags.calls.transport import AiohttpTransport, Transport
from aioags.client import Client
from aioags.errors import (
    AGSError,
    AuthorizationError,
    BrokenError,
    CoupledLineItemError,
    ForbiddenError,
    GrantMalformedError,
    GrantRefusedError,
    LostAnswerError,
    MalformedError,
    NoAnswerError,
    NotFoundError,
    NotOfferedError,
    NotSentError,
    PlatformError,
    RefusedError,
    StaleScoreError,
    SupersededError,
    ThrottledError,
    UnreachableError,
    UntrustedURLError,
    UserNotGradableError,
)
from aioags.gradebook import Gradebook
from aioags.grading.join import Joined, join_results
from aioags.grading.posting import ScorePosting
from aioags.model.delivery import Delivery, Report
from aioags.model.endpoint import AGS_CLAIM, Endpoint
from aioags.model.event import Event
from aioags.model.line_item import LineItem
from aioags.model.member import Member
from aioags.model.policy import Pace, RetryPolicy, Timeouts
from aioags.model.progress import ActivityProgress, GradingProgress, Scope
from aioags.model.registration import Registration
from aioags.model.result import Result
from aioags.model.score import CANVAS_SUBMISSION, Score, Submission
from aioags.model.traffic import Traffic
from aioags.protocol.messages import Request, Response

__all__ = [  # noqa: RUF022 - in reading order
    "Client",
    "Gradebook",
    "Registration",
    "Endpoint",
    "Score",
    "Submission",
    "LineItem",
    "Result",
    "Member",
    "ActivityProgress",
    "GradingProgress",
    "Scope",
    "Delivery",
    "Report",
    "ScorePosting",
    "join_results",
    "Joined",
    "RetryPolicy",
    "Pace",
    "Timeouts",
    "PlatformService",
    "Traffic",
    "Event",
    "Runtime",
    "Transport",
    "Request",
    "Response",
    "AiohttpTransport",
    "AGS_CLAIM",
    "CANVAS_SUBMISSION",
    "AGSError",
    "NotOfferedError",
    "CoupledLineItemError",
    "AuthorizationError",
    "GrantRefusedError",
    "GrantMalformedError",
    "PlatformError",
    "RefusedError",
    "ForbiddenError",
    "NotFoundError",
    "StaleScoreError",
    "UserNotGradableError",
    "ThrottledError",
    "BrokenError",
    "MalformedError",
    "UntrustedURLError",
    "NoAnswerError",
    "UnreachableError",
    "LostAnswerError",
    "SupersededError",
    "NotSentError",
    "__version__",
]
