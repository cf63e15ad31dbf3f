"""
`Tool`: the tool's side of a launch, with what must be awaited: lookup, store, the platform's keys.

Every decision is made elsewhere, by functions that await nothing: `begin_login`, `finish_login`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from joserfc.jwk import Key

from aioags.calls.engine import Engine, Runtime
from aioags.calls.listening import Listener
from aioags.calls.log import INFO
from aioags.calls.settings import check_listener, check_transport
from aioags.calls.transport import Transport
from aioags.errors import IdTokenRefusedError, LaunchError, shown_url
from aioags.launch.browser_storage import get_page
from aioags.launch.claims import Launch
from aioags.launch.finish import LaunchForm, finish_login, read_form
from aioags.launch.id_token import read_header
from aioags.launch.key_sets import KeySets
from aioags.launch.keys import jwks_document
from aioags.launch.login import Cookie, Login, begin_login, check_browser, cookie_name, read_login, storage_entry
from aioags.launch.public_keys import PublicKeys
from aioags.launch.registrations import LoginPlatform, for_job
from aioags.launch.settings import ToolSettings
from aioags.launch.state import PendingLogin, check_seal, claimed_login, digest, is_state, lost_login
from aioags.model.launch_event import KeySetEvent, LaunchEvent
from aioags.model.mistakes import ClosedAtEnd
from aioags.model.policy import Pace, RetryPolicy
from aioags.model.registration import Registration
from aioags.protocol.dialect import Operation
from aioags.protocol.trial import Trial

# Between the clocks of a tool's own processes, seconds.
_CLOCKS_APART = 60.0
# A person waits for the page.
_RETRY = RetryPolicy(attempts=3, first_wait=0.2, longest_wait=2.0, total_time=15.0)


def _new_secret() -> str:
    return secrets.token_urlsafe(32)


class Tool(ClosedAtEnd):
    """
    Takes launches. One per process, made at start-up, closed before its transport.

    Args:
        settings: What was decided.

        transport: What fetches the platforms' keys; best the one that the `Client` sends with. It stays the caller's.

        runtime: Clocks and sleep, for tests.

        new_secret: Makes nonces and cookies.

        on_event: Called with each `Event`, as a client's is. It must not block. None: nobody listens.
    """

    def __init__(
        self,
        settings: ToolSettings,
        transport: Transport,
        *,
        runtime: Runtime = Runtime(),  # noqa: B008
        new_secret: Callable[[], str] = _new_secret,
        on_event: Listener | None = None,
    ) -> None:
        if not isinstance(settings, ToolSettings):
            raise TypeError(f"settings must be ToolSettings, got {type(settings).__name__}")
        check_transport(transport)
        check_listener(on_event)
        self.settings = settings
        self._engine = Engine(transport, retry=_RETRY, pace=Pace(), runtime=runtime, on_event=on_event)
        self._key_sets = KeySets(self._fetch_keys, clock=runtime.clock)
        self._clock, self._wall = runtime.clock, runtime.wall
        self._new_secret = new_secret

    async def _fetch_keys(self, operation: Operation[PublicKeys]) -> PublicKeys:
        def event(where: str, seconds: float, keys: PublicKeys | None, error: str | None) -> KeySetEvent:
            return KeySetEvent(
                where, shown_url(operation.request.url), None if keys is None else len(keys.entries), seconds, error
            )

        return await self._engine.fetch(Trial(operation, _RETRY), event)

    async def login(self, params: Mapping[str, Any], *, registration: Registration | None = None) -> Login:
        """
        Answer a login request: with the ``page`` of what is returned, or where that is None with a redirect to its
        ``url``; with its cookie.

        Args:
            params: Of the query (GET) or the form (POST); both must be served (CORE 4.1).

            registration: The one that this login URL is for, where platforms share issuer and client id and each was
                given a login URL of its own; the settings' lookup must find it too. None: the request says.

        Raises:
            UnregisteredError: No registration fits, or those of several platforms do.

            LaunchError: The request lacks something.

        Spec:
            CORE 4.1, SEC 5.1.1.2
        """
        begun = self._clock()
        try:
            request = read_login(params)
            candidates = await self.settings.registrations.find(request.issuer, request.client_id)
            login = begin_login(
                request,
                candidates,
                self.settings,
                new_secret=self._new_secret,
                now=self._wall(),
                registration=registration,
            )
        except LaunchError as error:
            self._tell_refused("login", begun, error)
            raise
        if self._engine.told.listener is not None:
            platform, seconds = login.pending, self._clock() - begun
            self._engine.told.tell(LaunchEvent("login", platform.issuer, platform.client_id, seconds))
        return login

    async def launch(self, form: Mapping[str, Any], cookies: Mapping[str, str]) -> Launch:
        """
        Take a launch: what the browser posts to `ToolSettings.redirect_uri`. Ask `storage_page` first.

        Args:
            form: The fields of the form.

            cookies: The request's cookies.

        Raises:
            LoginLostError: It does not answer a login of this browser, or no more. It may be launched again.

            IdTokenRefusedError: The id_token is not to be believed. HTTP 401 (SEC 5.1.3, 3).

            LaunchError: Any other refusal; ``transient`` when the platform's keys cannot be had just now.

        Spec:
            SEC 5.1.3, CORE 5.3
        """
        begun = self._clock()
        try:
            posted = read_form(form)
            pending, platform, candidates = await self._login_of(posted)
            check_browser(posted.state, pending, cookies, self.settings, posted.stored)
            launch = await self._finished(posted, pending, platform, candidates)
            await self._take(pending)
        except LaunchError as error:
            self._tell_refused("launch", begun, error)
            raise
        if self._engine.told.listener is not None:
            seconds = self._clock() - begun
            self._engine.told.tell(LaunchEvent("launch", launch.issuer, launch.client_id, seconds))
        return launch

    def _tell_refused(self, step: Literal["login", "launch"], begun: float, error: LaunchError) -> None:
        told = self._engine.told
        if told.wants(INFO):
            fault = type(error).__name__, error.reason, str(error)
            told.tell(LaunchEvent(step, None, None, self._clock() - begun, *fault))

    async def storage_page(self, form: Mapping[str, Any], cookies: Mapping[str, str]) -> str | None:
        """
        Return the HTML to answer a launch with before it is taken: it asks the platform's storage for what the cookie
        would have said, and posts the form again with it.

        Args:
            form, cookies: As for `launch`.

        Returns:
            None: go on to `launch`, which takes it, or says why not.

        Raises:
            LaunchError: As `launch`: this tool did not begin such a login.

        Spec:
            LTI OIDC Login with LTI Client Side postMessages 0.1
        """
        begun = self._clock()
        try:
            posted = read_form(form)
            if posted.stored is not None or cookie_name(posted.state, self.settings) in cookies:
                return None
            pending, platform, _ = await self._login_of(posted)
        except LaunchError as error:
            self._tell_refused("launch", begun, error)
            raise
        entry = storage_entry(posted.state, pending, platform)
        return None if entry is None else get_page(entry, {"state": posted.state, "id_token": posted.id_token})

    async def _login_of(self, posted: LaunchForm) -> tuple[PendingLogin, LoginPlatform, Sequence[Registration]]:
        pending = claimed_login(posted.state)
        candidates = await self.settings.registrations.find(pending.issuer, pending.client_id)
        return pending, check_seal(posted.state, pending, candidates, self.settings.keys, now=self._wall()), candidates

    async def _finished(
        self, posted: LaunchForm, pending: PendingLogin, platform: LoginPlatform, candidates: Sequence[Registration]
    ) -> Launch:
        header = read_header(posted.id_token, self.settings)
        wanted = platform.jwks_url, header.kid, header.alg
        public_only = False
        for one in candidates:
            public_only |= one.public_only and one.jwks_url == platform.jwks_url

        def finish(key: Key) -> Launch:
            return finish_login(posted, pending, platform, candidates, header, key, self.settings, now=self._wall())

        key = await self._key_sets.key(*wanted, public_only=public_only)
        try:
            return finish(key)
        except IdTokenRefusedError as error:
            if error.reason != "signature":
                raise
            newer = await self._key_sets.another_key(*wanted, key, public_only=public_only)
            if newer is None:
                raise
        return finish(newer)

    async def _take(self, pending: PendingLogin) -> None:
        # Last of all, so that nobody makes the store grow but with what a platform signed. As long as the state would
        # serve, also where another process's clock is behind.
        seconds = max(pending.seconds_left(self._wall()), 0.0) + _CLOCKS_APART
        # In the share of who signed it. By the nonce: one login's state can be written in several ways, as any base64.
        key = f"launched {pending.platform}/{digest(pending.nonce)}"
        if not await self.settings.store.put(key, "", seconds=seconds):
            raise lost_login("the login of this launch was used before: its state serves once")

    def spent_cookie(self, form: Mapping[str, Any]) -> Cookie | None:
        """
        Return the cookie that makes the browser forget a launched login's. None: there is none to forget.
        """
        state = form.get("state")
        if not isinstance(state, str) or not is_state(state):
            return None
        return Cookie(cookie_name(state, self.settings), "", 0)

    async def registration(
        self,
        *,
        issuer: str,
        client_id: str | None = None,
        deployment_id: str | None = None,
        token_url: str | None = None,
    ) -> Registration:
        """
        Find the registration of an earlier launch again, for a job.

        Args:
            client_id: None: any.

            deployment_id: The launch's. None: the registration that takes any deployment; where there is none, the only
                one.

            token_url: ``launch.registration.token_url``: for platforms that share all the others. None: any.

        Raises:
            UnregisteredError: There is none, or several fit.
        """
        return for_job(
            await self.settings.registrations.find(issuer, client_id),
            issuer=issuer,
            client_id=client_id,
            deployment_id=deployment_id,
            token_url=token_url,
        )

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """
        Return the tool's public keys, to be served as JSON.
        """
        return jwks_document(self.settings.keys)

    async def aclose(self) -> None:
        """
        Stop fetching keys. The transport stays open.
        """
        await self._key_sets.aclose()
