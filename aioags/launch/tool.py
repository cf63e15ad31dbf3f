"""
`Tool`: the tool's side of a launch, with what must be awaited: lookup, store, the platform's keys.

Every decision is made elsewhere, by functions that await nothing: `begin_login`, `finish_login`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from aioags.calls.engine import Engine, Runtime
from aioags.calls.service import Service
from aioags.calls.transport import Transport
from aioags.errors import LaunchError
from aioags.launch.claims import Launch
from aioags.launch.finish import finish_login, key_set_url, read_form, read_pending
from aioags.launch.id_token import read_header
from aioags.launch.key_sets import KeySets
from aioags.launch.keys import jwks_document
from aioags.launch.login import (
    LOGIN_SECONDS,
    Cookie,
    Login,
    begin_login,
    check_browser,
    cookie_name,
    is_state,
    read_login,
)
from aioags.launch.registrations import for_job
from aioags.launch.settings import ToolSettings
from aioags.model.policy import Pace, RetryPolicy
from aioags.model.registration import Registration

# A person waits for the page.
_RETRY = RetryPolicy(attempts=3, first_wait=0.2, longest_wait=2.0, total_time=15.0)


def _new_secret() -> str:
    return secrets.token_urlsafe(32)


class Tool:
    """
    Takes launches. One per process, made at start-up, closed before its transport.

    Args:
        settings: What was decided.

        transport: What fetches the platforms' keys; best the one that the `Client` sends with. It stays the caller's.

        runtime: Clocks and sleep, for tests.

        new_secret: Makes states, nonces and cookies.
    """

    def __init__(
        self,
        settings: ToolSettings,
        transport: Transport,
        *,
        runtime: Runtime = Runtime(),  # noqa: B008
        new_secret: Callable[[], str] = _new_secret,
    ) -> None:
        self.settings = settings
        service = Service(Engine(transport, retry=_RETRY, pace=Pace(), runtime=runtime), None)
        self._key_sets = KeySets(service.perform, clock=runtime.clock)
        self._wall = runtime.wall
        self._new_secret = new_secret

    async def login(self, params: Mapping[str, Any], *, registration: Registration | None = None) -> Login:
        """
        Answer a login request: redirect the browser to the ``url`` of what is returned, with its cookie.

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
        request = read_login(params)
        candidates = await self.settings.registrations.find(request.issuer, request.client_id)
        login = begin_login(request, candidates, self.settings, new_secret=self._new_secret, registration=registration)
        if not await self.settings.store.put(_key(login.state), login.pending.dump(), seconds=LOGIN_SECONDS):
            raise LaunchError("this login's state is in use already", reason="state", transient=True)
        return login

    async def launch(self, form: Mapping[str, Any], cookies: Mapping[str, str]) -> Launch:
        """
        Take a launch: what the browser posts to `ToolSettings.redirect_uri`.

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
        posted = read_form(form)
        # Taken before any check: whatever comes of it, this state is used up, and its nonce with it.
        pending = read_pending(await self.settings.store.take(_key(posted.state)))
        check_browser(posted.state, pending, cookies, self.settings)
        header = read_header(posted.id_token, self.settings)
        candidates = await self.settings.registrations.find(pending.issuer, pending.client_id)
        key = await self._key_sets.key(key_set_url(pending, candidates), header.kid, header.alg)
        return finish_login(posted, pending, candidates, header, key, self.settings, now=self._wall())

    def spent_cookie(self, form: Mapping[str, Any]) -> Cookie | None:
        """
        Return the cookie that makes the browser forget a launched login's. None: there is none to forget.
        """
        state = form.get("state")
        if self.settings.cookieless or not isinstance(state, str) or not is_state(state):
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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _key(state: str) -> str:
    return f"login {state}"
