"""
``aioags doctor --record``: the platform's answers, as a profile that the emulator serves.

Theory of operation. Each thing is asked once more, in a fixed order and under a name of its own, so that two platforms
that answer alike give the same file. It reads; what writing does is taken from the doctor's own item, with ``--write``.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aioags._version import __version__
from aioags.cli.findings import Finding, Patient, note, well
from aioags.cli.outcomes import replaced
from aioags.cli.probing import authorized
from aioags.emulator import PROFILES
from aioags.emulator.recording.redaction import Redactor
from aioags.emulator.recording.switches import differing, records_of, value_of
from aioags.errors import AGSError
from aioags.protocol.messages import Request, Response
from aioags.wire import media_types

_SHORTEST_SECRET = 4
_NOBODY = "987654321"
"""A user id that nobody has; a number, as Moodle wants them."""


async def write_record(patient: Patient, path: Path) -> Finding:
    """
    Ask for everything once more, and write what was answered.
    """
    answers = dict(_tokens(patient)) | {name: answer async for name, answer in _reads(patient)} | patient.written
    members = [answer for request, answer in patient.wire.answers if request.url == patient.target.memberships_url]
    answers |= {"members": members[0]} if members else {}
    base = PROFILES.get(patient.lms.profile or patient.lms.name, PROFILES["spec"])
    redactor = Redactor(_secrets(patient, answers))
    written = {
        "profile": base.name,
        "name": f"{base.name}-recorded",
        "basis": f"recorded by aioags {__version__} from a platform like {base.name}",
        "switches": differing(base, answers, redactor),
        "answers": [redactor.answer(name, answer) for name, answer in answers.items()],
    }
    with replaced(path) as file:
        file.write(json.dumps(written, indent=2, ensure_ascii=False) + "\n")
    if not answers:
        return note(f"there was no answer to write into {path}")
    return well(f"{len(answers)} answers are in {path}, nobody's name among them: aioags emulator --profile {path}")


def _tokens(patient: Patient) -> Iterator[tuple[str, Response]]:
    """
    Yield the answer of the token endpoint that grants most.
    """
    url = patient.target.values.get("token_url")
    told = [answer for request, answer in patient.wire.answers if request.url == url]
    if told:
        yield "token", max(told, key=lambda answer: (answer.ok, answer.body.count(b"scope/")))


async def _reads(patient: Patient) -> AsyncIterator[tuple[str, Response]]:
    url = patient.target.values.get("lineitems")
    if not isinstance(url, str) or patient.grant is None:
        return
    token, items, plain = patient.grant.access_token, media_types.LINE_ITEM_CONTAINER, media_types.JSON
    item: Any = patient.target.values.get("lineitem")
    for name, place, accept, bearer in (
        ("list", url, items, token),
        ("list, limit 1", _with(url, "limit=1"), items, token),
        ("list as plain JSON", url, plain, token),
        ("list without token", url, items, None),
        ("list with a bad token", url, items, token[::-1]),
    ):
        answer = await _get(patient, place, accept, bearer)
        if answer is not None:
            yield name, answer
            item = item or next((one.get("id") for one in records_of(answer)), None)
    if isinstance(item, str):
        async for named in _of_item(patient, item, token):
            yield named


async def _of_item(patient: Patient, item: str, token: str) -> AsyncIterator[tuple[str, Response]]:
    kind, shown = media_types.LINE_ITEM, media_types.RESULT_CONTAINER
    results = _below(item, "results")
    head, _, query = item.partition("?")
    # The last number of the path is the item's, in all that are known.
    nowhere = re.sub(r"\d+(?=\D*$)", _NOBODY, head) + (f"?{query}" if query else "")
    asked = {
        "item": (item, kind),
        "an item that is not there": (nowhere, kind),
        "results": (results, shown),
        "results, limit 1": (_with(results, "limit=1"), shown),
    }
    for name, (url, accept) in asked.items():
        answer = await _get(patient, url, accept, token)
        if answer is not None and (name != "an item that is not there" or nowhere != item):
            yield name, answer
            if name == "results":
                patient.person = next((one.get("userId") for one in records_of(answer)), patient.person)
    if patient.person is not None:
        answer = await _get(patient, _with(results, f"user_id={patient.person}"), shown, token)
        if answer is not None:
            yield "results of one", answer


def _with(url: str, query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _below(item: str, name: str) -> str:
    head, asks, query = item.partition("?")
    return f"{head}/{name}{asks}{query}"


async def _get(patient: Patient, url: str, accept: str, bearer: str | None) -> Response | None:
    request = Request("GET", url, (("Accept", accept),))
    try:
        return await patient.wire.send(authorized(request, bearer) if bearer else request)
    except AGSError:
        return None


async def refused_writes(patient: Patient) -> None:
    """
    Keep what was answered to the last score, and to those that should be refused: the same again, an older one, one for
    nobody.
    """
    score, answer = patient.wire.answers[-1]
    patient.written["score"] = answer
    body = json.loads(score.body or b"{}")
    variants: dict[str, dict[str, str]] = {
        "score again": {},
        "score again, older": {"timestamp": "2001-01-01T00:00:00.000Z"},
        "score for nobody": {"userId": _NOBODY},
    }
    for name, change in variants.items():
        changed = json.dumps({**body, **change}).encode()
        again = Request(score.method, score.url, score.headers, changed, score.most_bytes)
        patient.written[name] = await patient.wire.send(again)


def _secrets(patient: Patient, answers: Mapping[str, Response]) -> set[str]:
    """
    Return what must stand nowhere: whom and what the answers are about.
    """
    found = {str(value) for name, value in patient.target.values.items() if name not in ("scope", "lms")}
    found |= {part for url in found for part in (urlsplit(url).netloc, urlsplit(url).hostname or "")}
    for answer in (*answers.values(), *(answer for _, answer in patient.wire.answers)):
        found |= set(_texts(value_of(answer))) if answer.ok else set()
    # Shorter ones are parts of any word.
    return {secret for secret in found if len(secret) >= _SHORTEST_SECRET}


_PRIVATE = {"access_token", "name", "given_name", "family_name", "middle_name", "email", "picture", "comment", "label"}
_PRIVATE |= {"user_id", "userId", "scoringUserId", "lis_person_sourcedid", "lti11_legacy_user_id", "title", "id"}


def _texts(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _texts(one, name)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, key)
    elif isinstance(value, str) and key in _PRIVATE:
        yield value
