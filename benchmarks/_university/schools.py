"""
The schools: how many, how large, on which LMS, and what each LMS allows.

The limits are those of the emulator's profiles, and its own throttles keep them. Each is marked by how it is known:
*seen* on a running LMS, *published* by its vendor or in its source, or *guessed*.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from random import Random

import attrs

from aioags import LostAnswerError, UnreachableError
from aioags.emulator import PROFILES
from aioags.emulator.profiles.profile import Profile
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.traffic.throttle import Throttle, throttle_of
from aioags.protocol.messages import Request, Response

ITEM_SCORES = 500
"""Most scores of one line item."""

NIGHT = 3600.0
"""Seconds over which the schools' syncs begin."""

SIZES = ((0.9, 60), (0.099, 1_200), (0.001, 27_200))
"""Share of the schools, and scores of each: 200 on average (guessed)."""

LARGE_AT = ("blackboard", "canvas", "brightspace", "moodle", "openedx", "sakai", "schoology")

OUTAGES = (0.04, (60.0, 600.0, 3600.0, 7200.0))
"""Share of the schools that are away during the night, and for how long (guessed)."""

BROKEN = (0.002, 0.002)
"""Of all scores: those whose answer is lost although they were taken, and those answered 502 (guessed)."""


@attrs.frozen
class LMS:
    """
    One LMS product.

    Attributes:
        share: Of the schools (guessed).

        answer: Seconds until it answers, and how that is known.

        workers: Requests that it works on at once. 0: any number.

        limit: What it allows, for people to read, and how that is known.
    """

    name: str
    share: float
    answer: float
    answer_known: str
    workers: int
    limit: str
    limit_known: str

    @property
    def profile(self) -> Profile:
        """
        The emulator's profile of it.
        """
        return PROFILES[self.name]


LMSS = (
    LMS("canvas", 0.38, 0.2, "guessed", 0, "a bucket of 600 units, 50 in flight, 10 a second leak", "published"),
    LMS("moodle", 0.25, 0.04, "seen", 8, "none; 8 workers", "seen; the workers guessed"),
    LMS("blackboard", 0.12, 0.2, "guessed", 0, "10,000 calls a day", "published; that LTI counts guessed"),
    LMS(
        "brightspace",
        0.13,
        0.2,
        "guessed",
        0,
        "50,000 credits a minute, 10 a call",
        "published; that LTI counts guessed",
    ),
    LMS("openedx", 0.03, 0.2, "guessed", 8, "none; 8 workers", "seen; the workers guessed"),
    LMS("sakai", 0.03, 0.2, "guessed", 8, "none; 8 workers", "published; the workers guessed"),
    LMS("schoology", 0.06, 0.2, "guessed", 0, "none is known", "guessed"),
)


@attrs.define
class School:
    """
    One school and its LMS: it takes scores, keeps its limits, and is away at times.

    Attributes:
        begins: When the tool puts its scores, in seconds.

        away: From when until when it is away, in seconds, and what it then answers; 0: nothing.

        got: How often each learner's score was applied.

        ended: When the last one was.

        met: How often it throttled, was away, lost an answer, refused a repeat.
    """

    number: int
    lms: LMS
    size: int
    begins: float
    away: tuple[float, float, int]
    dice: Random
    got: bytearray
    throttle: Throttle | None
    ended: float = 0.0
    busy: int = 0
    throttled: int = 0
    outage: int = 0
    lost: int = 0
    stale: int = 0
    requests: int = 0

    @property
    def host(self) -> str:
        """
        Where it is.
        """
        return f"https://s{self.number}.example"

    def items(self) -> Iterator[tuple[str, range]]:
        """
        Yield each line item, and the learners in it.
        """
        for first in range(0, self.size, ITEM_SCORES):
            yield f"{self.host}/items/{first}", range(first, min(self.size, first + ITEM_SCORES))

    def draw_outage(self) -> tuple[float, float, int]:
        """
        Draw when it is away.
        """
        share, lengths = OUTAGES
        if self.dice.random() >= share:
            return (0.0, 0.0, 0)
        begin = self.begins + self.dice.uniform(-600.0, 60.0)
        return (begin, begin + self.dice.choice(lengths), self.dice.choice((0, 502, 503)))


