"""
``aioags doctor``: step by step what administrators get wrong, what it is here, and what to change where.

Theory of operation. Each step looks at one thing and tells `Finding`s. A fault of a step that others stand on ends the
examination: what follows would only repeat it in other words. What a platform says of a refusal is often no help, so a
refused token is asked for again with one thing changed at a time: what then succeeds was wrong.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from aioags.cli import doctor_network, doctor_services, doctor_token, probing
from aioags.cli.command import Run
from aioags.cli.failures import Status
from aioags.cli.findings import Condition, Finding, Patient
from aioags.cli.outcomes import check_place
from aioags.client import Client
from aioags.config import ConfigFileError
from aioags.model.policy import RetryPolicy

# What is refused once is refused again; a throttle is worth waiting for.
_ATTEMPTS = 4

Step = Callable[[Patient], AsyncIterator[Finding]]

STEPS: Mapping[str, tuple[Step, bool]] = {
    "registration": (doctor_network.registration, True),
    "address": (doctor_network.address, True),
    "TLS": (doctor_network.tls, True),
    "tool's keys": (doctor_network.tool_keys, False),
    "platform's keys": (doctor_network.platform_keys, False),
    "token": (doctor_token.token, True),
    "scopes": (doctor_token.scopes, False),
    "listing": (doctor_services.listing, False),
    "results": (doctor_services.results, False),
    "members": (doctor_services.members, False),
    "rate": (doctor_services.rate, False),
}
"""Name: what it does, and whether the steps after it stand on it."""


async def doctor(
    run: Run,
    *,
    name: Annotated[str | None, typer.Argument(help="which registration")] = None,
    write: Annotated[
        bool, typer.Option("--write", help="also make, score, read and delete an item of its own")
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="write the answers, without people and secrets, as an emulator's profile"),
    ] = None,
) -> Status:
    """
    Find out what is wrong between this tool and an LMS, and what to change where. It only reads, unless told otherwise.

    What --record writes is a report for others: aioags emulator --profile FILE answers as that platform does.

    Example:
        aioags doctor school
    """
    if record is not None:
        check_place(record)
    findings: list[Finding] = []
    async for finding in examine(run, name, write=write, record=record):
        findings.append(finding)
        run.tell(finding.record(), *finding.lines())
    worst = next((one for one in findings if one.state is Condition.FAULT), None)
    if worst is not None:
        run.say(f"{worst.step}: {worst.said}")
        return worst.status
    read = {one.step for one in findings if one.state is Condition.WELL}
    unread = [step for step in ("listing", "results") if step not in read]
    run.say(f"no fault found, but not all could be tried: {', '.join(unread)}" if unread else "all well")
    return Status.OK


async def examine(run: Run, name: str | None, *, write: bool, record: Path | None = None) -> AsyncIterator[Finding]:
    """
    Do step after step; end at a fault that the others stand on.

    Args:
        record: Where the answers go, as far as they were had. None: nowhere.
    """
    try:
        target = run.target(name)
    except ConfigFileError as error:
        yield Finding("registration", Condition.FAULT, str(error), status=Status.USAGE)
        return
    async with probing.opened(run) as transport:
        wire = probing.Recorder(transport)
        async with Client(retry=RetryPolicy(_ATTEMPTS, total_time=run.patience), transport=wire) as client:
            patient = Patient(run, target, wire, client, records=record is not None)
            steps = {**STEPS, **({"writing": (doctor_services.writing, False)} if write else {})}
            for step, (look, essential) in steps.items():
                broken = False
                async for finding in look(patient):
                    yield finding.of(step)
                    broken |= finding.state is Condition.FAULT
                if broken and essential:
                    break
            if record is not None:
                # Nobody else pays for the emulator.
                from aioags.cli.record import write_record

                yield (await write_record(patient, record)).of("record")
