"""
What Canvas takes beside the standard: the work that a score is for, and the assignment that a line item makes.

Names and meanings are Canvas's own (doc/api, scores and line items of LTI Advantage). Other platforms ignore them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import attrs

from aioags.model import checks
from aioags.model.progress import ActivityProgress

CANVAS_SUBMISSION = "https://canvas.instructure.com/lti/submission"
"""Extension key under which Canvas takes submission data."""

CANVAS_SUBMISSION_TYPE = "https://canvas.instructure.com/lti/submission_type"
"""Extension key under which Canvas takes what a new line item makes of its assignment."""

HANDED_IN = (ActivityProgress.SUBMITTED, ActivityProgress.COMPLETED)
"""With which Canvas looks at the work at all."""


CANVAS_PATH = "/api/lti/courses/"
"""What tells a URL of Canvas's AGS, on whatever host."""


def is_canvas(url: str | None) -> bool:
    """
    True for a URL of Canvas's AGS.
    """
    return url is not None and CANVAS_PATH in url


class CanvasSubmissionType(StrEnum):
    """
    What kind of work Canvas shows to the teacher.
    """

    NONE = "none"
    """No work: the score opens no attempt."""

    BASIC_LTI_LAUNCH = "basic_lti_launch"
    """A launch of this tool; the data is its URL."""

    ONLINE_TEXT_ENTRY = "online_text_entry"
    """A text; the data is HTML."""

    ONLINE_URL = "online_url"
    """A page anywhere; the data is its URL."""

    EXTERNAL_TOOL = "external_tool"
    """Work that stays in the tool: what Canvas takes when nothing is said."""

    ONLINE_UPLOAD = "online_upload"
    """Files, which Canvas fetches from the tool."""


class CanvasAssignmentType(StrEnum):
    """
    How the assignment of a new line item is handed in: one of Canvas's types that are not handed in to Canvas itself.
    """

    NONE = "none"
    EXTERNAL_TOOL = "external_tool"
    ON_PAPER = "on_paper"
    NOT_GRADED = "not_graded"
    WIKI_PAGE = "wiki_page"


_WITH_URL = (CanvasSubmissionType.BASIC_LTI_LAUNCH, CanvasSubmissionType.ONLINE_URL)
_WITH_DATA = (*_WITH_URL, CanvasSubmissionType.ONLINE_TEXT_ENTRY)


def _submission_type(value: CanvasSubmissionType | str | None) -> CanvasSubmissionType | None:
    if value is None:
        return None
    try:
        return CanvasSubmissionType(value)
    except ValueError:
        # Canvas takes an unknown one for external_tool, and drops the data in silence.
        allowed = ", ".join(CanvasSubmissionType)
        raise ValueError(f"submission_type must be one of {allowed}; got {value!r}") from None


def _assignment_type(value: CanvasAssignmentType | str) -> CanvasAssignmentType:
    try:
        return CanvasAssignmentType(value)
    except ValueError:
        raise ValueError(f"type must be one of {', '.join(CanvasAssignmentType)}; got {value!r}") from None


def _url(name: str, value: object) -> None:
    if not checks.text(name, value).startswith(("https://", "http://")):
        raise ValueError(f"{name} must be an http or https URL")


def _flag(name: str, value: object) -> None:
    if value is not None and not isinstance(value, bool):
        raise TypeError(f"{name} must be a bool or None, got {type(value).__name__}")


@attrs.frozen(kw_only=True)
class CanvasFile:
    """
    A file of the user's work, which Canvas fetches from the tool.

    Attributes:
        url: Where Canvas gets it, soon after the score; without a login. Not shown.

        title: Its file name. None: the last part of the URL.

        media_type: Such as ``"application/pdf"``. None: Canvas guesses.
    """

    url: str = attrs.field(repr=False)
    title: str | None = attrs.field(default=None, repr=False)
    media_type: str | None = None

    def __attrs_post_init__(self) -> None:
        _url("url", self.url)
        checks.given_texts(title=self.title, media_type=self.media_type)

    def to_content_item(self) -> dict[str, str]:
        """
        Return it as Canvas wants it; anything but a ``file`` it ignores.
        """
        said = {"url": self.url, "title": self.title, "media_type": self.media_type}
        return {"type": "file", **{name: value for name, value in said.items() if value is not None}}


