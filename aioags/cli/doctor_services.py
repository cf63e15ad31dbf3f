"""
The doctor on the services: one listing, one read of results, members, rate; and with ``--write`` an item of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aioags.cli.config import OpenCourse
from aioags.cli.failures import CommandError, Status
from aioags.cli.findings import Finding, Patient, fault, note, well
from aioags.cli.shown import counted
from aioags.config import ConfigFileError
from aioags.errors import (
    AGSError,
    ForbiddenError,
    MalformedError,
    NoAnswerError,
    NotFoundError,
    ThrottledError,
    UntrustedURLError,
)
from aioags.memberships import Memberships
from aioags.model.line_item import LineItem
from aioags.model.score import Score
from aioags.model.unreadable import Unreadable
from aioags.protocol.messages import Response
from aioags.wire import media_types

_MANY = 1000
_MARK = "aioags-doctor"


def _course(patient: Patient) -> OpenCourse:
    registration, endpoint = patient.registration, patient.target.endpoint
    gradebook = patient.client.gradebook(registration, endpoint)
    return OpenCourse(patient.target, registration, endpoint, patient.client, gradebook)


_FAILURES: tuple[tuple[type[Exception], str, str, Status], ...] = (
    (NotFoundError, "is not there any more", "is the course, or its activity, deleted? {again}", Status.FAILED),
    (
        UntrustedURLError,
        "leads to another host, and the token does not go there",
        "is a proxy in front of the platform that does not tell it its name? Else {again}",
        Status.FAILED,
    ),
    (ForbiddenError, "is forbidden to this tool", "{scopes}", Status.UNAUTHORIZED),
    (ThrottledError, "cannot be read", "the platform asks for patience: try again later", Status.UNREACHABLE),
    (
        MalformedError,
        "is not what the standard says",
        "a login page, a proxy or a plug-in answers in the platform's place: look at the URL in a browser",
        Status.FAILED,
    ),
    (NoAnswerError, "cannot be read", "try again, or ask the platform's administrator", Status.UNREACHABLE),
    (Exception, "is refused", "the words are the platform's: is the course over, or not published?", Status.FAILED),
)
"""The first that fits: kind of error, what it means, what to do."""


def _failed(patient: Patient, what: str, error: AGSError | CommandError | ConfigFileError) -> Finding:
    """
    Say why a service does not answer as it should.
    """
    again = f"aioags listen {patient.target.name} takes a new launch"
    if isinstance(error, (CommandError, ConfigFileError)):
        return note(f"{what} cannot be read: no launch was taken yet", again)
    _, said, advice, status = next(row for row in _FAILURES if isinstance(error, row[0]))
    return fault(f"{what} {said}: {error}", advice.format(again=again, scopes=patient.field("scopes")), status)


async def listing(patient: Patient) -> AsyncIterator[Finding]:
    """
    List the line items, every page.
    """
    odd: list[Unreadable] = []
    seen = len(patient.wire.answers)
    try:
        course = _course(patient)
        if course.endpoint.lineitems is None:
            yield note("the launch names no list of line items, so this tool has the link's own at most")
            return
        items = [item async for item in course.gradebook.line_items(on_unreadable=odd.append)]
    except (AGSError, CommandError, ConfigFileError) as error:
        yield _failed(patient, "the list of line items", error)
        return
    pages = [answer for request, answer in patient.wire.answers[seen:] if request.method == "GET" and answer.ok]
    yield well(f"{counted(len(items), 'line item')} on {counted(len(pages), 'page')}")
    if odd:
        yield note(f"{counted(len(odd), 'line item')} cannot be read, such as: {odd[0].error}")
    for finding in _types(pages, media_types.LINE_ITEM_CONTAINER):
        yield finding
    labels = [item.label for item in items]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        yield note(f"several line items are called {twice[0]!r}", "aioags items dedupe shows those made twice")


def _types(answers: list[Response], wanted: str) -> list[Finding]:
    odd = {(answer.header("Content-Type") or "nothing").partition(";")[0] for answer in answers} - {wanted}
    return [note(f"it answers as {', '.join(sorted(odd))}, not as {wanted}: it is read all the same")] if odd else []


async def results(patient: Patient) -> AsyncIterator[Finding]:
    """
    Read a few results of one line item.
    """
    try:
        course = _course(patient)
        item: LineItem | str | None = course.gradebook.coupled
        if item is None:
            item = await anext(course.gradebook.line_items(), None)
        if item is None:
            yield note("there is no line item yet, so no results to read")
            return
        count = 0
        async for result in course.gradebook.results(line_item=item, on_unreadable=lambda _: None):
            patient.person = patient.person or result.user_id
            count += 1
            if count == _MANY:
                break
    except (AGSError, CommandError, ConfigFileError) as error:
        yield _failed(patient, "the results", error)
        return
    which = "the link's own item" if course.gradebook.coupled else "one item"
    yield well(f"{counted(count, 'result')} of {which}")


async def members(patient: Patient) -> AsyncIterator[Finding]:
    """
    Read a few members, whose names are never shown.
    """
    url = patient.target.memberships_url
    if url is None:
        yield note(
            "no memberships_url: the launch offered no roster", f"only if you need one: {patient.field('scopes')}"
        )
        return
    names = count = 0
    try:
        course = _course(patient)
        source = Memberships(course.registration, url, course.endpoint)
        async for member in course.client.memberships(source, on_unreadable=lambda _: None):
            if member.has_role("Learner") and member.is_active:
                patient.person = member.user_id
            names += bool(member.name or member.email)
            count += 1
            if count == _MANY:
                break
    except (AGSError, CommandError, ConfigFileError) as error:
        yield _failed(patient, "the roster", error)
        return
    shown = "" if names else "; without names and addresses: privacy settings of the tool there"
    yield well(f"{counted(count, 'member')}{shown}")


async def rate(patient: Patient) -> AsyncIterator[Finding]:
    """
    Say what the platform says of its limits.
    """
    found: dict[str, str] = {}
    for _, answer in patient.wire.answers:
        for name, value in answer.headers:
            if "rate" in name.lower().replace("-", " ").split() or name.lower() in ("retry-after", "x-request-cost"):
                found[name] = value
    told = ", ".join(f"{name}: {value}" for name, value in found.items())
    yield well(told or "the platform says nothing of limits")


async def writing(patient: Patient) -> AsyncIterator[Finding]:
    """
    Make a line item, score somebody, read the result, delete the item.
    """
    seen = len(patient.wire.answers)
    try:
        course = _course(patient)
        made = await course.gradebook.create_line_item(LineItem(_MARK, 10, resource_id=_MARK, tag=_MARK))
        yield well("a line item was made")
        try:
            yield await _scored(patient, course, made)
        finally:
            left = await _deleted(course, made)
        yield left
    except (AGSError, CommandError, ConfigFileError) as error:
        yield _failed(patient, "writing", error)
    for request, answer in patient.wire.answers[seen:]:
        name = {"DELETE": "delete", "POST": "create"}.get(request.method)
        if name is not None and (request.method == "DELETE" or request.url == patient.target.values.get("lineitems")):
            patient.written.setdefault(name, answer)


async def _deleted(course: OpenCourse, item: LineItem) -> Finding:
    try:
        await course.gradebook.delete_line_item(item)
    except ForbiddenError:
        return note(f"the platform lets no tool delete, so {item.label!r} stays", "delete it in the gradebook there")
    return well("it was deleted again")


async def _scored(patient: Patient, course: OpenCourse, item: LineItem) -> Finding:
    if patient.person is None:
        return note("nobody is known who could be scored", "it needs a roster, or one result")
    try:
        await course.gradebook.post_score(Score.graded(patient.person, 5, score_maximum=10), line_item=item)
        if patient.records:
            from aioags.cli.record import refused_writes

            await refused_writes(patient)
        result = await course.gradebook.get_result(patient.person, line_item=item)
    except AGSError as error:
        return _failed(patient, "a score", error)
    shown = None if result is None else result.fraction
    if shown is None or abs(shown - 0.5) > 1e-6:
        said = f"a score was taken and the result shows {'nothing' if shown is None else f'{shown:.0%}'}, not 50%"
        return note(said, "some platforms show results later")
    return well("a score was posted and read back")
