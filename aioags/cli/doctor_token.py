"""
The doctor on the access token: whether there is one, why not, and what it is good for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from email.utils import parsedate_to_datetime
from uuid import uuid4

import attrs

from aioags.cli import probing
from aioags.cli.failures import Status
from aioags.cli.findings import Finding, Patient, fault, note, well
from aioags.cli.shown import shown_duration
from aioags.config import ConfigFileError
from aioags.errors import AGSError, BrokenError, GrantMalformedError, GrantRefusedError, NoAnswerError, ThrottledError
from aioags.launch.lms_fields import Step
from aioags.model.endpoint import asked_scopes
from aioags.model.progress import Scope
from aioags.model.registration import Registration
from aioags.protocol.grants import Grant, request_token

# Between a server's clock and a good one; Canvas and Moodle bear none at all of what is in the future.
_CLOCKS_APART = 5.0
# How long a throttle that does not say is waited for, the first, second and third time; seconds. At Canvas a token
# costs 200 of a bucket of 600 that leaks 10 a second.
_PAUSES = 5.0, 15.0, 25.0
# Words of a refusal that leave no doubt: nothing else has to be tried.
_CERTAIN = ("kid", "signature", "jwk", "jws", "key set", "client id")


def asked(patient: Patient) -> frozenset[str]:
    """
    Return the scopes to ask for: those of the launch, or where none was taken yet, all.
    """
    try:
        return asked_scopes(patient.target.endpoint) or frozenset(Scope)
    except ConfigFileError:
        return frozenset(Scope)


async def token(patient: Patient) -> AsyncIterator[Finding]:
    """
    Ask for a token; find out why there is none.
    """
    registration = patient.registration
    try:
        patient.grant = await _ask(patient, registration, asked(patient))
    except AGSError as error:
        _note_clock(patient)
        yield await _cause(patient, error)
        return
    _note_clock(patient)
    yield well(f"granted, for {shown_duration(patient.grant.expires_in)}")
    yield well(f"audience {registration.audience or registration.token_url}")
    if patient.offset is not None and abs(patient.offset) > _CLOCKS_APART:
        yield note(_clocks(patient.offset), "set it by NTP: platforms refuse assertions from the future")


async def _ask(patient: Patient, registration: Registration, scopes: Iterable[str], *, shift: float = 0.0) -> Grant:
    now = patient.run.world.now
    operation = request_token(registration, frozenset(scopes), wall=lambda: now() + shift, new_jti=lambda: str(uuid4()))
    for pause in _PAUSES:
        try:
            return (await probing.perform(patient.wire, operation, now()))[1]
        except ThrottledError as error:
            # So many questions at once are what platforms throttle; it says nothing of what was asked.
            wait = min(error.retry_after or pause, _PAUSES[-1])
            patient.run.note(f"the platform throttles: asking again in {wait:.0f} s")
            await patient.run.world.sleep(wait)
    return (await probing.perform(patient.wire, operation, now()))[1]


def _note_clock(patient: Patient) -> None:
    said = patient.wire.answers[-1][1].header("Date") if patient.wire.answers else None
    try:
        patient.offset = parsedate_to_datetime(said).timestamp() - patient.run.world.now() if said else None
    except ValueError:
        patient.offset = None


def _clocks(offset: float) -> str:
    return f"the clock of this machine is {shown_duration(abs(offset))} {'behind' if offset > 0 else 'ahead'}"


async def _cause(patient: Patient, error: AGSError) -> Finding:
    where = patient.target.where
    if isinstance(error, NoAnswerError):
        return fault(str(error), f"is it right? token_url in {where}", Status.UNREACHABLE)
    if isinstance(error, ThrottledError):
        return fault(f"the platform asks for patience: {error}", "try again later", Status.UNREACHABLE)
    if isinstance(error, BrokenError):
        return fault(f"the platform is ill: {error}", "ask its administrator, or try again later", Status.UNREACHABLE)
    if isinstance(error, GrantMalformedError) or getattr(error, "status", None) in (404, 405):
        row = patient.lms.their_field("token_url")
        hint = f"; of {patient.lms.title} it is {row.usual}" if row is not None and row.usual else ""
        wrong = f"this is no token endpoint: {error}"
        return fault(wrong, f"take the access token URL for token_url in {where}{hint}", Status.UNAUTHORIZED)
    return await _tried(patient, error) or _by_words(patient, error)


async def _tried(patient: Patient, error: AGSError) -> Finding | None:
    """
    Ask again with one thing changed at a time. None: nothing helps.
    """
    registration, scopes, where = patient.registration, asked(patient), patient.target.where
    if isinstance(error, GrantRefusedError) and error.code == "invalid_scope":
        return await _without(patient, registration, scopes)
    if any(word in _words(error) for word in _CERTAIN):
        return None
    offset = patient.offset or 0.0
    if abs(offset) > _CLOCKS_APART and await _helps(patient, registration, scopes, shift=offset):
        return fault(_clocks(offset), "set it by NTP", Status.UNAUTHORIZED)
    for audience in _audiences(patient):
        if await _helps(patient, attrs.evolve(registration, audience=audience), scopes):
            said = f"the audience is wrong: this platform wants {audience}"
            line = f'audience = "{audience}"' if audience != registration.token_url else "no line audience"
            return fault(said, f"{line} in {where}", Status.UNAUTHORIZED)
    if registration.deployment_id is not None and await _helps(
        patient, attrs.evolve(registration, deployment_id=None), scopes
    ):
        said = f"the deployment id {registration.deployment_id!r} is not known there"
        return fault(said, patient.remedy("deployment_id"), Status.UNAUTHORIZED)
    return None


async def _without(patient: Patient, registration: Registration, scopes: frozenset[str]) -> Finding | None:
    refused = [scope for scope in sorted(scopes) if not await _helps(patient, registration, {scope})]
    if len(refused) in (0, len(scopes)):
        return None
    named = ", ".join(scope.rpartition("/")[2] for scope in refused)
    return fault(f"the platform does not allow this tool {named}", patient.field("scopes"), Status.UNAUTHORIZED)


def _audiences(patient: Patient) -> Iterator[str]:
    registration = patient.registration
    url = registration.token_url
    other = "/".join(url.split("/")[:3])
    known = patient.lms.their_field("audience")
    usual = None if known is None or known.usual == "<token_url>" else known.usual
    wanted = [usual, url, url.rstrip("/"), f"{url.rstrip('/')}/", registration.issuer, other]
    now = registration.audience or url
    yield from dict.fromkeys(one for one in wanted if one and one != now)


async def _helps(patient: Patient, registration: Registration, scopes: Iterable[str], *, shift: float = 0.0) -> bool:
    try:
        await _ask(patient, registration, scopes, shift=shift)
    except AGSError:
        return False
    return True


_WORDS = (
    (("deployment",), "the deployment id is missing or wrong", "deployment_id"),
    (("key set", "jwks", "fetch"), "the platform cannot fetch the tool's key set", "key_set_url"),
    (("kid", "signature", "key"), "the platform does not know the key that this tool signs with", "public_key"),
    (("scope",), "the platform allows this tool none of the scopes", "scopes"),
    (("aud",), "the audience is wrong", "audience"),
    (
        ("client", "sub", "iss", "tool"),
        "the platform does not know the client id {client_id!r}, or its tool is not switched on",
        "client_id",
    ),
)
"""What is in a refusal's words, in small letters; what it means; which value it is about. The first that fits."""