@attrs.frozen(kw_only=True)
class CanvasSubmission:
    """
    The work that a score is for, as Canvas takes it: given to `Score.graded` or `Score.progress` as ``canvas=``.

    Canvas looks at work with the activity progress ``Submitted`` or ``Completed`` only.

    Attributes:
        new_submission: False: this is about work that was handed in before; no attempt is opened, and the time of
            submission stays. None, True: each time of submission is an attempt.

        preserve_score: True: the gradebook keeps the grade it has, whatever this score says. None: False.

        prioritize_non_tool_grade: True: the gradebook keeps a grade that is there, whoever gave it: a teacher's, and
            the tool's own earlier one. None: False.

        submission_type: A wire value such as ``"online_url"`` will do. None: ``external_tool``, or with files
            ``online_upload``.

        submission_data: The URL or the HTML that `submission_type` speaks of; with other types there is none.

        submitted_at: When it was handed in; aware. Canvas refuses one more than a minute ahead of its clock. None: as
            `Submission.submitted_at` says, or when the score was made.

        content_items: Files of the work: `CanvasFile`.

    Raises:
        ValueError, TypeError: A field is not as said here, or two contradict each other; the message names them.
    """

    new_submission: bool | None = None
    preserve_score: bool | None = None
    prioritize_non_tool_grade: bool | None = None
    submission_type: CanvasSubmissionType | None = attrs.field(default=None, converter=_submission_type)
    submission_data: str | None = attrs.field(default=None, repr=False)
    submitted_at: datetime | None = None
    content_items: tuple[CanvasFile, ...] = attrs.field(default=(), converter=tuple)

    def __attrs_post_init__(self) -> None:
        for name in ("new_submission", "preserve_score", "prioritize_non_tool_grade"):
            _flag(name, getattr(self, name))
        checks.optional_instant("submitted_at", self.submitted_at)
        if not all(isinstance(item, CanvasFile) for item in self.content_items):
            raise TypeError("content_items must be CanvasFiles")
        self._check_data()
        self._check_files()
        if self.new_submission is False and self.has_work:
            raise ValueError("new_submission=False hands nothing in: leave submission_data and content_items out")
        if self.new_submission and self.submission_type is CanvasSubmissionType.NONE:
            raise ValueError("submission_type none is no new_submission")

    def _check_data(self) -> None:
        if self.submission_type in _WITH_URL:
            _url(f"submission_data of {self.submission_type}", self.submission_data)
        elif self.submission_type in _WITH_DATA:
            checks.text(f"submission_data of {self.submission_type}", self.submission_data)
        elif self.submission_data is not None:
            raise ValueError(
                f"submission_data needs a submission_type of {', '.join(_WITH_DATA)}: Canvas drops it else"
            )

    def _check_files(self) -> None:
        uploads = self.submission_type is CanvasSubmissionType.ONLINE_UPLOAD
        if uploads and not self.content_items:
            raise ValueError("submission_type online_upload needs content_items")
        if self.content_items and not uploads and self.submission_type is not None:
            raise ValueError(
                f"content_items make it online_upload, whatever submission_type says: {self.submission_type}"
            )

    @property
    def has_work(self) -> bool:
        """
        True when there is something to show: data or files.
        """
        return self.submission_data is not None or bool(self.content_items)

    def to_extension(self) -> dict[str, Any]:
        """
        Return it as one entry of ``Score.extensions``, under its key; what is None is left out.
        """
        said: dict[str, Any] = {
            "new_submission": self.new_submission,
            "preserve_score": self.preserve_score,
            "prioritize_non_tool_grade": self.prioritize_non_tool_grade,
            "submission_type": None if self.submission_type is None else self.submission_type.value,
            "submission_data": self.submission_data,
            "submitted_at": None if self.submitted_at is None else self.submitted_at.astimezone(UTC).isoformat(),
            "content_items": [item.to_content_item() for item in self.content_items] or None,
        }
        return {CANVAS_SUBMISSION: {name: value for name, value in said.items() if value is not None}}

    def beside(
        self,
        extensions: Mapping[str, Any] | None,
        *,
        activity_progress: ActivityProgress | str,
        submitted_at: datetime | None,
    ) -> dict[str, Any]:
        """
        Return the extensions of a score with this one among them.

        Args:
            submitted_at: What the score itself says. None: nothing.

        Raises:
            ValueError: The raw extension is among them already, or the score contradicts this.
        """
        others = dict(extensions or {})
        if CANVAS_SUBMISSION in others:
            raise ValueError(f"give either canvas= or the extension {CANVAS_SUBMISSION}, not both")
        if self.submitted_at is not None and submitted_at is not None:
            raise ValueError("give submitted_at once: in the submission, or in canvas=")
        if self.has_work and activity_progress not in HANDED_IN:
            raise ValueError(f"Canvas takes work with {' or '.join(HANDED_IN)} only, got {activity_progress!s}")
        return {**others, **self.to_extension()}


@attrs.frozen(kw_only=True)
class CanvasAssignment:
    """
    What kind of assignment Canvas makes of a new line item: ``LineItem(…, extensions=assignment.to_extension())``.

    It counts when the item is made, without a link of its own. Canvas shows it ever after, and fails when it is sent
    back, so an update leaves it out.

    Attributes:
        type: A wire value such as ``"external_tool"`` will do.

        external_tool_url: What the assignment launches; with ``external_tool`` only. A URL of this tool gives the item
            a link. Canvas makes an assignment without a link of any other.

    Raises:
        ValueError, TypeError: A field is not as said here; the message names it.
    """

    type: CanvasAssignmentType = attrs.field(converter=_assignment_type)
    external_tool_url: str | None = None

    def __attrs_post_init__(self) -> None:
        launches = self.type is CanvasAssignmentType.EXTERNAL_TOOL
        if launches:
            _url("external_tool_url", self.external_tool_url)
        elif self.external_tool_url is not None:
            raise ValueError(f"external_tool_url goes with the type external_tool, got {self.type}")

    def to_extension(self) -> dict[str, Any]:
        """
        Return it as one entry of ``LineItem.extensions``, under its key.
        """
        said = {"type": self.type.value, "external_tool_url": self.external_tool_url}
        return {CANVAS_SUBMISSION_TYPE: {name: value for name, value in said.items() if value is not None}}
