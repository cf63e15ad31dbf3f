"""
One registration as a table holds it: everything but the private key, which it names.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import attrs

from aioags.errors import RegistryError
from aioags.model import checks
from aioags.model.registration import Registration, load_origins
from aioags.model.secure import check_secure_url

_URLS = ("token_url", "authorization_url", "jwks_url", "registration_client_uri")


class RowState(StrEnum):
    """
    Whether a registration counts.
    """

    WAITING = "waiting"
    """Nobody of ours has confirmed it yet: no launch finds it."""

    ACTIVE = "active"
    """It counts."""

    RETIRED = "retired"
    """It counts no more; kept so that nothing takes its place unseen."""


def _new_id() -> str:
    return secrets.token_hex(8)


def _texts(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(value)


@attrs.frozen(kw_only=True)
class RegistrationRow:
    """
    A registration without its private key.

    Attributes:
        issuer, client_id, token_url, authorization_url, jwks_url, audience, deployment_id, also_origins,
            public_only: As in `Registration`.

        kid: Id of the key that signs. None: the first of the tool's keys.

        state: Whether it counts.

        replaces: Id of the row that it takes the place of when it is confirmed. None: of none.

        note: For people: which school and product. Empty: not said.

        scopes: What the platform said that it gives. The launch's own scopes are the truth.

        registration_client_uri: Where the platform lets the registration be read (RFC 7591). None: nowhere.

        id: Of the row; made when it is not given.

        version: 0: not saved yet. Counted up by each save.

    Raises:
        ValueError, TypeError: A field is not as said here.
    """

    issuer: str
    client_id: str
    token_url: str
    authorization_url: str | None = None
    jwks_url: str | None = None
    audience: str | None = None
    deployment_id: str | None = None
    also_origins: tuple[str, ...] = attrs.field(default=(), converter=load_origins)
    public_only: bool = False
    kid: str | None = None
    state: RowState = attrs.field(default=RowState.ACTIVE, converter=RowState)
    replaces: str | None = None
    note: str = ""
    scopes: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    registration_client_uri: str | None = None
    id: str = attrs.field(factory=_new_id)
    version: int = 0

    def __attrs_post_init__(self) -> None:
        for name in ("issuer", "client_id", "id"):
            checks.text(name, getattr(self, name))
        texts = ("audience", "deployment_id", "kid", "replaces")
        checks.given_texts(**{name: getattr(self, name) for name in texts})
        for name in _URLS:
            if name == "token_url" or getattr(self, name) is not None:
                check_secure_url(name, getattr(self, name))

    def registration(self, key: Any) -> Registration:
        """
        Return the registration, with its key.

        Args:
            key: As `Registration` takes it.
        """
        return Registration(
            self.issuer,
            self.client_id,
            self.token_url,
            key,
            audience=self.audience,
            deployment_id=self.deployment_id,
            authorization_url=self.authorization_url,
            jwks_url=self.jwks_url,
            also_origins=self.also_origins,
            public_only=self.public_only,
        )


def dump_row(row: RegistrationRow) -> str:
    """
    Write a row as JSON text, for a store's one column. Its version is the store's own.
    """
    fields = attrs.asdict(row, recurse=False)
    del fields["version"]
    return json.dumps(fields, ensure_ascii=False)


def load_row(text: str, version: int) -> RegistrationRow:
    """
    Read what `dump_row` wrote; fields that a later version of this package added are left out.

    Raises:
        RegistryError: It is no row.
    """
    known = {field.name for field in attrs.fields(RegistrationRow)}
    try:
        fields = {name: value for name, value in json.loads(text).items() if name in known}
        return RegistrationRow(**{**fields, "version": version})
    except (ValueError, TypeError, AttributeError) as error:
        raise RegistryError(f"a stored registration cannot be read ({type(error).__name__})") from None
