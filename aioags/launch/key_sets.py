"""
The platforms' public keys, fetched when a launch needs one.

For each key set URL there is at most one set in the cache and at most one request in flight, however many launches
wait (`SingleFlight`). A set is kept for an hour. A key id that it lacks may be a new one (SEC 6.4: a platform publishes
before it signs), so the set is fetched again, but at most once a minute: whoever can forge a launch can invent key ids.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs
from cachetools import TTLCache
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

from aioags.calls.single_flight import SingleFlight
from aioags.errors import AGSError, LaunchError
from aioags.launch.claim_reader import refused
from aioags.protocol.dialect import Operation
from aioags.protocol.messages import Request, Response
from aioags.protocol.urls import origin
from aioags.wire import media_types
from aioags.wire.scalars import NotReadableError, load_json

KEPT_SECONDS = 3600.0
"""How long a key set serves: also how long a withdrawn key may still be believed."""

AGAIN_SECONDS = 60.0
"""Least time between two fetches of one set for keys that it lacked."""

_MOST_SETS = 1024
# A key takes half a kilobyte; the large platforms publish three to five.
_LONGEST_SET = 256 * 1024
# RFC 7518 3.3: 2048 bits or more; in base64url, 342 characters.
_SHORTEST_MODULUS = 342
_KEY_TYPES = {"R": "RSA", "P": "RSA", "E": "EC"}


@attrs.frozen
class PublicKeys:
    """
    One platform's key set, as it was fetched. Its keys are parsed when they are needed.
    """

    entries: tuple[Mapping[str, Any], ...]

    def find(self, kid: str, alg: str) -> Key | None:
        """
        Return the key with this id for this algorithm, None when there is none.

        Several keys may share an id if they are of different types (SEC 6.4).
        """
        for entry in self.entries:
            if entry.get("kid") == kid and _may_verify(entry, alg):
                try:
                    return JWKRegistry.import_key({name: entry[name] for name in _PUBLIC if name in entry})
                except (JoseError, ValueError, TypeError, KeyError):
                    continue
        return None


# What makes up a public key; a platform's own private parts or certificates are left alone.
_PUBLIC = ("kty", "n", "e", "crv", "x", "y", "kid", "alg")


def _may_verify(entry: Mapping[str, Any], alg: str) -> bool:
    return (
        entry.get("kty") == _KEY_TYPES.get(alg[:1])
        and entry.get("use") in (None, "sig")
        and entry.get("alg") in (None, alg)
        and (entry.get("kty") != "RSA" or len(str(entry.get("n"))) >= _SHORTEST_MODULUS)
    )


def request_key_set(url: str) -> Operation[PublicKeys]:
    """
    Fetch a key set: GET, without a credential (SEC 6.3).
    """
    request = Request("GET", url, (("Accept", media_types.JSON),))
    return Operation("key_set", request, (), read_key_set, trusted=frozenset({origin(url)}))


def read_key_set(response: Response) -> PublicKeys:
    """
    Read a key set (RFC 7517 5); entries that are no objects are ignored.

    Raises:
        NotReadableError: It is none, or larger than any.
    """
    if len(response.body) > _LONGEST_SET:
        raise NotReadableError(f"a key set of more than {_LONGEST_SET} bytes")
    document = load_json(response.body)
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        raise NotReadableError("the body is not a key set")
    return PublicKeys(tuple(key for key in keys if isinstance(key, dict)))


class KeySets:
    """
    The key sets of every platform that a tool trusts.

    Args:
        fetch: Performs the operation, with repeats as it sees fit.

        clock: Seconds that never step back.
    """

    def __init__(
        self, fetch: Callable[[Operation[PublicKeys]], Awaitable[PublicKeys]], *, clock: Callable[[], float]
    ) -> None:
        self._fetch = fetch
        self._sets: TTLCache[str, PublicKeys] = TTLCache(_MOST_SETS, KEPT_SECONDS, timer=clock)
        self._asked: TTLCache[str, bool] = TTLCache(_MOST_SETS, AGAIN_SECONDS, timer=clock)
        self._flights: SingleFlight[str, PublicKeys] = SingleFlight("key set", owner="Tool")

    async def key(self, url: str, kid: str, alg: str) -> Key:
        """
        Return a platform's key.

        Raises:
            IdTokenRefusedError: The platform has no such key.

            LaunchError: Its key set cannot be had; reason: ``jwks``.
        """
        held = self._sets.get(url)
        if held is None:
            held = await self._fetched(url)
        found = held.find(kid, alg)
        if found is None and (url in self._flights or url not in self._asked):
            held = await self._fetched(url)
            found = held.find(kid, alg)
        if found is None:
            raise refused("the id_token names a key (kid) that the platform does not publish", "kid", "SEC 5.1.3, 1")
        return found

    async def _fetched(self, url: str) -> PublicKeys:
        if url not in self._flights:
            self._asked[url] = True
        try:
            return await self._flights.fetch(url, lambda: self._fly(url))
        except AGSError as error:
            raise LaunchError(
                f"the platform's keys cannot be had: {error}",
                reason="jwks",
                transient=error.transient,
                retry_after=error.retry_after,
                spec="SEC 6.3",
            ) from error

    async def _fly(self, url: str) -> PublicKeys:
        self._sets[url] = found = await self._fetch(request_key_set(url))
        return found

    async def aclose(self) -> None:
        """
        Cancel the requests in flight.
        """
        await self._flights.aclose()
