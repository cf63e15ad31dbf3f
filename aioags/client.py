"""
`Client`: the tool's one long-lived object.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from aioags.calls.choosing import Choice, open_transport
from aioags.calls.development import warn_of_http
from aioags.calls.engine import Engine, Runtime
from aioags.calls.platforms import MOST_PLATFORMS
from aioags.calls.raised import RaisedHosts
from aioags.calls.service import Service
from aioags.calls.settings import check_settings
from aioags.calls.tokens import OAuthCredential, TokenCache
from aioags.calls.transport import Session, Transport
from aioags.gradebook import Gradebook
from aioags.grading.shared import Shared
from aioags.model import checks
from aioags.model.endpoint import Endpoint, asked_scopes
from aioags.model.event import Event, TokenEvent
from aioags.model.mistakes import NeedsAsyncWith, lists
from aioags.model.policy import Pace, RetryPolicy, Timeouts
from aioags.model.registration import Registration
from aioags.model.traffic import Traffic
from aioags.model.unreadable import OnUnreadable
from aioags.protocol.dialect import Dialect, Operation
from aioags.protocol.grants import Grant
from aioags.protocol.operations import DirectDialect
from aioags.protocol.trial import Trial

if TYPE_CHECKING:
    from aioags.calls.platform_service import PlatformService
    from aioags.ltiaas.account import Account
    from aioags.memberships import OffersMemberships
    from aioags.model.member import Member


class Client(NeedsAsyncWith):
    """
    Connection pool, access tokens, pacing and the order of scores, shared by every gradebook of an application.

    Open one at start-up with ``async with``, hand it around, close it at shutdown. It belongs to the event loop that
    first uses it: in another one, in another thread or after a fork a call is a `RuntimeError` that says what to do.

    Args:
        session: An aiohttp session to send with; it stays the caller's. None: the client opens its own. In a session of
            the caller's aiohttp itself repeats a GET, PUT or DELETE whose connection broke, and takes connections from
            its pool unseen: behind a server that sends an answer too many, a score that was refused can be told as
            recorded. A session with a `CleanConnector` does not: ``ClientSession(connector=CleanConnector())``.

        transport: How to send. ``"lane"``: on connections of its own, at less than half the cost. ``"session"``: on a
            session of aiohttp's. An object: something of your own, for tests; it is closed with the client. None: as
            the environment variable ``AIOAGS_TRANSPORT`` says; without it the lane, and a session where the installed
            aiohttp does not carry it (the log says why). Not together with `session`. Neither knows proxies: for these
            give a session.

        retry: How often and how long a call is tried.

        pace: How many requests one platform may have in flight.

        timeouts: Bounds for each try.

        most_platforms: How many platforms (client ids at their hosts) are remembered at once, at least 1: their tokens,
            and how many requests they take, some 3.5 KiB each. Idle ones are forgotten as others come; beyond this
            bound so are such whose token is still good, and cost another when they are asked again. One that asked for
            silence, or is away, is kept.

        on_event: Called with each `Event`: after each request, when a platform goes away, and so on. It must not block;
            if it raises, that is logged and the call goes on.

        runtime: Clock, sleep and chance, for tests.

    Attributes:
        told: Internal. Who is told what happens, for what works with this client, such as an outbox.
    """

    def __init__(
        self,
        *,
        session: Session | None = None,
        transport: Transport | Choice | None = None,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008
        pace: Pace = Pace(),  # noqa: B008
        timeouts: Timeouts = Timeouts(),  # noqa: B008
        most_platforms: int = MOST_PLATFORMS,
        on_event: Callable[[Event], None] | None = None,
        runtime: Runtime = Runtime(),  # noqa: B008
    ) -> None:
        check_settings(session, transport, retry, pace, timeouts, on_event, runtime)
        if not isinstance(most_platforms, int) or most_platforms < 1:
            raise ValueError(f"most_platforms must be a whole number of at least 1, got {most_platforms!r}")
        warn_of_http()
        self._engine = Engine(
            open_transport(transport, session=session, timeouts=timeouts),
            retry=retry,
            pace=pace,
            runtime=runtime,
            most_platforms=most_platforms,
            on_event=on_event,
        )
        self.told = self._engine.told
        self._tokens = TokenCache(self._fetch_token, clock=runtime.clock, wall=runtime.wall, most=most_platforms)
        self._shared = Shared()
        self.turns = self._shared.turns
        self._raised = RaisedHosts()
        self._closed = False

    async def _fetch_token(self, operation: Operation[Grant], registration: Registration) -> Grant:
        # Tools of one host share its line: which of them it fails for tells whether it is away.
        trial = Trial(operation, self._engine.retry, subject=registration.client_id)

        def event(where: str, seconds: float, grant: Grant | None, error: str | None) -> TokenEvent:
            life = None if grant is None else grant.expires_in
            return TokenEvent(where, registration.client_id, trial.sent, seconds, life, error)

        return await self._engine.fetch(trial, event)

    def gradebook(self, registration: Registration, endpoint: Endpoint) -> Gradebook:
        """
        Return the gradebook of one registration and endpoint. Cheap: make one per launch or job.

        Raises:
            TypeError: Not a `Registration` or not an `Endpoint`; `Endpoint.from_launch` is None without AGS.

            RuntimeError: The client was closed.
        """
        _check_registration(registration)
        if not isinstance(endpoint, Endpoint):
            raise TypeError(f"endpoint must be an Endpoint, got {type(endpoint).__name__}: {_instead(endpoint)}")
        credential = OAuthCredential(self._tokens, registration, asked_scopes(endpoint))
        dialect = DirectDialect(endpoint, registration, on_raised=self._raised)
        return self._open(Service(self._engine, dialect, credential))

    @lists
    def memberships(
        self,
        source: OffersMemberships,
        *,
        role: str | None = None,
        resource_link_id: str | None = None,
        limit: int | None = None,
        on_unreadable: OnUnreadable | None = None,
    ) -> AsyncGenerator[Member, None]:
        """
        Read who is in the course, every page, each fetched when it is needed. With `join_results` it shows who has no
        result: results are sparse, members are not.

        Args:
            source: A `aioags.launch.Launch`, or in a job a `aioags.memberships.Memberships`.

            role: Only members with this role in the course, such as ``Learner``, by its meaning: see `Member.has_role`.
                None: any.

            resource_link_id: Only who may see this link, with what its launches would say. None: the whole course.

            limit: Most members on one page, at least 1; not a bound on the whole. None: the platform chooses. One that
                cuts the listing there is asked again without.

            on_unreadable: A plain function that is given each `Unreadable`, such as one without a user id; the rest of
                its page follows. None: the first one raises.

        Yields:
            Members in the platform's order, each once, those who are no longer active included. Where nobody has the
            role, and the platform may have picked them by another name for it, that is logged and told to ``on_event``.

        Raises:
            NotOfferedError: The launch offers no members.

            TypeError: `source` is neither of the two.

            MalformedError: A page or a record cannot be read; the record is named by its place.

        Spec:
            NRPS 2.2 to 2.4
        """
        self._check_open()
        from aioags.grading.members import list_members
        from aioags.memberships import check_source, open_memberships

        check_source(source)

        service = open_memberships(source, self._engine, self._tokens, on_raised=self._raised)
        return list_members(
            service, role=role, resource_link_id=resource_link_id, limit=limit, on_unreadable=on_unreadable
        )

    def service(self, registration: Registration, url: str, *, scopes: Iterable[str]) -> PlatformService:
        """
        Return a service of the platform that this package has no words for, such as course groups or notices.

        Args:
            url: Where it is, as a launch's claim says. The token goes to this origin only, and to the registration's
                `also_origins`.

            scopes: What the access token must allow, as the service's standard names it; one of them suffices.

        Raises:
            UntrustedURLError: The URL is not https, or http to loopback.

            ValueError, TypeError: No scope, or arguments of the wrong kind.

        Example:
            >>> offered = claims["https://purl.imsglobal.org/spec/lti-gs/claim/groupsservice"]
            >>> groups = ags.service(registration, offered["context_groups_url"], scopes=offered["scope"])
            >>> async for page in groups.pages(accept="application/vnd.ims.lti-gs.v1.contextgroupcontainer+json"):
            ...     assert page["groups"]

        Spec:
            SEC 4.1
        """
        self._check_open()
        _check_registration(registration)
        checks.text("url", url)
        if isinstance(scopes, str):
            raise TypeError("scopes must be a collection of str, got a str")
        wanted = tuple(dict.fromkeys(scopes))
        if not wanted:
            raise ValueError("scopes must not be empty: a service's standard names the scope it takes")
        for name in wanted:
            checks.text("scopes", name)
        from aioags.calls.platform_service import PlatformService
        from aioags.protocol.other_services import OtherService

        credential = OAuthCredential(self._tokens, registration, frozenset(wanted))
        other = OtherService.at(url, wanted, registration, on_raised=self._raised)
        return PlatformService(Service(self._engine, other, credential), url)

    def ltiaas(self, base_url: str, api_key: str) -> Account[Gradebook]:
        """
        Return an account at LTIAAS, a hosted gateway: a second back end, with gradebooks of the same kind.

        Args:
            base_url: Such as ``https://your.ltiaas.com``: https, or http to loopback.

            api_key: The account's. It is sent nowhere else.

        Raises:
            ValueError, TypeError: One that cannot be used; the API key is never quoted.

        Example:
            >>> account = ags.ltiaas("https://your.ltiaas.com", "df06d55e-3b0f")
            >>> gradebook = account.gradebook(ltik="eyJhbGciOi")
        """
        # When used: nobody else needs its nine modules.
        from aioags.ltiaas.account import Account

        return Account(base_url, api_key, engine=self._engine, open_gradebook=self._open)

    def stats(self) -> list[Traffic]:
        """
        Say how it stands with each platform that was asked, in no order. An idle one may be forgotten.
        """
        return self._engine.traffic(self._tokens.expiries())

    def __repr__(self) -> str:
        state = "closed" if self._closed else "; ".join(map(str, self.stats())) or "nothing asked yet"
        return f"<Client: {state}>"

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the Client is closed")

    def _open(self, service: Service[Dialect]) -> Gradebook:
        self._check_open()
        return Gradebook(service, self._shared)

    async def aclose(self) -> None:
        """
        Close what the client opened. Calls in flight fail. Can be called twice.

        Raises:
            RuntimeError: It belongs to another event loop, which runs on: close it there.
        """
        self._closed = True
        if self._engine.lives_here:
            await self._tokens.aclose()
        await self._engine.aclose()

    async def __aenter__(self) -> Self:
        self._engine.check_loop()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _check_registration(registration: object) -> None:
    if not isinstance(registration, Registration):
        hint = ": the registration comes first" if isinstance(registration, (Endpoint, str)) else ""
        if isinstance(getattr(registration, "registration", None), Registration):
            hint = ": pass its .registration"
        raise TypeError(f"registration must be a Registration, got {type(registration).__name__}{hint}")


def _instead(endpoint: object) -> str:
    if endpoint is None:
        return "does the launch offer grades?"
    if isinstance(endpoint, Mapping):
        return "Endpoint.from_launch reads the claims of a launch, Endpoint.from_claim the AGS claim alone"
    if isinstance(getattr(endpoint, "endpoint", None), Endpoint):
        return "pass its .endpoint"
    return "Endpoint.from_launch(claims) makes one"
