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
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

import attrs
from joserfc.jwk import Key

from aioags.emulator.classroom import Classroom
from aioags.emulator.launching import clicks, oidc
from aioags.emulator.launching.desk import ROOT, LaunchDesk
from aioags.emulator.profiles import PROFILES
from aioags.emulator.profiles.profile import Profile
from aioags.emulator.profiles.sharing import Privacy
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.services.dispatch import answer_service, operation_of
from aioags.emulator.services.tokens import TokenDesk
from aioags.emulator.site import roster
from aioags.emulator.site.clock import Clock
from aioags.emulator.site.keys import KeyPair
from aioags.emulator.site.site import Site
from aioags.emulator.site.state import Person, PlatformState, RegisteredTool
from aioags.emulator.site.tool_keys import lacking
from aioags.emulator.traffic.changes import EVERYTHING, Change, touched_by
from aioags.emulator.traffic.exchanges import Exchange
from aioags.emulator.traffic.faults import Fault, FaultBook, replacement, spoiled
from aioags.emulator.traffic.throttle import LeakyBucket, Throttle, throttle_of
from aioags.emulator.traffic.visits import Visit
from aioags.emulator.wire import error_styles
from aioags.emulator.wire.instants import http_date
from aioags.emulator.wire.messages import Answer, Asked, json_answer
from aioags.protocol.messages import Request

# What stands in URLs until a server says where it listens.
BASE_URL = "https://lms.example"
# Whose allowance a request without a good token uses up: that of the address it comes from, which is one for all here.
NOBODY = ""
KEPT_REQUESTS = 10_000
# Longer than any score with a comment; Moodle was seen to take 200 kB.
LONGEST_BODY = 8 * 1024 * 1024
# What Moodle says (seen).
MAINTENANCE_HINT = (("Retry-After", "300"),)