def schools(count: int, seed: int) -> list[School]:
    """
    Make them.
    """
    dice = Random(f"{seed} schools")
    found: list[School] = []
    large = 0
    for number in range(count):
        # By number and not drawn, so that any thousand schools in a row have as many scores.
        size = SIZES[2][1] if number % 1000 == 0 else SIZES[1][1] if number % 1000 < 100 else SIZES[0][1]
        lms = dice.choices(LMSS, [each.share for each in LMSS])[0]
        if size == SIZES[-1][1]:
            # Each product has one at least: limits show at the large.
            name = LARGE_AT[large % len(LARGE_AT)]
            lms, large = next(each for each in LMSS if each.name == name), large + 1
        own = Random(f"{seed} {number}")
        school = School(number, lms, size, dice.random() * NIGHT, (0.0, 0.0, 0), own, bytearray(size), None)
        school.throttle = throttle_of(lms.profile)
        school.away = school.draw_outage()
        found.append(school)
    return found


class Carrier:
    """
    The transport to all of them.
    """

    def __init__(self, all_of_them: list[School], loop: asyncio.AbstractEventLoop) -> None:
        self._schools = {school.host: school for school in all_of_them}
        self._loop = loop
        self._grant = json.dumps({"access_token": "t" * 32, "token_type": "Bearer", "expires_in": 3600}).encode()

    async def aclose(self) -> None:
        """
        Do nothing.
        """

    async def send(self, request: Request) -> Response:
        """
        Let the school answer.
        """
        url = request.url
        school = self._schools[url[: url.index("/", 8)]]
        school.requests += 1
        lms, now = school.lms, self._loop.time()
        begin, end, status = school.away
        if begin <= now < end:
            school.outage += 1
            await asyncio.sleep(0.05)
            if not status:
                raise UnreachableError("connection refused", transient=True)
            return Response(status, "", (), b"<html>", url)
        if url.endswith("/token"):
            await asyncio.sleep(lms.answer)
            return Response(200, "OK", (), self._grant, url)
        headers: tuple[tuple[str, str], ...] = ()
        if school.throttle is not None:
            try:
                school.throttle.enter(now)
            except Refusal as refusal:
                school.throttled += 1
                await asyncio.sleep(0.02)
                words = b"Rate Limit Exceeded"
                return Response(lms.profile.statuses[Kind.THROTTLED], "", tuple(refusal.facts["headers"]), words, url)
            headers = school.throttle.headers(now)
        # More than it has workers for stand in line.
        school.busy += 1
        await asyncio.sleep(lms.answer * (-(-school.busy // lms.workers) if lms.workers else 1))
        school.busy -= 1
        if school.throttle is not None:
            school.throttle.leave(self._loop.time())
        return _scored(school, request, headers, self._loop.time())


def _scored(school: School, request: Request, headers: tuple[tuple[str, str], ...], now: float) -> Response:
    """
    Take a score, or show a result.
    """
    url, body = request.url, request.body
    if not url.endswith("/scores"):
        user = url.rpartition("user_id=")[2]
        shown = [{"id": f"{url}#{user}", "userId": user, "resultScore": int(user[1:]) % 101, "resultMaximum": 100}]
        return Response(200, "OK", headers, json.dumps(shown if school.got[int(user[1:])] else []).encode(), url)
    assert body is not None
    begin = body.index(b'"userId":') + 9
    begin = body.index(b'"', begin) + 2
    learner = int(body[begin : body.index(b'"', begin)])
    if school.got[learner] and school.lms.profile.stamp_rule.startswith("later"):
        school.stale += 1
        status = school.lms.profile.statuses[Kind.SAME_STAMP]
        words = school.lms.profile.words.get(Kind.STALE, "") if status == 400 else ""
        return Response(status, "", headers, json.dumps({"detail": words}).encode(), url)
    drawn = school.dice.random()
    if drawn >= BROKEN[0] and drawn < sum(BROKEN):
        return Response(502, "", headers, b"<html>", url)
    school.got[learner] += 1
    school.ended = now
    if drawn < BROKEN[0]:
        school.lost += 1
        raise LostAnswerError("the connection broke", recorded=None, transient=True)
    return Response(204, "No Content", headers, b"", url)
