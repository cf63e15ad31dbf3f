"""
The first half of a launch: the platform names the user in passing, the tool sends the browser back to it to say so
signed (CORE 4.1, SEC 5.1.1).

Nothing here is trusted: anybody can send a browser to the login route with any parameters. So nothing is kept for a
login (see `state`), and the browser is sent nowhere but to a registered authorization URL.
"""

from __future__ import annotations

import hmac
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import attrs

from aioags.errors import LaunchError, LoginLostError
from aioags.launch.browser_storage import LONGEST_TARGET, StorageEntry, put_page
from aioags.launch.registrations import LoginPlatform, chosen_among, for_login, platform_of
from aioags.launch.settings import ToolSettings
from aioags.launch.state import LOGIN_SECONDS, PendingLogin, digest, is_state, lost_login, platform_digest, seal
from aioags.model.registration import Registration
from aioags.model.secure import url_fault
from aioags.protocol.urls import origin, with_query

_LONGEST_PARAMETER = 8192
# To the person, and to the teacher who asks.
_WAYS_OUT = (
    "Open the link in a new window (a teacher can set that at the link), or allow this site's cookies in the browser's"
    " settings"
)


@attrs.frozen
class LoginRequest:
    """
    What the platform sends to begin a launch.

    Attributes:
        issuer: ``iss``.

        login_hint, lti_message_hint: Opaque; handed back as they are. Kept out of `repr`.

        target_link_uri: What the launch is to show. Not signed: a hint, never a place to go.

        lti_deployment_id, client_id: None: the platform does not say.

        lti_storage_target: Which frame of the platform's takes what the tool wants kept. None: it offers no storage.
    """

    issuer: str
    login_hint: str = attrs.field(repr=False)
    target_link_uri: str
    lti_message_hint: str | None = attrs.field(default=None, repr=False)
    lti_deployment_id: str | None = None
    client_id: str | None = None
    lti_storage_target: str | None = None


@attrs.frozen
class Cookie:
    """
    The cookie that binds one login to one browser.

    Attributes:
        name: One for each login: a page may embed several links, and launch them at once.

        value: Unguessable. Never shown.

        seconds: How long the browser keeps it. 0: it is to be forgotten.
    """

    name: str
    value: str = attrs.field(repr=False)
    seconds: int = LOGIN_SECONDS

    @property
    def headers(self) -> tuple[str, str]:
        """
        The values of two ``Set-Cookie`` headers, one cookie each, of the same name and value.

        ``SameSite=None``: the platform's page posts the launch. ``Partitioned``: where cookies of third parties are
        blocked, Chromium keeps no other kind in a frame; written by hand, since http.cookies cannot spell it before
        Python 3.14. And one without: Safari 26.2 is reported to lose partitioned ones on the way through redirects.
        """
        plain = f"{self.name}={self.value}; Path=/; Max-Age={self.seconds}; Secure; HttpOnly; SameSite=None"
        return plain, f"{plain}; Partitioned"


@attrs.frozen
class Login:
    """
    What to do about a login request: set the cookie, and show `page`, or send the browser to `url`. There is nothing to
    keep.

    Attributes:
        url: The platform's authorization URL with the request in its query.

        state: What the launch must bring back; `pending`, sealed.

        page: HTML that puts a second secret into the platform's storage, and goes on to `url`. None: it has none.
    """

    url: str = attrs.field(repr=False)
    state: str = attrs.field(repr=False)
    cookie: Cookie
    pending: PendingLogin
    page: str | None = attrs.field(default=None, repr=False)


def read_login(params: Mapping[str, Any]) -> LoginRequest:
    """
    Read a login request.

    Args:
        params: Of the query or the form; a tool must take both (CORE 4.1).

    Raises:
        LaunchError: ``iss``, ``login_hint`` or ``target_link_uri`` is missing; reason: its name.
    """
    given = {name: parameter(params, name) for name in ("iss", "login_hint", "target_link_uri")}
    for name, value in given.items():
        if value is None:
            raise LaunchError(f"the login has no {name}", reason=name, spec="SEC 5.1.1.1")
    target = parameter(params, "lti_storage_target")
    return LoginRequest(
        issuer=given["iss"] or "",
        login_hint=given["login_hint"] or "",
        target_link_uri=given["target_link_uri"] or "",
        lti_message_hint=parameter(params, "lti_message_hint"),
        # Canvas leaves the prefix out.
        lti_deployment_id=parameter(params, "lti_deployment_id") or parameter(params, "deployment_id"),
        client_id=parameter(params, "client_id"),
        lti_storage_target=target if target is not None and len(target) <= LONGEST_TARGET else None,
    )


def parameter(params: Mapping[str, Any], name: str) -> str | None:
    """
    Return a parameter's value; None when it is absent, blank, or no text (an uploaded file).

    Raises:
        LaunchError: It is too long to be one, or not encodable.
    """
    value = params.get(name)
    if not isinstance(value, str) or not value.strip():
        return None
    if len(value) > _LONGEST_PARAMETER or not _encodable(value):
        raise LaunchError(f"{name} cannot be read: it is too long, or not text", reason=name)
    return value


def _encodable(value: str) -> bool:
    try:
        return bool(value.encode())
    except UnicodeEncodeError:
        return False


