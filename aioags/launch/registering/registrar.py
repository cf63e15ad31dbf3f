"""
`Registrar`: the tool registers itself with a platform whose administrator opened its registration URL.

Theory of operation. Anybody can open that URL, with a configuration of their own making. What keeps us safe:

- Whatever is fetched is on a public address, checked when the connection is made (`PublicTransport`), and bounded.
- A configuration comes from its issuer's own host, or from one that a table says is that issuer's: so nobody registers
  in the name of another one's LMS, with keys of their own.
- A new registration counts at once only if the URL carries an invitation of ours, which serves once. Otherwise it waits
  until somebody of ours confirms it.
- Issuer and client id that are registered already are an update, which waits even with an invitation. Nothing that
  counts is ever overwritten by a page that somebody opened.

The invitation is taken first, so that it serves one, and given back where nothing was registered yet.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

import attrs

from aioags.calls.public_only import PublicTransport
from aioags.calls.transport import Transport
from aioags.errors import AGSError, RegistryError
from aioags.launch.login import parameter
from aioags.launch.registering.invitations import INVITED_SECONDS, Invitation, Invitations
from aioags.launch.registering.offer import ToolOffer, beside, registration_request
from aioags.launch.registering.platform import (
    PlatformConfiguration,
    read_configuration,
    refused,
    request_configuration,
)
from aioags.launch.registering.reply import Reply, read_reply, request_registration
from aioags.launch.registry.row import RegistrationRow, RowState
from aioags.launch.registry.store import RegistrationStore
from aioags.launch.registry.stored import StoredRegistrations
from aioags.launch.settings import ToolSettings
from aioags.model.mistakes import ClosedAtEnd
from aioags.model.secure import check_secure_url
from aioags.protocol.messages import Request, Response
from aioags.protocol.urls import with_query

INVITATION = "invitation"
"""Parameter of the registration URL that carries ours."""

MOST_WAITING = 500
"""How many registrations may wait for approval. Strangers can make them."""


class GuardedTransport(Transport, Protocol):
    """
    A transport that refuses what is not to be connected to.
    """

    async def check(self, url: str) -> bool:
        """
        Refuse a URL that is to be used later.

        Returns:
            False where its host is not public, and only the operator allows it.

        Raises:
            AGSError: Its host may not be connected to, or is not known.
        """
        ...


@attrs.frozen
class Registered:
    """
    What became of a registration.

    Attributes:
        row: As it was saved. Its state says whether it counts.

        missing: Scopes that the platform says it does not give.

        product: Of the platform, for people.

        next_step: What an administrator has to do there now.
    """

    row: RegistrationRow
    missing: tuple[str, ...]
    product: str
    next_step: str

    @property
    def is_active(self) -> bool:
        """
        True when launches are taken from now on.
        """
        return self.row.state is RowState.ACTIVE


def _new_secret() -> str:
    return secrets.token_urlsafe(32)


class Registrar(ClosedAtEnd):
    """
    Registers the tool with platforms. One per process; closed by whoever made it, or by the `LTI` that it was given to.

    Args:
        settings: The tool's; its registrations must be `StoredRegistrations`, and its store keeps the invitations.

        offer: What the tool says of itself.

        url: The tool's registration URL. None: ``register`` beside the redirect URI.

        issuer_hosts: Issuers, and hosts that their configurations may come from, beside those that are known: for an
            LMS behind another name. ``*.`` stands for any subdomain. Whoever rules one of these hosts can register in
            the issuer's name.

        private_networks: Networks that configurations may be fetched from although they are not public, such as
            ``10.1.0.0/16``.

        transport: Fetches. None: one that connects to public addresses, and to these networks.

        wall: Unix time, seconds.

        new_secret: Makes invitations.
    """

    def __init__(
        self,
        settings: ToolSettings,
        offer: ToolOffer,
        *,
        url: str | None = None,
        issuer_hosts: Mapping[str, Sequence[str]] | None = None,
        private_networks: Sequence[str] = (),
        transport: GuardedTransport | None = None,
        wall: Callable[[], float] = time.time,
        new_secret: Callable[[], str] = _new_secret,
    ) -> None:
        if not isinstance(settings.registrations, StoredRegistrations):
            raise TypeError("a Registrar needs somewhere to keep registrations: settings with StoredRegistrations")
        self.settings = settings
        self.offer = offer
        self.url = url or beside(settings.redirect_uri, "register")
        check_secure_url("url", self.url)
        self._store: RegistrationStore = settings.registrations.store
        self._issuer_hosts = {issuer: tuple(hosts) for issuer, hosts in (issuer_hosts or {}).items()}
        self._transport: GuardedTransport = transport or PublicTransport(private_networks=private_networks)
        self._invitations = Invitations(settings.store, wall=wall, new_secret=new_secret)

    async def invite(self, note: str = "", *, seconds: float = INVITED_SECONDS) -> str:
        """
        Return a registration URL for one administrator: it serves once, and what it registers counts at once.

        Args:
            note: For whom; it stays with the registration.

            seconds: How long it serves.
        """
        return with_query(self.url, {INVITATION: await self._invitations.make(note, seconds)})

    async def register(self, params: Mapping[str, Any]) -> Registered:
        """
        Register the tool with the platform that opened the registration URL.

        Args:
            params: Of the query.

        Raises:
            RegistrationRefusedError: The platform refused, or is not to be believed.

            RegistryError: The registration cannot be kept.
        """
        asked = request_configuration(parameter(params, "openid_configuration"))
        invitation = await self._invitation(parameter(params, INVITATION))
        try:
            platform, is_public = await self._configuration(asked)
            document = registration_request(self.offer, self.settings, platform)
            token = parameter(params, "registration_token")
            posted = request_registration(platform, document, token)
        except AGSError:
            await self._give_back(invitation)
            raise
        reply = read_reply(await self._send(posted), document, platform, token)
        row = await self._keep(platform, is_public, reply, invitation)
        return Registered(row, reply.missing, platform.product.name, platform.product.next_step)

    async def waiting(self) -> Sequence[RegistrationRow]:
        """
        Return the registrations that wait for `confirm` or `reject`, ordered by id; at most a page of them.
        """
        return await self._store.page(state=RowState.WAITING)

    async def confirm(self, row_id: str) -> RegistrationRow:
        """
        Let a registration count that waits; the one that it updates is retired in the same step.

        To be called for an administrator of the tool, after a look at its `jwks_url` and `token_url`: whoever rules
        them can launch as anybody of that platform.

        Raises:
            LookupError: None waits with this id; somebody may have been faster.

            RegistryError: It was changed meanwhile, also the one that it updates: look again.
        """
        row = await self._waiting(row_id)
        changed = [attrs.evolve(row, state=RowState.ACTIVE)]
        replaced = None if row.replaces is None else await self._store.get(row.replaces)
        if replaced is not None and replaced.state is not RowState.RETIRED:
            # What our side decided stays, and only we know of.
            active = attrs.evolve(changed[0], kid=replaced.kid, also_origins=replaced.also_origins)
            changed = [active, attrs.evolve(replaced, state=RowState.RETIRED)]
        await self._save(*changed)
        return changed[0]

    async def reject(self, row_id: str) -> None:
        """
        Let a registration that waits never count.

        Raises:
            LookupError, RegistryError: As `confirm`.
        """
        await self._save(attrs.evolve(await self._waiting(row_id), state=RowState.RETIRED))

    async def aclose(self) -> None:
        """
        Close the transport. Can be called twice.
        """
        await self._transport.aclose()

    async def _invitation(self, token: str | None) -> Invitation | None:
        if token is not None:
            invitation = await self._invitations.take(token)
            if invitation is None:
                raise refused(
                    "this registration link of the tool was used before, or is too old: ask the tool for another one",
                    INVITATION,
                )
            return invitation
        if len(await self._store.page(state=RowState.WAITING, limit=MOST_WAITING)) >= MOST_WAITING:
            raise attrs.evolve(
                refused("too many registrations wait for approval: ask the tool for a registration link", "waiting"),
                transient=True,
            )
        return None

    async def _give_back(self, invitation: Invitation | None) -> None:
        if invitation is not None:
            await self._invitations.give_back(invitation)

    async def _configuration(self, asked: Request) -> tuple[PlatformConfiguration, bool]:
        platform = read_configuration(await self._send(asked), asked.url, self._issuer_hosts)
        is_public = True
        for name, url in (("token_endpoint", platform.token_url), ("jwks_uri", platform.jwks_url)):
            try:
                is_public = await self._transport.check(url) and is_public
            except AGSError as error:
                raise refused(f"the platform's {name} cannot be used: {error}", name) from error
        return platform, is_public

    async def _send(self, request: Request) -> Response:
        try:
            return await self._transport.send(request)
        except AGSError as error:
            what = "configuration" if request.method == "GET" else "registration endpoint"
            raise refused(f"the platform's {what} cannot be had: {error}", "platform") from error

    async def _keep(
        self, platform: PlatformConfiguration, is_public: bool, reply: Reply, invitation: Invitation | None
    ) -> RegistrationRow:
        held = await self._store.find(platform.issuer, reply.client_id)
        known = [row for row in held if row.state is RowState.ACTIVE]
        settled = any(row.state is not RowState.WAITING for row in held)
        note = " ".join(part for part in (platform.note, "" if invitation is None else invitation.note) if part)
        row = RegistrationRow(
            issuer=platform.issuer,
            client_id=reply.client_id,
            token_url=platform.token_url,
            authorization_url=platform.authorization_url,
            jwks_url=_key_set_url(platform, reply.client_id),
            audience=platform.audience,
            deployment_id=reply.deployment_id,
            public_only=is_public,
            # Also what was retired is not to come back by itself.
            state=RowState.WAITING if invitation is None or settled else RowState.ACTIVE,
            replaces=known[0].id if len(known) == 1 else None,
            note=note,
            scopes=reply.scopes,
            registration_client_uri=reply.client_uri,
        )
        await self._save(row)
        return row

    async def _waiting(self, row_id: str) -> RegistrationRow:
        row = await self._store.get(row_id)
        if row is None or row.state is not RowState.WAITING:
            raise LookupError(f"no registration waits with the id {row_id!r}")
        return row

    async def _save(self, *rows: RegistrationRow) -> None:
        if not await self._store.save(*rows):
            raise RegistryError("the registration was changed meanwhile: look at it again", transient=True)


def _key_set_url(platform: PlatformConfiguration, client_id: str) -> str:
    return (platform.product.jwks_url or platform.jwks_url).replace("{client_id}", quote(client_id, safe=""))
