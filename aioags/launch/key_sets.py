"""
The platforms' public keys, fetched when a launch needs one.

For each key set URL there is at most one set in the cache and at most one request in flight, however many launches
wait (`SingleFlight`). A set is kept for an hour. A key that it lacks may be a new one (SEC 6.4: a platform publishes
before it signs), and so may be the key behind a signature that its namesake did not make (a test platform, set up
again). So the set is fetched again, but at most once a minute: whoever can forge a launch can invent key ids and
signatures.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cachetools import TTLCache
from joserfc.jwk import Key

from aioags.calls.single_flight import SingleFlight
from aioags.errors import AGSError, IdTokenRefusedError, LaunchError
from aioags.launch.claim_reader import refused
from aioags.launch.public_keys import PublicKeys, UnusableKeyError
from aioags.protocol.dialect import Operation
from aioags.protocol.messages import RECORD_BYTES, Request, Response
from aioags.protocol.trust import Trust
from aioags.wire import media_types
from aioags.wire.scalars import RECORD_VALUES, NotReadableError, load_json

KEPT_SECONDS = 3600.0
"""How long a key set serves: also how long a withdrawn key may still be believed."""

AGAIN_SECONDS = 60.0
"""Least time between two fetches of one set for keys that it lacked, or that did not make a signature."""

# As many as a client remembers platforms.
_MOST_SETS = 16_384
# A key takes half a kilobyte; the large platforms publish three to five.
_LONGEST_SET = 256 * 1024
# Small ones in such numbers would hold the loop for longer than all that is done with a set.
_MOST_KEYS = 1000


def request_key_set(url: str, *, public_only: bool = False) -> Operation[PublicKeys]:
    """
    Fetch a key set: GET, without a credential (SEC 6.3).

    Args:
        public_only: A stranger chose the URL: it is asked at public addresses only.
    """
    request = Request("GET", url, (("Accept", media_types.JSON),), None, RECORD_BYTES)
    return Operation("key_set", request, (), read_key_set, trust=Trust.at(url), public_only=public_only)


def read_key_set(response: Response) -> PublicKeys:
    """
    Read a key set (RFC 7517 5); entries that are no objects are ignored.

    Raises:
        NotReadableError: It is none, or larger than any.
    """
    if len(response.body) > _LONGEST_SET:
        raise NotReadableError(f"a key set of more than {_LONGEST_SET} bytes")
    if response.body.count(b"{") > 2 * _MOST_KEYS:
        raise NotReadableError(f"a key set of more than {_MOST_KEYS} keys")
    document = load_json(response.body, RECORD_VALUES)
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        raise NotReadableError("the body is not a key set")
    return PublicKeys(tuple(key for key in keys if isinstance(key, dict)))


def _search(keys: PublicKeys, kid: str, alg: str) -> Key | IdTokenRefusedError:
    try:
        found = keys.find(kid, alg)
    except UnusableKeyError as fault:
        return refused(
            f"the platform publishes the key (kid) that the id_token names, but that key {fault}",
            "kid",
            "SEC 5.1.3, 1; 6.4",
        )
    if found is None:
        return refused("the id_token names a key (kid) that the platform does not publish", "kid", "SEC 5.1.3, 1")
    return found


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

    async def key(self, url: str, kid: str, alg: str, *, public_only: bool = False) -> Key:
        """
        Return a platform's key.

        Args:
            public_only: As for `request_key_set`.

        Raises:
            IdTokenRefusedError: The platform has no such key, or one that will not do; the message says which.

            LaunchError: Its key set cannot be had; reason: ``jwks``.
        """
        held = self._sets.get(url)
        if held is None:
            held = await self._fetched(url, public_only)
        found = _search(held, kid, alg)
        if isinstance(found, IdTokenRefusedError) and self._may_ask(url):
            found = _search(await self._fetched(url, public_only), kid, alg)
        if isinstance(found, IdTokenRefusedError):
            raise found
        return found

    async def another_key(self, url: str, kid: str, alg: str, failed: Key, *, public_only: bool = False) -> Key | None:
        """
        Return the key that a platform has under an id by now, after a signature that one did not make. None: the same.

        Raises:
            LaunchError: Its key set cannot be had; reason: ``jwks``.
        """
        # Another launch may have fetched it meanwhile.
        held = self._sets.get(url)
        found = None if held is None else _search(held, kid, alg)
        if (found is None or found == failed) and self._may_ask(url):
            found = _search(await self._fetched(url, public_only), kid, alg)
        return None if found is None or found == failed or isinstance(found, IdTokenRefusedError) else found

    def _may_ask(self, url: str) -> bool:
        return url in self._flights or url not in self._asked

    async def _fetched(self, url: str, public_only: bool) -> PublicKeys:
        if url not in self._flights:
            self._asked[url] = True
        try:
            return await self._flights.fetch(url, lambda: self._fly(url, public_only))
        except AGSError as error:
            raise LaunchError(
                f"the platform's keys cannot be had: {error}",
                reason="jwks",
                transient=error.transient,
                retry_after=error.retry_after,
                spec="SEC 6.3",
            ) from error

    async def _fly(self, url: str, public_only: bool) -> PublicKeys:
        self._sets[url] = found = await self._fetch(request_key_set(url, public_only=public_only))
        return found

    async def aclose(self) -> None:
        """
        Cancel the requests in flight.
        """
        await self._flights.aclose()
