"""
Looking registrations up: by issuer and client id, because several schools on one Canvas or Schoology share an issuer.

Schools that host their own Canvas share even the client id. Then authorization URL and key set tell them apart: a login
chooses a `LoginPlatform` and remembers it, and the launch is taken from that one only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Protocol, runtime_checkable

import attrs

from aioags.errors import UnregisteredError
from aioags.model.registration import Registration


@runtime_checkable
class Registrations(Protocol):
    """
    Where a tool's registrations are kept. A table with issuer, client id and deployment id as its key does.
    """

    async def find(self, issuer: str, client_id: str | None) -> Sequence[Registration]:
        """
        Return every registration with this issuer and client id, in a stable order; empty when there is none.

        There may be several of one client id, for several deployments; one without a deployment id takes any.

        Args:
            issuer: Byte for byte (SEC 5.1.3, 2).

            client_id: None: any client id; the platform did not say which.
        """
        ...


def _tuple(value: Iterable[Registration]) -> tuple[Registration, ...]:
    registrations = tuple(value)
    for registration in registrations:
        if not isinstance(registration, Registration):
            raise TypeError(f"registrations must be Registrations, got a {type(registration).__name__}")
    return registrations


@attrs.frozen
class FixedRegistrations:
    """
    Registrations that are known at start-up.
    """

    registrations: tuple[Registration, ...] = attrs.field(converter=_tuple)

    async def find(self, issuer: str, client_id: str | None) -> Sequence[Registration]:
        """
        Return every registration with this issuer and client id.
        """
        named = (registration for registration in self.registrations if registration.issuer == issuer)
        return [registration for registration in named if client_id in (None, registration.client_id)]


_ONE_LOGIN_EACH = (
    "give each platform a login URL or redirect URI of its own that names the registration, or have it send"
    " lti_deployment_id and register that"
)


@attrs.frozen
class LoginPlatform:
    """
    Where a login is sent, and whose keys sign the launch. Self-hosted platforms may share issuer and client id.
    """

    issuer: str
    client_id: str
    authorization_url: str
    jwks_url: str


def platform_of(registration: Registration) -> LoginPlatform | None:
    """
    Return which platform a registration is of. None: it takes no launches.
    """
    if registration.authorization_url is None or registration.jwks_url is None:
        return None
    return _platform(registration.issuer, registration.client_id, registration.authorization_url, registration.jwks_url)


# Each launch asks twice.
_platform = lru_cache(maxsize=1024)(LoginPlatform)


def fitting(
    candidates: Sequence[Registration], *, issuer: str, client_id: str | None, deployment_id: str | None
) -> list[Registration]:
    """
    Return the candidates that really fit: those that name the deployment, else those that take any. The lookup is not
    trusted to filter.

    Args:
        client_id: None: not known.

        deployment_id: None: not known, so any.
    """
    ours = [one for one in candidates if one.issuer == issuer and client_id in (None, one.client_id)]
    if deployment_id is None:
        return ours
    named = [one for one in ours if one.deployment_id == deployment_id]
    return named or [one for one in ours if one.deployment_id is None]


def for_login(
    candidates: Sequence[Registration], *, issuer: str, client_id: str | None, deployment_id: str | None
) -> LoginPlatform:
    """
    Return the one platform that a login request means; the id_token will say which of its deployments.

    Raises:
        UnregisteredError: None fits, or takes launches; or several do, and the request does not say which.
    """
    found = _some(candidates, issuer=issuer, client_id=client_id, deployment_id=deployment_id)
    who = _who(issuer, client_id)
    if len({one.client_id for one in found}) > 1:
        raise UnregisteredError(
            f"the login names no client_id, and several registrations have {who}: {_ONE_LOGIN_EACH}",
            reason="client_id",
            spec="CORE 4.1.3",
        )
    platforms = {platform for one in found if (platform := platform_of(one)) is not None}
    if not platforms:
        missing = "jwks_url" if found[0].authorization_url else "authorization_url"
        raise UnregisteredError(
            f"the registration of client id {_shown(found[0].client_id)} has no {missing}: it takes no launches",
            reason="registration",
        )
    if len(platforms) > 1:
        silent = "it names no lti_deployment_id" if deployment_id is None else "its lti_deployment_id is of several"
        raise UnregisteredError(
            f"the login is ambiguous: several platforms are registered with {who}, and {silent}: {_ONE_LOGIN_EACH}",
            reason="registration",
            spec="CORE 4.1.3",
        )
    return platforms.pop()


def chosen_among(candidates: Sequence[Registration], chosen: Registration) -> list[Registration]:
    """
    Return the one registration that a login URL stands for, as the lookup has it.

    Raises:
        UnregisteredError: The lookup does not have it: not for what the login request says of itself, or no more.
    """
    # Equal but for the key, which is the lookup's.
    found = [one for one in candidates if one == chosen]
    if not found:
        raise UnregisteredError(
            "this login URL belongs to a registration that is not among those found for the login's issuer and"
            " client id: was the platform given another school's login URL?",
            reason="registration",
        )
    return found


def for_launch(candidates: Sequence[Registration], *, platform: LoginPlatform, deployment_id: str) -> Registration:
    """
    Return the registration that a deployment belongs to, of the platform that the login was sent to.

    Raises:
        UnregisteredError: It is not among that platform's; another one with the same issuer and client id may have it.
            Or it is registered twice.
    """
    issuer, client_id = platform.issuer, platform.client_id
    found = fitting(candidates, issuer=issuer, client_id=client_id, deployment_id=deployment_id)
    # Only now: what is another's by name is not this one's because it takes any.
    found = [one for one in found if platform_of(one) == platform]
    if not found:
        raise UnregisteredError(
            f"the deployment of this launch is not registered for {_who(issuer, client_id)} at the platform that its"
            " login was sent to",
            reason="deployment_id",
            spec="CORE 3.1.3",
        )
    return _only(found, issuer, client_id)


def for_job(
    candidates: Sequence[Registration],
    *,
    issuer: str,
    client_id: str | None,
    deployment_id: str | None,
    token_url: str | None,
) -> Registration:
    """
    Return the one registration that a job means.

    Args:
        deployment_id: None: the registration that takes any deployment; where there is none, the only one.

        token_url: None: any.

    Raises:
        UnregisteredError: None fits, or several do.
    """
    known = [one for one in candidates if token_url in (None, one.token_url)]
    found = _some(known, issuer=issuer, client_id=client_id, deployment_id=deployment_id)
    if deployment_id is None:
        found = [one for one in found if one.deployment_id is None] or found
    return _only(found, issuer, client_id)


def _some(
    candidates: Sequence[Registration], *, issuer: str, client_id: str | None, deployment_id: str | None
) -> list[Registration]:
    found = fitting(candidates, issuer=issuer, client_id=client_id, deployment_id=deployment_id)
    if found:
        return found
    who = _who(issuer, client_id)
    if deployment_id is not None and fitting(candidates, issuer=issuer, client_id=client_id, deployment_id=None):
        raise UnregisteredError(
            f"deployment {_shown(deployment_id)} is not registered for {who}", reason="lti_deployment_id"
        )
    raise UnregisteredError(f"no registration for {who}", reason="iss" if client_id is None else "client_id")


def _only(found: Sequence[Registration], issuer: str, client_id: str | None) -> Registration:
    first, *others = found
    # A lookup may return one row twice. Equality leaves the key out.
    if any(one != first or one.key.thumbprint() != first.key.thumbprint() for one in others):
        raise UnregisteredError(
            f"several registrations have {_who(issuer, client_id)} and differ in nothing else that was asked for: give"
            " each its deployment_id, and in a job say deployment_id or token_url, or keep your own name of the"
            " registration with what is stored at the launch",
            reason="registration",
        )
    return first


def _who(issuer: str, client_id: str | None) -> str:
    return f"issuer {_shown(issuer)}" + (f" and client id {_shown(client_id)}" if client_id else "")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 120 else text[:117] + "...")
