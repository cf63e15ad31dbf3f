"""
The gateway: requests of the REST API in, answers out, AGS behind it. No sockets here.
"""

from __future__ import annotations

from collections import Counter, deque
from urllib.parse import unquote

import attrs

from aioags.emulator.ltiaas.api import OPERATIONS, GatewayCall, Stamps
from aioags.emulator.ltiaas.launches import GatewayLaunch
from aioags.emulator.ltiaas.lms import LMS
from aioags.emulator.ltiaas.refusals import (
    INVALID_LTIK,
    INVALID_SERVICE_KEY,
    UNREGISTERED,
    GatewayRefusal,
    unauthorized,
    unavailable,
)
from aioags.emulator.platform import Platform
from aioags.emulator.site.state import Course, Link, RegisteredTool
from aioags.emulator.wire.messages import Answer, Asked
from aioags.protocol.messages import Request

BASE_URL = "https://your.ltiaas.example"
API_KEY = "df06d55e-3b0f-4121-b60f-000000000000"
LTIK_LIFETIME = 24 * 3600.0
LTIK, SERVICE_KEY = "LTIK-AUTH-V2", "SERVICE-AUTH-V1"


@attrs.define
class Gateway:
    """
    One account at LTIAAS, with one platform registered.

    Attributes:
        platform: The LMS behind it.

        lms: The way there.

        base_url: Of the account; `serve` puts its own in place.

        api_key: The account's.

        stamps: "own": a score's timestamp is replaced by the time of sending, as the vendor's open-source sibling does
            (a guess). "tool": it is passed on.

        active: False: the platform's registration is switched off.

        requests: Every request and its answer, oldest first.

        counts: How many requests there were, by operation.
    """

    platform: Platform
    lms: LMS
    base_url: str = BASE_URL
    api_key: str = attrs.field(default=API_KEY, repr=False)
    stamps: Stamps = "own"
    active: bool = True
    requests: deque[tuple[Request, Answer]] = attrs.field(factory=lambda: deque(maxlen=10_000), repr=False)
    counts: Counter[str] = attrs.field(factory=Counter)
    _launches: dict[str, GatewayLaunch] = attrs.field(factory=dict, repr=False)

    @classmethod
    def create(
        cls,
        platform: Platform,
        *,
        tool: RegisteredTool | None = None,
        base_url: str = BASE_URL,
        api_key: str = API_KEY,
        stamps: Stamps = "own",
    ) -> Gateway:
        """
        Put a gateway in front of a platform, as one of its registered tools.

        Args:
            tool: Whose key the gateway holds. None: the platform's first.
        """
        return cls(platform, LMS(platform, tool or platform.tool), base_url, api_key, stamps)

    def now(self) -> float:
        """
        Return the gateway's time, seconds since 1970.
        """
        return self.platform.site.clock()

    def launch(
        self,
        user: str,
        link: Link | None = None,
        *,
        course: Course | None = None,
        deep_linking: bool = False,
        lti_version: str = "1.3.0",
    ) -> GatewayLaunch:
        """
        Let somebody launch the tool: what the tool then finds on its URL is the launch's ``ltik``.

        Args:
            link: The launched link; None: the course's first.

            lti_version: Another one than ``1.3.0``: a launch of LTI 1.1, without any service.

        Raises:
            LookupError: The person is not in the course.
        """
        course = course or self.platform.course
        if user not in course.people:
            raise LookupError(f"nobody in {course.title!r} has the user id {user!r}")
        link = link or next(iter(course.links.values()), None)
        launch = GatewayLaunch(
            course, link, user, self.now(), deep_linking, lti_version, self._secret(), self._secret()
        )
        self._launches |= {launch.ltik: launch, launch.service_key: launch}
        return launch

    def _secret(self) -> str:
        # Looks like the JWTs that they are; what is in them is LTIAAS's own affair.
        bits = self.platform.site.rng.getrandbits
        return f"eyJhbGciOiJIUzI1NiJ9.{bits(128):032x}.{bits(128):032x}"

    def answer(self, request: Request) -> Answer:
        """
        Answer one request of the REST API.
        """
        self.lms.wait = 0.0
        try:
            answer = self._answer(Asked(request))
        except GatewayRefusal as refusal:
            answer = refusal.answer()
        if self.lms.wait:
            answer = answer.carried(wait=self.lms.wait)
        self.requests.append((request, answer))
        return answer

    def _answer(self, asked: Asked) -> Answer:
        # Split before it is decoded: a line item's URL is one segment only when every slash of it is encoded.
        # Tools that join a base URL with a slash at its end ask for //api: the service takes it (reported).
        segments = asked.path.lstrip("/").split("/")
        item = unquote(segments[2]) if segments[:2] == ["api", "lineitems"] and len(segments) > 2 else None
        pattern = "/".join("{id}" if place == 2 and item is not None else one for place, one in enumerate(segments))
        found = OPERATIONS.get((asked.method, pattern))
        if found is None:
            raise GatewayRefusal(404, {"message": f"Cannot {asked.method} {asked.path}"})
        self.counts[found.name] += 1
        launch = self._admitted(asked, ltik_only=found.ltik_only)
        return found.answer(GatewayCall(self.lms, self.stamps, asked, launch, item or ""))

    def _admitted(self, asked: Asked, *, ltik_only: bool) -> GatewayLaunch:
        scheme, _, rest = (asked.header("authorization") or "").partition(" ")
        api_key, _, key = rest.partition(":")
        message = INVALID_SERVICE_KEY if scheme == SERVICE_KEY else INVALID_LTIK
        launch = self._launches.get(key)
        schemes = (LTIK,) if ltik_only else (LTIK, SERVICE_KEY)
        if scheme not in schemes or api_key != self.api_key or launch is None:
            raise unauthorized(message, "Invalid or expired key.")
        if key != (launch.ltik if scheme == LTIK else launch.service_key):
            raise unauthorized(message, "This key belongs to the other method.")
        if scheme == LTIK and self.now() >= launch.at + LTIK_LIFETIME:
            raise unauthorized(message, "Invalid or expired ltik.")
        if not self.active:
            raise unavailable(UNREGISTERED, "The platform is not registered, or not active.")
        return launch
