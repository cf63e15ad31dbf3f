"""
What the doctor looks at, and what it finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import attrs

from aioags.cli import lms
from aioags.cli.command import Run
from aioags.cli.config import Target
from aioags.cli.failures import Status
from aioags.cli.probing import Recorder
from aioags.client import Client
from aioags.model.registration import Registration
from aioags.protocol.grants import Grant


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
    """

    run: Run
    target: Target
    wire: Recorder
    client: Client
    grant: Grant | None = None
    offset: float | None = None
    person: str | None = None

    @property
    def registration(self) -> Registration:
        """
        What was agreed with the platform.
        """
        return self.target.registration

    @property
    def lms(self) -> lms.Vendor:
        """
        Which LMS it is, as far as can be told.
        """
        values = self.target.values
        named = values.get("lms")
        known = lms.recognised(str(values.get("issuer")), str(values.get("token_url")))
        return lms.ALL.get(str(named), lms.ALL[known])
