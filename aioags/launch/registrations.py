"""
Looking registrations up: by issuer and client id, because several schools on one Canvas or Schoology share an issuer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


def fitting(
    candidates: Sequence[Registration], *, issuer: str, client_id: str | None, deployment_id: str | None
) -> list[Registration]:
    """
    Return the candidates that really fit, those that name the deployment first. The lookup is not trusted to filter.

    Args:
        client_id: None: not known.

        deployment_id: None: not known, so any.
    """
    ours = [one for one in candidates if one.issuer == issuer and client_id in (None, one.client_id)]
    if deployment_id is None:
        return ours
    named = [one for one in ours if one.deployment_id == deployment_id]
    return named + [one for one in ours if one.deployment_id is None]


def for_login(
    candidates: Sequence[Registration], *, issuer: str, client_id: str | None, deployment_id: str | None
) -> Registration:
    """
    Return the one registration that a login request means.

    Raises:
        UnregisteredError: None fits; or several do, and the request does not say which.
    """
    found = fitting(candidates, issuer=issuer, client_id=client_id, deployment_id=deployment_id)
    who = f"issuer {_shown(issuer)}" + (f" and client id {_shown(client_id)}" if client_id else "")
    if (
        not found
        and deployment_id is not None
        and fitting(candidates, issuer=issuer, client_id=client_id, deployment_id=None)
    ):
        raise UnregisteredError(
            f"deployment {_shown(deployment_id)} is not registered for {who}", reason="lti_deployment_id"
        )
    if not found:
        raise UnregisteredError(f"no registration for {who}", reason="iss" if client_id is None else "client_id")
    if len({one.client_id for one in found}) > 1:
        raise UnregisteredError(
            f"the login names no client_id, and several registrations have {who}", reason="client_id", spec="CORE 4.1.3"
        )
    return found[0]


def for_deployment(
    candidates: Sequence[Registration], *, issuer: str, client_id: str, deployment_id: str
) -> Registration:
    """
    Return the registration that a deployment belongs to.

    Raises:
        UnregisteredError: It is not among the registered ones.
    """
    found = fitting(candidates, issuer=issuer, client_id=client_id, deployment_id=deployment_id)
    if not found:
        raise UnregisteredError(
            f"the deployment of this launch is not registered for issuer {_shown(issuer)} and client id"
            f" {_shown(client_id)}",
            reason="deployment_id",
            spec="CORE 3.1.3",
        )
    return found[0]


def _shown(text: str) -> str:
    return repr(text if len(text) <= 120 else text[:117] + "...")