_KEYS = "aioags keys jwks prints what the LMS needs, by URL or pasted"


def _words(error: AGSError) -> str:
    return str(getattr(error, "description", None) or error).lower().replace("client_assertion", "")


def _by_words(patient: Patient, error: AGSError) -> Finding:
    words = _words(error)
    about = next((row for row in _WORDS if any(mark in words for mark in row[0])), None)
    code = getattr(error, "code", None)
    said = f"the platform knows neither this client id nor this key{f' ({code})' if code else ''}"
    values = ["client_id", "public_key"]
    if about is not None:
        said, values = about[1].format(client_id=patient.registration.client_id), [about[2]]
    # What this LMS was seen to say so of, beside what the words say.
    values += [one.value for one in patient.lms.explained(str(error)) if one.step is Step.TOKEN]
    remedies = [patient.remedy(value) for value in dict.fromkeys(values)]
    keys = [_KEYS] if {"key_set_url", "public_key"} & {*values} else []
    return fault(f"{said}: {error}", "; ".join((*keys, *remedies)), Status.UNAUTHORIZED)


async def scopes(patient: Patient) -> AsyncIterator[Finding]:
    """
    Compare what is granted with what a tool of grades needs.
    """
    granted = patient.grant.scopes if patient.grant is not None else frozenset()
    names = {scope: scope.rpartition("/")[2] for scope in sorted(asked(patient))}
    missing = [name for scope, name in names.items() if scope not in granted]
    if missing:
        yield fault(f"not granted: {', '.join(missing)}", patient.field("scopes"), Status.UNAUTHORIZED)
    else:
        yield well(", ".join(names.values()))
    lacking = [scope.rpartition("/")[2] for scope in (Scope.SCORE, Scope.RESULT_READONLY) if scope not in names]
    if not {Scope.LINE_ITEM, Scope.LINE_ITEM_READONLY} & names.keys():
        lacking.append("lineitem")
    if lacking:
        advice = f"{patient.field('scopes')}; then aioags listen {patient.target.name} takes a new launch"
        yield fault(f"the launch did not offer {', '.join(lacking)}", advice, Status.UNAUTHORIZED)
