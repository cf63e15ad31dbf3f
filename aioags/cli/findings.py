"""
What the doctor looks at, and what it finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import attrs

from aioags.cli.command import Run
from aioags.cli.failures import Status
from aioags.cli.probing import Recorder
from aioags.client import Client
from aioags.config import Target
from aioags.launch.lms_fields import OURS, LMSGuide, lms_guide, lms_guides, recognized_lms
from aioags.model.registration import Registration
from aioags.protocol.grants import Grant
from aioags.protocol.messages import Response


class Condition(StrEnum):
    """
    How it stands with one thing.
    """

    WELL = "ok"
    NOTE = "note"
    FAULT = "fault"


@attrs.frozen
class Finding:
    """
    One thing that was looked at.

    Attributes:
        step: Which step of the examination.

        said: One sentence.

        advice: What to change where. Empty: nothing.

        status: What the command ends with, if it is a fault.
    """

    step: str
    state: Condition
    said: str
    advice: str = ""
    status: Status = Status.FAILED

    def of(self, step: str) -> Finding:
        """
        Return it as one of this step.
        """
        return attrs.evolve(self, step=step)

    def lines(self) -> Iterator[str]:
        """
        Write it for people.
        """
        yield f"{self.state:5}  {self.step + ':':17}{self.said}"
        if self.advice:
            yield f"{'':24}-> {self.advice}"

    def record(self) -> dict[str, Any]:
        """
        Write it for programs.
        """
        return {"step": self.step, "state": str(self.state), "said": self.said, "advice": self.advice or None}


def well(said: str) -> Finding:
    """
    Say that something is as it should be.
    """
    return Finding("", Condition.WELL, said)


def note(said: str, advice: str = "") -> Finding:
    """
    Say something that may be as it is wanted.
    """
    return Finding("", Condition.NOTE, said, advice)


def fault(said: str, advice: str, status: Status = Status.FAILED) -> Finding:
    """
    Say what is wrong, and what to change where.
    """
    return Finding("", Condition.FAULT, " ".join(said.split()), advice, status)


@attrs.define
class Patient:
    """
    What is examined, and what is known of it so far.

    Attributes:
        wire: What requests go through, and what was answered.

        client: For the services, which keeps its token from step to step.

        grant: The access token. None: there is none yet.

        offset: Seconds that the platform's clock is ahead of ours. None: not known yet.

        person: Somebody whose score may be tried. None: nobody is known yet.

        records: The answers are wanted.

        written: What was answered to a write, by what was asked.
    """

    run: Run
    target: Target
    wire: Recorder
    client: Client
    grant: Grant | None = None
    offset: float | None = None
    person: str | None = None
    records: bool = False
    written: dict[str, Response] = attrs.field(factory=dict, repr=False)

    @property
    def registration(self) -> Registration:
        """
        What was agreed with the platform.
        """
        return self.target.registration

    @property
    def lms(self) -> LMSGuide:
        """
        Which LMS it is, as far as can be told.
        """
        values = self.target.values
        known = recognized_lms(str(values.get("issuer")), str(values.get("token_url")))
        return lms_guides().get(str(values.get("lms"))) or lms_guide(known)

    def field(self, value: str) -> str:
        """
        Say what the LMS calls the field of a value, which is one of `OURS` or `THEIRS`.
        """
        row = self.lms.our_field(value) if value in OURS else self.lms.their_field(value)
        told = "; ".join(filter(None, (row.field, row.note))) if row is not None else ""
        return told or "as the LMS shows it"

    def remedy(self, value: str) -> str:
        """
        Say where a value is mended: here, where it is the LMS's, there, where it is ours.
        """
        return self.field(value) if value in OURS else f"{value} in {self.target.where}: {self.field(value)}"