@attrs.define
class Platform(Classroom):
    """
    One platform with its courses, tools and gradebook.

    Attributes:
        site: What the services share: profile, state, clock, base URL.

        tokens: The access tokens.

        requests: The last exchanges, oldest first.

        counts: How many requests there were, by operation.

        in_flight: How many requests are between arriving and leaving.

        maintenance: True: every service says that it is closed.

        faults: What goes wrong, when, and how often.

        launches: Its side of launches: whom to tell, and the links to click.

        limiters: What each tool has used of its allowance, by client id; `NOBODY` is who has no token yet, where they
            count. Put one of your own here to change the rules.
    """

    tokens: TokenDesk
    requests: deque[Exchange] = attrs.field(repr=False)
    faults: FaultBook = attrs.field(repr=False)
    furnish: Callable[[Platform], None] = attrs.field(repr=False)
    counts: Counter[str] = attrs.field(factory=Counter)
    in_flight: int = 0
    maintenance: bool = False
    limiters: dict[str, Throttle | None] = attrs.field(factory=dict, repr=False)
    launches: LaunchDesk = attrs.field(init=False, repr=False, eq=False)
    _listeners: list[Callable[[Exchange], None]] = attrs.field(factory=list, repr=False)
    _watchers: list[Callable[[Change], None]] = attrs.field(factory=list, repr=False)

    def __attrs_post_init__(self) -> None:
        self.launches = LaunchDesk(self)

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
        tool_jwks_url: str | None = None,
        tool_public_keys: str | Mapping[str, Any] | None = None,
        client_id: str | None = None,
        coupled_line_item: bool = True,
        privacy: Privacy = "public",
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

            people: The roster instead of made-up learners; may be empty.

            key: The tool's private key as PEM text, JWK or joserfc key. None: one that this process made.

            tool_jwks_url, tool_public_keys: The tool owns its keys; see `register_keys`. At most one of the two.

            client_id: None: one that suits the profile.

            coupled_line_item: False: the link comes without a line item.

            privacy: What the site tells the tool of people: ``public``, ``name_only``, ``email_only`` or ``anonymous``.

            keep_requests: How many exchanges to remember; None: all, 0: none.

        Raises:
            ValueError: There is no profile of that name, or no such privacy.
        """
        chosen = find_profile(profile)
        rng = random.Random(seed)  # noqa: S311  Repeatable on purpose; nothing here is worth stealing.
        site = Site(chosen, PlatformState(), clock, rng, base_url.rstrip("/"), issuer)
        roll = list(roster.generated(users, chosen.user_ids) if people is None else people)

        def furnish(platform: Platform) -> None:
            tool = platform.add_tool(client_id or chosen.client_ids.format(n=1), privacy=privacy)
            if tool_jwks_url is not None or tool_public_keys is not None:
                platform.register_keys(jwks_url=tool_jwks_url, public_keys=tool_public_keys)
            course = platform.add_course("Course one", people=[attrs.evolve(person) for person in roll])
            link = platform.add_link("Quiz one", tool=tool, course=course)
            if coupled_line_item:
                platform.add_line_item("Quiz one", 100, link=link, course=course)

        pair = KeyPair.generated() if key is None else KeyPair.of(key)
        # Faults draw from their own numbers: a seed gives the same faults whatever tokens were made meanwhile.
        faults = FaultBook(random.Random(f"faults {seed}"))  # noqa: S311
        platform = cls(site, pair, TokenDesk(site), deque(maxlen=keep_requests), faults, furnish)
        furnish(platform)
        return platform

    def reset(self) -> None:
        """
        Be as new: courses, grades, tokens, records, faults and settings as `create` left them.
        """
        self.site.state = PlatformState()
        self.site.skew = 0.0
        self.site.arrived = 0
        self.site.opened.clear()
        self.tokens = TokenDesk(self.site)
        self.requests.clear()
        self.faults.clear()
        self.limiters.clear()
        self.launches.placed.clear()
        self.launches.registration_tokens.clear()
        self.counts.clear()
        self.maintenance = False
        self.furnish(self)
        self.launches.reconnect()
        self.touch()

    def answer(self, request: Request) -> Answer:
        """
        Answer one request at once, as if nothing else were in flight.
        """
        aside = self.answer_aside(request)
        if aside is not None:
            return aside
        visit = self.arrive(request)
        try:
            return visit.apply()
        finally:
            visit.leave()

    def answer_aside(self, request: Request) -> Answer | None:
        """
        Answer a person who launches, which is neither recorded nor failed; None: it is a tool's request.
        """
        if ROOT not in request.url:
            return None
        asked = Asked(request)
        answer = clicks.answer_page(self.launches, asked)
        if asked.method != "GET":
            self.touch()
        return answer

    def lacking_keys(self, request: Request) -> RegisteredTool | None:
        """
        Find the tool whose key set must be fetched before a request is applied; None: none must.
        """
        if request.method != "POST" or not any(tool.jwks_url for tool in self.site.state.tools.values()):
            return None
        form = parse_qs((request.body or b"").decode("utf-8", "replace"))
        token = form.get("client_assertion") or form.get("JWT")
        return lacking(self.site, token[0], Asked(request).path) if token else None

    def arrive(self, request: Request) -> Visit:
        """
        Take a request in. The caller applies it, and says when it leaves.
        """
        asked = Asked(request)
        place = self.profile.addresses.find(asked.path)
        operation = operation_of(place, asked.method)
        self.counts[operation] += 1
        self.site.arrived = self.counts.total()
        exchange = Exchange(self.site.arrived, self.site.now(), request, operation)
        self.requests.append(exchange)
        self.in_flight += 1
        plan = self.faults.plan(operation, asked, self.in_flight)
        exchange.faults = plan.effects
        return Visit(exchange, asked, place, plan, self._apply, self._depart)

    def _apply(self, visit: Visit) -> Answer:
        answer = visit.exchange.answer = self.perform(visit)
        for listener in list(self._listeners):
            listener(visit.exchange)
        return answer

    def _depart(self, visit: Visit) -> None:
        self.in_flight -= 1
        self.site.release(visit.held)
        if visit.throttle is not None:
            visit.throttle.leave(self.site.now())

    def perform(self, visit: Visit) -> Answer:
        """
        Do what a request asks, with all that goes wrong, without announcing it.
        """
        plan, exchange = visit.plan, visit.exchange
        try:
            answer = self._served(visit) if plan.instead is None else self._fails(visit, plan.instead)
            exchange.applied = plan.instead is None and answer.status < 400
        except Refusal as refusal:
            exchange.refusal = refusal
            answer = self._refused(visit, refusal)
        for fault in plan.afterwards:
            answer = self._spoil(visit, answer, fault)
        if self._watchers and plan.instead is None:
            self._tell(visit)
        return self._dressed(visit, answer)

    def _tell(self, visit: Visit) -> None:
        change = touched_by(visit, self.profile)
        if change is not None:
            self.touch(change)

    def _refused(self, visit: Visit, refusal: Refusal) -> Answer:
        return error_styles.answer(self.profile, self.site.rng, visit.asked, refusal)

    def _fails(self, visit: Visit, fault: Fault) -> Answer:
        if fault.effect == "expire":
            self.tokens.revoke(self.tokens.bearer_of(visit.asked))
        return replacement(fault, self.profile)

    def _spoil(self, visit: Visit, answer: Answer, fault: Fault) -> Answer:
        try:
            return spoiled(answer, fault, self.profile)
        except Refusal as refusal:
            return self._refused(visit, refusal)

    def _dressed(self, visit: Visit, answer: Answer) -> Answer:
        if visit.throttle is not None:
            answer = answer.with_headers(*visit.throttle.headers(self.site.now()))
        if self.profile.gzips_pages:
            answer = error_styles.gzipped(answer, visit.asked)
        if answer.header("Date") is None:
            answer = answer.with_headers(("Date", http_date(self.site.now())))
        if self.profile.http_version == "1.0" and not _stays_modern(answer):
            answer = answer.carried(http_version="1.0", close=True)
        return answer.carried(wait=visit.plan.wait_after) if visit.plan.wait_after else answer

    def _served(self, visit: Visit) -> Answer:
        asked, place = visit.asked, visit.place
        if len(asked.body) > LONGEST_BODY:
            raise Refusal(Kind.TOO_LARGE, f"The body is longer than {LONGEST_BODY} bytes.")
        if self.maintenance:
            raise Refusal(Kind.MAINTENANCE, "The platform is in maintenance.", headers=MAINTENANCE_HINT)
        if self.profile.host_redirects and _is_elsewhere(asked, self.base_url):
            return error_styles.elsewhere(self.base_url + asked.target)
        if place is not None and place.name == "token":
            self._limit_token(visit)
            return self.tokens.answer(asked)
        if place is not None and place.name == "jwks":
            return oidc.key_set(self.launches)
        if place is not None and place.name == "authorization":
            return oidc.authorize(self.launches, asked)
        if place is not None and place.name == "wrong_token":
            return json_answer(200, {"token": f"{self.site.rng.getrandbits(128):032x}", "privatetoken": None})
        self._limit(visit)
        return answer_service(self.site, self.tokens, asked, place, visit.held, visit.exchange.number)

    def _limit(self, visit: Visit) -> None:
        client_id = self.tokens.client_of(visit.asked)
        if client_id is not None:
            self._charge(visit, self._limiter(client_id))
        elif self.profile.throttle_token_cost is not None:
            self._charge(visit, self._limiter(NOBODY))

    def _limit_token(self, visit: Visit) -> None:
        cost = self.profile.throttle_token_cost
        if cost is not None:
            throttle = self._limiter(NOBODY)
            self._charge(visit, throttle.dearer(cost) if isinstance(throttle, LeakyBucket) else throttle)

    def _limiter(self, client_id: str) -> Throttle | None:
        if client_id not in self.limiters:
            self.limiters[client_id] = throttle_of(self.profile)
        return self.limiters[client_id]

    def _charge(self, visit: Visit, throttle: Throttle | None) -> None:
        if throttle is not None:
            throttle.enter(self.site.now())
            visit.throttle = throttle

    def subscribe(self, listener: Callable[[Exchange], None]) -> Callable[[], None]:
        """
        Call a function with each exchange once it is applied.

        Returns:
            What ends the subscription.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def watch(self, watcher: Callable[[Change], None]) -> Callable[[], None]:
        """
        Call a function with each change of the platform's memory, after it.

        Returns:
            What ends the watch.
        """
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher) if watcher in self._watchers else None

    def touch(self, change: Change = EVERYTHING) -> None:
        """
        Tell the watchers that something changed, or may have; for changes that were made past the methods above.
        """
        for watcher in list(self._watchers):
            watcher(change)


def _is_elsewhere(asked: Asked, base_url: str) -> bool:
    host = asked.header("host")
    return host is not None and host != base_url.partition("://")[2]


def _stays_modern(answer: Answer) -> bool:
    # Apache mod_php says HTTP/1.1 for what PHP itself made of a failure: 200 with [], and pages (seen).
    page = (answer.header("Content-Type") or "").startswith("text/html")
    return page or (answer.status == 200 and answer.body == b"[]")


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
