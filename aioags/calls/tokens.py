"""
Access tokens, shared by every gradebook of a client.

For each client of each platform and each set of scopes there is at most one token in the cache and at most one request
for one in flight, however many wait (`SingleFlight`). Errors are not
cached; but a refusal for good is the answer to every call that began before it came. A request is dated by our clock;
where it is refused and the platform's answer tells another time, it is sent once more, dated by that.

A token is renewed before it expires, by a leeway of 60 s or a tenth of its life, whichever is less. It is dropped
earlier only by the caller that it failed, and only if it is still the cached one: of a thousand callers with the same
dead token one drops it and the rest find its successor. When a renewal did not help, the token was not to blame, and
for a minute no other call renews it: a platform that says 403 or 400 for a user, or 401 for a scope, must not cost a
token per score.

What is known of a client lies in one place, so that nothing is ever searched through all of them. Each time a token
comes, two clients are looked at in turn, and those go whose tokens and refusals are over; beyond the bound, the one
that was not looked at for longest.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from itertools import islice
from math import inf
from typing import Any
from uuid import uuid4

import attrs

from aioags.calls.log import WARNING, log
from aioags.calls.platforms import MOST_PLATFORMS
from aioags.calls.single_flight import SingleFlight
from aioags.errors import GrantRefusedError
from aioags.model.registration import Registration
from aioags.model.value import value
from aioags.protocol.dialect import Operation
from aioags.protocol.grants import Grant, request_token
from aioags.protocol.urls import origin

# Clients that are looked at whenever a token comes, to find those that hold nothing any more.
_LOOKED_AT = 2
_LEEWAY = 60.0
_LEEWAY_SHARE = 0.1
_BLAMELESS_SECONDS = 60.0
# How long to remember that a platform refuses the whole set of scopes: an administrator may mend it.
_NARROW_SECONDS = 3600.0
# Seconds between two clocks that are no reason to refuse: what is signed is dated five back; a `Date` has no fractions.
_CLOSE = 3.0
# How long a refusal is kept for those who asked before it came. A call waits no longer for its turn.
_REFUSED_SECONDS = 600.0


_Client = tuple[str, str, str | None, str | None, str, str]
_Key = tuple[_Client, frozenset[str]]


@attrs.define(eq=False)
class Token:
    """
    One access token in the cache.

    Attributes:
        grant: What the platform granted.

        asked: The scopes that were asked for.

        renew_at: From when on another one is fetched, on the cache's clock.

        client: Whose it is.

        blameless: Until when a refusal with this HTTP status is not the token's fault. A 403 for one user says nothing
            of a later 401.

        dropped: It failed somebody.
    """

    grant: Grant = attrs.field(repr=False)
    asked: frozenset[str]
    renew_at: float
    client: _Client | None = attrs.field(default=None, repr=False)
    blameless: dict[int, float] | None = None
    dropped: bool = False

    def serves(self, scopes: tuple[str, ...]) -> bool:
        """
        True when one of these scopes was granted.
        """
        return not self.grant.scopes.isdisjoint(scopes)

    @property
    def ends_at(self) -> float:
        """
        When it expires, on the cache's clock.
        """
        return self.renew_at + _leeway(self.grant.expires_in)


@attrs.define(eq=False)
class _Known:
    """
    What is known of one client.

    Attributes:
        tokens: Of each set of scopes that was asked for, one.

        narrow_until: Until when not all scopes are asked for at once.

        refused: When these scopes were refused for good, and how. None: none were.
    """

    tokens: tuple[Token, ...] = ()
    narrow_until: float = -inf
    refused: dict[frozenset[str], tuple[float, GrantRefusedError]] | None = None

    def forget(self, now: float) -> bool:
        """
        Drop what is over; True when nothing is left.
        """
        self.tokens = tuple(token for token in self.tokens if now < token.renew_at)
        refused = self.refused or {}
        self.refused = {scopes: one for scopes, one in refused.items() if now < one[0] + _REFUSED_SECONDS} or None
        return not self.tokens and self.refused is None and self.narrow_until <= now


def _leeway(life: float) -> float:
    return min(_LEEWAY, life * _LEEWAY_SHARE)


@value
class Authorization:
    """
    What goes into the ``Authorization`` header of one try.

    Attributes:
        header: Its value. Never shown.

        cached: It was used before, and may have gone bad since.

        token: The token behind it, for the credential's own use.
    """

    header: str = attrs.field(repr=False)
    cached: bool
    token: Any = attrs.field(repr=False)


class TokenCache:
    """
    The tokens of one `Client`.

    Args:
        fetch: Performs a token operation.

        clock: Seconds that never step back.

        wall: Unix time, for assertions.

        new_jti: Makes a unique id for each assertion.

        most: Clients that are remembered.
    """

    def __init__(
        self,
        fetch: Callable[[Operation[Grant], Registration], Awaitable[Grant]],
        *,
        clock: Callable[[], float],
        wall: Callable[[], float],
        new_jti: Callable[[], str] = lambda: str(uuid4()),
        most: int = MOST_PLATFORMS,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._wall = wall
        self._new_jti = new_jti
        self._most = most
        self._known: OrderedDict[_Client, _Known] = OrderedDict()
        self._flights: SingleFlight[_Key, Token] = SingleFlight("token", owner="Client")

    async def token(
        self,
        registration: Registration,
        offered: frozenset[str],
        needed: tuple[str, ...],
        *,
        since: float = inf,
        client: _Client | None = None,
    ) -> tuple[Token, bool]:
        """
        Return a token that serves, and whether it came from the cache.

        Args:
            offered: Every scope that the endpoint offers: asked for together, so that one token does all.

            needed: One of these must have been granted.

            since: When the call began, on the cache's clock: a refusal since then is the answer to it too.

            client: Who asks, where that is known already: it takes parsing a key. None: worked out.

        Raises:
            AuthorizationError: The platform gives none, or none that serves.
        """
        client = client or _client(registration)
        known = self._known.get(client)
        if known is None or known.narrow_until <= self._clock():
            try:
                return await self._granted(registration, client, offered, needed, since)
            except GrantRefusedError as error:
                if error.code != "invalid_scope" or offered <= set(needed):
                    raise
                # Canvas and Sakai grant all or nothing: ask once for what this call needs alone.
                self._of(client).narrow_until = self._clock() + _NARROW_SECONDS
        narrow = frozenset(scope for scope in needed if scope in offered)
        return await self._granted(registration, client, narrow, needed, since)

    async def _granted(
        self,
        registration: Registration,
        client: _Client,
        scopes: frozenset[str],
        needed: tuple[str, ...],
        since: float,
    ) -> tuple[Token, bool]:
        cached = self._cached(client, scopes, needed)
        key = (client, scopes)
        if cached is None and (refused := self._refusal(client, scopes)) is not None and refused[0] >= since:
            # Of a batch, everybody at the gate: one question is enough.
            raise refused[1].copied()
        token = cached or await self._flights.fetch(key, lambda: self._fly(registration, key))
        if not token.serves(needed):
            raise GrantRefusedError(
                f"the platform granted {_named(token.grant.scopes)}, not {_named(frozenset(needed))}",
                code="insufficient_scope",
                spec="SEC 4.1",
            )
        return token, cached is not None

    def _cached(self, client: _Client, scopes: frozenset[str], needed: tuple[str, ...]) -> Token | None:
        known, now = self._known.get(client), self._clock()
        if known is None:
            return None
        alive = [token for token in known.tokens if now < token.renew_at]
        very = (token for token in alive if token.asked == scopes)
        return next(very, None) or next((token for token in alive if token.serves(needed)), None)

    def _refusal(self, client: _Client, scopes: frozenset[str]) -> tuple[float, GrantRefusedError] | None:
        known = self._known.get(client)
        refused = None if known is None or known.refused is None else known.refused.get(scopes)
        return refused if refused is not None and self._clock() < refused[0] + _REFUSED_SECONDS else None

    def _of(self, client: _Client) -> _Known:
        """
        Return what is known of a client, to be added to.
        """
        known = self._known.get(client)
        if known is None:
            if len(self._known) >= self._most:
                self._known.popitem(last=False)
            known = self._known[client] = _Known()
        return known

    def _forget(self) -> None:
        now = self._clock()
        for client in list(islice(self._known, _LOOKED_AT)):
            if self._known[client].forget(now):
                del self._known[client]
            else:
                self._known.move_to_end(client)

    async def _fly(self, registration: Registration, key: _Key) -> Token:
        try:
            grant = await self._ask(registration, key[1])
        except GrantRefusedError as error:
            known = self._of(key[0])
            known.refused = {**(known.refused or {}), key[1]: (self._clock(), error.copied())}
            raise
        finally:
            self._forget()
        token = Token(grant, key[1], self._clock() + grant.expires_in - _leeway(grant.expires_in), key[0])
        known = self._of(key[0])
        known.tokens = (*(held for held in known.tokens if held.asked != key[1]), token)
        return token

    async def _ask(self, registration: Registration, scopes: frozenset[str]) -> Grant:
        """
        Ask for a token; where our clock may be why it is refused, once more, dated by the platform's.
        """
        signed_at = 0.0

        def wall() -> float:
            nonlocal signed_at
            signed_at = self._wall()
            return signed_at

        try:
            return await self._fetch(
                request_token(registration, scopes, wall=wall, new_jti=self._new_jti), registration
            )
        except GrantRefusedError as error:
            ahead = error.clock_ahead
            if ahead is None or abs(ahead) < _CLOSE or error.code == "invalid_scope":
                raise
        # Not by the difference: the reading may have been wrong for a moment.
        told, then = signed_at - ahead, self._clock()
        log(
            WARNING,
            "a token was refused, and our clock was %(ahead).0f s ahead of that of %(host)s: asked again",
            ahead=ahead,
            host=origin(registration.token_url),
        )

        def platforms() -> float:
            return told + self._clock() - then

        return await self._fetch(
            request_token(registration, scopes, wall=platforms, new_jti=self._new_jti), registration
        )

    def discard(self, token: Token) -> None:
        """
        Drop a token that failed, if it is still the cached one.
        """
        token.dropped = True
        known = self._known.get(token.client) if token.client is not None else None
        if known is not None:
            known.tokens = tuple(held for held in known.tokens if held is not token)

    def holds(self, token: Token) -> bool:
        """
        True when a token that was taken from here serves on: it has not failed, and need not be renewed yet.
        """
        return not token.dropped and self._clock() < token.renew_at

    def acquit(self, token: Token, status: int) -> None:
        """
        Note that a call was refused again, with this status, with a token fetched for it: the token is not to blame.
        """
        token.blameless = {**(token.blameless or {}), status: self._clock() + _BLAMELESS_SECONDS}

    def is_suspect(self, token: Token, status: int) -> bool:
        """
        True when a refusal with this status may be the token's fault.
        """
        return token.blameless is None or self._clock() >= token.blameless.get(status, -inf)

    def expiries(self) -> dict[Hashable, float]:
        """
        Map the `OAuthCredential.account` of each token to when the one ends that lives longest, on the cache's clock.
        """
        ends: dict[Hashable, float] = {}
        now = self._clock()
        for client, known in self._known.items():
            held = [token.ends_at for token in known.tokens if now < token.renew_at]
            if held:
                ends[client] = max(held)
        return ends

    async def aclose(self) -> None:
        """
        Cancel the requests in flight and forget every token.
        """
        await self._flights.aclose()
        self._known.clear()


def _client(registration: Registration) -> _Client:
    # Two Canvas schools share an issuer and a token URL: without the client id one would get the other's token. What a
    # token request says, and who signs it: a key that the platform refuses must not live on another's token.
    key = registration.key
    return (
        registration.token_url,
        registration.client_id,
        registration.audience,
        registration.deployment_id,
        str(key.kid),
        str(key.get("n") or key.get("x")),
    )


def _named(scopes: frozenset[str]) -> str:
    return " ".join(sorted(scope.rpartition("/")[2] for scope in scopes)) or "no scope"


class OAuthCredential:
    """
    What a platform of LTI 1.3 wants to see: a bearer token for the scopes that an endpoint offers.

    Attributes:
        name: The client id; with the origin of a request it names the platform for pacing.

        account: What tells its tokens from those of other credentials.
    """

    def __init__(self, cache: TokenCache, registration: Registration, offered: frozenset[str]) -> None:
        self._cache = cache
        self._registration = registration
        self._offered = offered
        self.name = registration.client_id
        self._client = _client(registration)
        self.account: Hashable = self._client
        # By the scopes that a call needs: what serves until its token ends, or is dropped.
        self._held: dict[tuple[str, ...], Authorization] = {}

    def held(self, scopes: tuple[str, ...]) -> Authorization | None:
        """
        Return the header for a call that needs one of these scopes, where its token is known and nothing is said
        against it. None: `authorize` finds out.
        """
        authorization = self._held.get(scopes)
        if authorization is None or authorization.token.blameless:
            return None
        return authorization if self._cache.holds(authorization.token) else None

    async def authorize(self, scopes: tuple[str, ...], *, since: float = inf) -> Authorization:
        """
        Return the header for a call that needs one of these scopes.

        Args:
            since: When the call began: what was refused for good since then is not asked for again.
        """
        token, cached = await self._cache.token(
            self._registration, self._offered, scopes, since=since, client=self._client
        )
        header = f"Bearer {token.grant.access_token}"
        self._held[scopes] = Authorization(header, True, token)
        return Authorization(header, cached, token)

    def suspects(self, authorization: Authorization, status: int) -> bool:
        """
        True when a refusal with this HTTP status may be the token's fault.
        """
        return self._cache.is_suspect(authorization.token, status)

    def discard(self, authorization: Authorization) -> None:
        """
        Drop the token that was refused.
        """
        self._cache.discard(authorization.token)

    def acquit(self, authorization: Authorization, status: int) -> None:
        """
        Note that a fresh token was refused as well, with this HTTP status.
        """
        self._cache.acquit(authorization.token, status)
