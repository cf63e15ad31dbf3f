"""
One platform, asked in two ways: directly, and through LTIAAS. Everything in memory, on a clock that only sleepers move.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import attrs

from aioags import (
    AGSError,
    BrokenError,
    Client,
    Endpoint,
    Gradebook,
    LostAnswerError,
    Registration,
    Score,
    UserNotGradableError,
)
from aioags.emulator import PROFILES, Answer, Platform, Profile
from aioags.emulator.ltiaas import Gateway
from aioags.ltiaas import Account
from aioags.protocol.messages import Request, Response
from tests.rigs.memory import as_response, runtime_for
from tests.rigs.virtual_time import VirtualTime

DIRECT, LTIAAS = "direct", "ltiaas"
BACK_ENDS = (DIRECT, LTIAAS)

Mishap = Callable[[Request, Callable[[], Response]], Response]


@attrs.define
class Wire:
    """
    A transport to a back end in this process, on which things can go wrong.

    Attributes:
        answer: Who answers.

        sent: What was sent, token requests left out, in order.

        mishaps: What befalls the next request that a predicate admits; each once, or for ever.
    """

    answer: Callable[[Request], Answer]
    sent: list[Request] = attrs.field(factory=list)
    mishaps: list[tuple[Callable[[Request], bool], Mishap, bool]] = attrs.field(factory=list)

    async def send(self, request: Request) -> Response:
        """
        Carry one request, or let its mishap befall it.
        """
        if b"client_assertion" not in (request.body or b""):
            self.sent.append(request)
        await asyncio.sleep(0)
        mishap = self._mishap(request)
        response = mishap(request, lambda: self._answered(request)) if mishap else self._answered(request)
        await asyncio.sleep(0)
        return response

    def _answered(self, request: Request) -> Response:
        return as_response(request, self.answer(request))

    def _mishap(self, request: Request) -> Mishap | None:
        for entry in self.mishaps:
            admits, mishap, always = entry
            if admits(request):
                if not always:
                    self.mishaps.remove(entry)
                return mishap
        return None

    async def aclose(self) -> None:
        """
        Do nothing: there is nothing to close.
        """


def is_score(request: Request) -> bool:
    """
    True for the post of a score.
    """
    return request.method == "POST" and request.url.partition("?")[0].endswith("/scores")


def is_creation(request: Request) -> bool:
    """
    True for the post of a line item.
    """
    return request.method == "POST" and b'"label"' in (request.body or b"")


def is_deletion(request: Request) -> bool:
    """
    True for a DELETE.
    """
    return request.method == "DELETE"


def lost(request: Request, apply: Callable[[], Response]) -> Response:
    """
    Lose the request on its way.
    """
    raise LostAnswerError("reset", recorded=None, transient=True)


def applied_and_lost(request: Request, apply: Callable[[], Response]) -> Response:
    """
    Let it be applied, and lose the answer.
    """
    apply()
    raise LostAnswerError("reset", recorded=None, transient=True)


def answered(status: int, *headers: tuple[str, str], body: bytes = b"") -> Mishap:
    """
    Answer in the back end's stead.
    """
    return lambda request, apply: Response(status, "", headers, body, request.url)


@attrs.frozen
class Expected:
    """
    What a profile makes of things by its nature, with either back end.

    Attributes:
        profile: The platform's switches, from which all of it follows.

        back_end: `DIRECT` or `LTIAAS`.
    """

    profile: Profile
    back_end: str

    @property
    def unknown_user(self) -> type[AGSError]:
        """
        The error for somebody who is not in the course. Open edX crashes.
        """
        return BrokenError if self.profile.unknown_user == "crash" else UserNotGradableError

    @property
    def deletes(self) -> bool:
        """
        Whether a tool's own line item can be deleted, and is then gone. Open edX refuses.
        """
        return self.profile.delete_policy == "delete"

    @property
    def newer_stays(self) -> bool:
        """
        Whether a score with an earlier timestamp is kept from replacing a later one.

        Sakai and Blackboard do not look at timestamps; Moodle before 4.5.6 keeps the second of its own clock for the
        coupled line item, which both of the scores here are later than; LTIAAS puts its own in their place, so the
        client sees to it.
        """
        if self.back_end == LTIAAS:
            return True
        return self.profile.stamp_rule != "any" and not self.profile.coupled_stamps_now

    @property
    def deletes_coupled(self) -> bool:
        """
        Whether a link's own line item can be deleted, if one insists. Canvas refuses.
        """
        return self.deletes and self.profile.delete_coupled != "refuse"

    @property
    def filtered_comment(self) -> bool:
        """
        Whether one user's result has its comment. Blackboard drops it.
        """
        return self.profile.user_filter != "drops_comment"


@attrs.define
class Bench:
    """
    A gradebook to try, and the platform that it is about.

    Attributes:
        item: URL of the line item that scores go to: the coupled one where the platform has one.

        account: None: the direct back end.
    """

    platform: Platform
    client: Client
    wire: Wire
    time: VirtualTime
    gradebook: Gradebook
    expected: Expected
    item: str
    account: Account[Gradebook] | None = None
    gateway: Gateway | None = None

    @property
    def users(self) -> list[str]:
        """
        User ids of the course.
        """
        return self.platform.users()

    @property
    def stranger(self) -> str:
        """
        A user id of nobody in the course.
        """
        return "987654321"

    def scores_sent(self) -> int:
        """
        How many score requests were sent.
        """
        return sum(map(is_score, self.wire.sent))

    def befall(self, admits: Callable[[Request], bool], mishap: Mishap, *, always: bool = False) -> None:
        """
        Let a mishap befall the next request that is admitted, or all of them.
        """
        self.wire.mishaps.append((admits, mishap, always))

    def points(self, user: str, item: str | None = None) -> float | None:
        """
        Return what the platform's result service says of a user, as a share of the maximum. None: no grade.
        """
        result = self.platform.result(item or self.item, user)
        if result is None or result.get("resultScore") is None:
            return None
        return float(result["resultScore"]) / float(result.get("resultMaximum", 1))

    def history(self, user: str) -> list[float | None]:
        """
        Return the points of every score that was applied, in the order of application.
        """
        return [score.get("scoreGiven") for score in self.platform.history(self.item, user)]

    async def post(self, score: Score, **options: Any) -> Any:
        """
        Post a score to the bench's line item.
        """
        return await self.gradebook.post_score(score, line_item=self.item, **options)


def new_bench(back_end: str, profile: str | Profile = "spec", **client: Any) -> Bench:
    """
    Set up one platform with five learners and a gradebook of one back end.

    Args:
        client: Settings of the `Client`.
    """
    time = VirtualTime()
    chosen = PROFILES[profile] if isinstance(profile, str) else profile
    platform = Platform.create(chosen, clock=time.wall, users=5)
    item = platform.endpoint_claim().get("lineitem") or _made(platform)
    gateway = Gateway.create(platform) if back_end == LTIAAS else None
    wire = Wire(platform.answer if gateway is None else gateway.answer)
    ags = Client(transport=wire, runtime=runtime_for(time), **client)
    account = None if gateway is None else ags.ltiaas(gateway.base_url, gateway.api_key)
    bench = Bench(platform, ags, wire, time, direct(ags, platform), Expected(chosen, back_end), item, account, gateway)
    if gateway is not None:
        bench.gradebook = through_ltiaas(bench)
    return bench


def _made(platform: Platform) -> str:
    made = platform.add_line_item("Made by the tool", 100, resource_id="made")
    return platform.site.item_url(made)


def direct(ags: Client, platform: Platform, **changes: Any) -> Gradebook:
    """
    Return a gradebook that asks the platform itself; the changes are fields of the endpoint.
    """
    endpoint = attrs.evolve(Endpoint.from_claim(platform.endpoint_claim()), **changes)
    # The key is parsed already: from PEM it would cost each test 50 ms.
    return ags.gradebook(Registration(**(platform.registration_args() | {"key": platform.key.key})), endpoint)


def through_ltiaas(bench: Bench, **changes: Any) -> Gradebook:
    """
    Return a gradebook that asks LTIAAS, in a launch of the first user; the changes are arguments of its maker.
    """
    assert bench.gateway is not None
    assert bench.account is not None
    launch = bench.gateway.launch(bench.users[0])
    coupled = bench.platform.endpoint_claim().get("lineitem")
    return bench.account.gradebook(**({"ltik": launch.ltik, "line_item": coupled} | changes))
