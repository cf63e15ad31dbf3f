"""
The platform: requests in, answers out, its memory open to look into. No sockets, no event loop, no clock of its own.

Theory of operation. A request *arrives* (it is recorded, and counted as in flight), is *applied* (a service reads and
changes the state, in one go) and *leaves* (its answer is with the tool, or lost on the way). What happens between the
three is the adapter's: it waits, sends, drops. `Platform.answer` does all three at once.
"""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

import attrs
from joserfc.jwk import Key

from aioags.emulator import error_styles, roster
from aioags.emulator.addresses import Place
from aioags.emulator.classroom import Classroom
from aioags.emulator.clock import Clock
from aioags.emulator.dispatch import answer_service, operation_of
from aioags.emulator.keys import KeyPair
from aioags.emulator.messages import Answer, Asked
from aioags.emulator.profile import Profile
from aioags.emulator.profiles import PROFILES
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.site import Site
from aioags.emulator.state import Person, State
from aioags.emulator.tokens import TokenDesk
from aioags.protocol.messages import Request

# What stands in URLs until a server says where it listens.
BASE_URL = "https://lms.example"
KEPT_REQUESTS = 10_000
# Longer than any score with a comment; Moodle was seen to take 200 kB.
LONGEST_BODY = 8 * 1024 * 1024


@attrs.define
class Exchange:
    """
    One recorded request and its answer.

    Attributes:
        number: Counts every request from 1.

        at: The platform's time of arrival, seconds since 1970.

        operation: ``token``, an operation such as ``post_score``, or ``unknown``.

        answer: None: not applied yet, or lost before it was.

        refusal: Why it was refused; None: it was not, or by the token endpoint.
    """

    number: int
    at: float
    request: Request
    operation: str
    answer: Answer | None = None
    refusal: Refusal | None = None


@attrs.define
class Visit:
    """
    One request on its way through the platform.
    """

    platform: Platform
    exchange: Exchange
    asked: Asked
    place: Place | None
    rivals: int
    gone: bool = False

    def apply(self) -> Answer:
        """
        Do what is asked, and return the answer as it is to be carried.
        """
        answer = self.platform.perform(self)
        self.exchange.answer = answer
        self.platform.announce(self.exchange)
        return answer

    def leave(self) -> None:
        """
        Say that the request is no longer in flight. Harmless when said twice.
        """
        if not self.gone:
            self.gone = True
            self.platform.depart(self.asked.path)


@attrs.define
class Platform(Classroom):
    """
    One platform with its courses, tools and gradebook.

    Attributes:
        tokens: The access tokens.

        requests: The last exchanges, oldest first.

        counts: How many requests there were, by operation.

        in_flight: How many requests are between arriving and leaving, by path.
    """

    tokens: TokenDesk
    requests: deque[Exchange] = attrs.field(repr=False)
    counts: Counter[str] = attrs.field(factory=Counter)
    in_flight: Counter[str] = attrs.field(factory=Counter, repr=False)
    _listeners: list[Callable[[Exchange], None]] = attrs.field(factory=list, repr=False)

    @classmethod
    def create(
        cls,
        profile: str | Profile = "spec",
        *,
        clock: Clock = time.time,
        seed: int = 0,
        base_url: str = BASE_URL,
        issuer: str | None = None,
        users: int = 5,
        people: Iterable[Person] | None = None,
        key: str | dict[str, Any] | Key | None = None,
        client_id: str | None = None,
        coupled_line_item: bool = True,
        keep_requests: int | None = KEPT_REQUESTS,
    ) -> Platform:
        """
        Make a platform with one tool, one course, its people, one resource link and that link's line item.

        Args:
            profile: A name in `PROFILES`, or a profile of one's own.

            clock: Seconds since 1970.

            seed: Of everything random: tokens, nonces, faults.

            base_url: Origin of every URL; `serve` puts its own in place.

            issuer: None: the base URL.

            users: How many learners to make up.

            people: The roster instead of made-up learners.

            key: The tool's private key as PEM text, JWK or joserfc key. None: one that this process made.

            client_id: None: one that suits the profile.

            coupled_line_item: False: the link comes without a line item. A profile that never has one wins.

            keep_requests: How many exchanges to remember; None: all, 0: none.

        Raises:
            ValueError: There is no profile of that name.
        """
        chosen = find_profile(profile)
        rng = random.Random(seed)  # noqa: S311  Repeatable on purpose; nothing here is worth stealing.
        site = Site(chosen, State(), clock, rng, base_url.rstrip("/"), issuer)
        pair = KeyPair.generated() if key is None else KeyPair.of(key)
        platform = cls(site, pair, TokenDesk(site), deque(maxlen=keep_requests))
        tool = platform.add_tool(client_id or f"{chosen.name}-tool")
        course = platform.add_course("Course one", people=people or roster.generated(users, chosen.user_ids))
        link = platform.add_link("Quiz one", tool=tool, course=course)
        if coupled_line_item and chosen.coupled_item:
            platform.add_line_item("Quiz one", 100, link=link, course=course)
        return platform

    def answer(self, request: Request) -> Answer:
        """
        Answer one request at once, as if nothing else were in flight.
        """
        visit = self.arrive(request)
        try:
            return visit.apply()
        finally:
            visit.leave()

    def arrive(self, request: Request) -> Visit:
        """
        Take a request in. The caller applies it, and says when it leaves.
        """
        asked = Asked(request)
        place = self.profile.addresses.find(asked.path)
        operation = operation_of(place, asked.method)
        self.counts[operation] += 1
        exchange = Exchange(self.counts.total(), self.site.now(), request, operation)
        self.requests.append(exchange)
        rivals = self.in_flight[asked.path]
        self.in_flight[asked.path] += 1
        return Visit(self, exchange, asked, place, rivals)

    def perform(self, visit: Visit) -> Answer:
        """
        Do what a request asks, without recording it.
        """
        try:
            if len(visit.asked.body) > LONGEST_BODY:
                raise Refusal(Kind.TOO_LARGE, f"The body is longer than {LONGEST_BODY} bytes.")
            if visit.place is not None and visit.place.name == "token":
                return self.tokens.answer(visit.asked)
            return answer_service(self.site, self.tokens, visit.asked, visit.place, visit.rivals)
        except Refusal as refusal:
            visit.exchange.refusal = refusal
            return error_styles.answer(self.site, visit.asked, refusal)

    def depart(self, path: str) -> None:
        """
        Count one request to a path less.
        """
        self.in_flight[path] -= 1
        if self.in_flight[path] <= 0:
            del self.in_flight[path]

    def subscribe(self, listener: Callable[[Exchange], None]) -> Callable[[], None]:
        """
        Call a function with each exchange once it is applied.

        Returns:
            What ends the subscription.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def announce(self, exchange: Exchange) -> None:
        """
        Tell the subscribers about an exchange.
        """
        for listener in list(self._listeners):
            listener(exchange)


def find_profile(profile: str | Profile) -> Profile:
    """
    Return a profile by name; a profile is its own answer.

    Raises:
        ValueError: There is none of that name.
    """
    if isinstance(profile, Profile):
        return profile
    if profile not in PROFILES:
        raise ValueError(f"there is no profile {profile!r}; choose from {', '.join(PROFILES)}")
    return PROFILES[profile]
