"""
The asyncio SDK for LTI 1.3 Assignment and Grade Services (AGS 2.0).
"""

import importlib as _importlib
import typing as _typing

from aioags._version import __version__
from aioags.calls.choosing import open_transport
from aioags.calls.conversation import CleanConnector
from aioags.calls.engine import Runtime
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
from aioags.grading.creating import Duplicates
from aioags.grading.posting import ScorePosting
from aioags.model.canvas import (
    CANVAS_SUBMISSION,
    CANVAS_SUBMISSION_TYPE,
    CanvasAssignment,
    CanvasAssignmentType,
    CanvasFile,
    CanvasSubmission,
    CanvasSubmissionType,
)
from aioags.model.delivery import Delivery, Report
from aioags.model.endpoint import AGS_CLAIM, Endpoint
from aioags.model.event import (
    BatchEvent,
    BreakerEvent,
    DeliveryEvent,
    Event,
    NoticeEvent,
    RepeatEvent,
    RequestEvent,
    ThrottleEvent,
    TokenEvent,
    WindowEvent,
)
from aioags.model.launch_event import KeySetEvent, LaunchEvent
from aioags.model.line_item import LineItem
from aioags.model.outbox_event import OutboxEvent
from aioags.model.policy import Pace, RetryPolicy, Timeouts
from aioags.model.progress import ActivityProgress, GradingProgress, Scope
from aioags.model.registration import Registration
from aioags.model.result import Result
from aioags.model.score import Score, Submission
from aioags.model.traffic import Traffic
from aioags.model.unreadable import Unreadable
from aioags.protocol.messages import Request, Response

if _typing.TYPE_CHECKING:
    from aioags.calls.platform_service import PlatformService
    from aioags.grading.join import Joined, join_results
    from aioags.grading.plan import Plan
    from aioags.model.change import ChangeKind, PlannedChange, ShownGrade
    from aioags.model.last_sent import LastSent, RemembersScores
    from aioags.model.member import Member

__all__ = [  # noqa: RUF022 - in reading order
    "Client",
    "Gradebook",
    "Registration",
    "Endpoint",
    "Score",
    "Submission",
    "CanvasSubmission",
    "CanvasSubmissionType",
    "CanvasFile",
    "LineItem",
    "CanvasAssignment",
    "CanvasAssignmentType",
    "Result",
    "Member",
    "Unreadable",
    "ActivityProgress",
    "GradingProgress",
    "Scope",
    "Delivery",
    "Report",
    "ScorePosting",
    "Duplicates",
    "join_results",
    "Joined",
    "Plan",
    "PlannedChange",
    "ChangeKind",
    "ShownGrade",
    "LastSent",
    "RemembersScores",
    "RetryPolicy",
    "Pace",
    "Timeouts",
    "PlatformService",
    "Traffic",
    "Event",
    "RequestEvent",
    "RepeatEvent",
    "ThrottleEvent",
    "BreakerEvent",
    "WindowEvent",
    "TokenEvent",
    "DeliveryEvent",
    "BatchEvent",
    "NoticeEvent",
    "LaunchEvent",
    "KeySetEvent",
    "OutboxEvent",
    "Runtime",
    "Transport",
    "Request",
    "Response",
    "open_transport",
    "AiohttpTransport",
    "CleanConnector",
    "AGS_CLAIM",
    "CANVAS_SUBMISSION",
    "CANVAS_SUBMISSION_TYPE",
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

# Loaded when used: what a program that only posts scores has no need for.
_WHEN_USED = {
    "PlatformService": "aioags.calls.platform_service",
    "PlannedChange": "aioags.model.change",
    "ChangeKind": "aioags.model.change",
    "ShownGrade": "aioags.model.change",
    "Joined": "aioags.grading.join",
    "LastSent": "aioags.model.last_sent",
    "join_results": "aioags.grading.join",
    "Member": "aioags.model.member",
    "Plan": "aioags.grading.plan",
    "RemembersScores": "aioags.model.last_sent",
}


def __getattr__(name: str) -> _typing.Any:
    if name not in _WHEN_USED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_importlib.import_module(_WHEN_USED[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHEN_USED})