def begin_login(
    request: LoginRequest,
    candidates: Sequence[Registration],
    settings: ToolSettings,
    *,
    new_secret: Callable[[], str],
    now: float,
    registration: Registration | None = None,
) -> Login:
    """
    Decide how to answer a login request.

    Args:
        candidates: What the lookup found for the request's issuer and client id.

        new_secret: Makes an unguessable text of letters, digits, ``-`` and ``_``, 32 of them or more.

        now: Unix time, seconds.

        registration: The one that this login URL is for; it must be among the candidates. None: the request says.

    Raises:
        UnregisteredError: None of the candidates fits, or those of several platforms do.

        LaunchError: ``target_link_uri`` is not this tool's.
    """
    check_target(request.target_link_uri, settings)
    if registration is not None:
        candidates = chosen_among(candidates, registration)
    deployment_id = request.lti_deployment_id
    platform = for_login(candidates, issuer=request.issuer, client_id=request.client_id, deployment_id=deployment_id)
    target = request.lti_storage_target
    secret, stored = new_secret(), None if target is None else new_secret()
    pending = PendingLogin(
        platform.issuer,
        platform.client_id,
        platform_digest(platform),
        nonce=new_secret(),
        began_at=int(now),
        browser=digest(secret),
        deployment_id=deployment_id or (None if registration is None else registration.deployment_id),
        storage_target=target,
        stored=None if stored is None else digest(stored),
    )
    state = seal(pending, next(one.key for one in candidates if platform_of(one) == platform))
    url = _authorization_url(request, pending, platform, settings, state=state)
    entry = storage_entry(state, pending, platform)
    page = None if entry is None or stored is None else put_page(entry, stored, url)
    return Login(url, state, Cookie(cookie_name(state, settings), secret), pending, page)


def _authorization_url(
    request: LoginRequest, pending: PendingLogin, platform: LoginPlatform, settings: ToolSettings, *, state: str
) -> str:
    # SEC 5.1.1.2
    query = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": pending.client_id,
        "redirect_uri": settings.redirect_uri,
        "login_hint": request.login_hint,
        "lti_message_hint": request.lti_message_hint,
        "state": state,
        "nonce": pending.nonce,
    }
    return with_query(platform.authorization_url, query)


def check_target(url: str, settings: ToolSettings) -> str:
    """
    Refuse a ``target_link_uri`` that is not this tool's, so that no handler can be made to redirect elsewhere.

    Returns:
        It, with what a teacher typed percent-encoded: umlauts and blanks; those around it are cut off.

    Raises:
        LaunchError: It is of another origin, or no URL.
    """
    encoded = url.strip()
    if not encoded.isprintable():
        odd = next(one for one in encoded if not one.isprintable())
        raise _not_ours(f"target_link_uri holds the character U+{ord(odd):04X}, which no URL may hold")
    if not encoded.isascii() or " " in encoded:
        # safe: all that a URL may hold, and % of what is encoded already.
        encoded = quote(encoded, safe=string.punctuation)
    if (fault := url_fault(encoded)) is not None:
        raise _not_ours(f"target_link_uri {fault}")
    if origin(encoded) not in settings.own_origins:
        raise _not_ours(
            f"target_link_uri is not this tool's: its origin must be {' or '.join(sorted(settings.own_origins))}"
        )
    return encoded


def _not_ours(message: str) -> LaunchError:
    return LaunchError(message, reason="target_link_uri", spec="CORE 4.1")


def cookie_name(state: str, settings: ToolSettings) -> str:
    """
    Name the cookie of one login.
    """
    # RFC 6265bis 4.1.3.2: no neighbour under the same domain can set a __Host- cookie. Needs https.
    prefix = "__Host-" if settings.redirect_uri.startswith("https:") else ""
    return f"{prefix}aioags-{state[:16]}"


def check_state(state: str | None) -> str:
    """
    Return a state that this tool may have made.

    Raises:
        LoginLostError: It surely did not.
    """
    if state is None or not is_state(state):
        raise lost_login("the launch has no state" if state is None else "the state of this launch is not this tool's")
    return state


def storage_entry(state: str, pending: PendingLogin, platform: LoginPlatform) -> StorageEntry | None:
    """
    Return where a login's second secret lies. None: it has none.
    """
    if pending.storage_target is None:
        return None
    return StorageEntry(platform.authorization_url, pending.storage_target, f"aioags-{state[:16]}")


def check_browser(
    state: str, pending: PendingLogin, cookies: Mapping[str, str], settings: ToolSettings, stored: str | None
) -> None:
    """
    Check that the launch comes from the browser that began the login (SEC 5.1.1.4, 7.3.1).

    Args:
        stored: What the platform's storage held. Empty: it said nothing. None: it was not asked.

    Raises:
        LoginLostError: It does not, or kept nothing; reason: ``cookie``. With `stored` None and a login that has a
            second secret, the storage is still to be asked.
    """
    shown = cookies.get(cookie_name(state, settings))
    given, expected = (stored, pending.stored) if shown is None else (shown, pending.browser)
    if given and expected is not None and hmac.compare_digest(digest(given), expected):
        return
    if given:
        said = "this login was begun in another browser: open the link again"
    elif pending.stored is None:
        said = f"your browser kept no cookie of this tool, and the platform offers no storage instead. {_WAYS_OUT}"
    else:
        said = f"your browser kept no cookie of this tool, and the platform's storage did not answer. {_WAYS_OUT}"
    raise LoginLostError(said, reason="cookie", spec="SEC 7.3.1")
