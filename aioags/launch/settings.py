"""
What a tool decides once: which platforms it trusts, where it lives, how strict it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import attrs

from aioags.launch.keys import load_keys
from aioags.launch.login_store import LoginStore, MemoryLoginStore
from aioags.launch.registrations import FixedRegistrations, Registrations
from aioags.launch.registry.key_ring import KeyRing
from aioags.model.registration import Registration
from aioags.model.secure import check_secure_url
from aioags.protocol.urls import origin

# SEC 6.1 and 7.3: a signature that anybody can check and only the platform can make.
_ASYMMETRIC = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"})


def _registrations(value: Registrations | Iterable[Registration]) -> Registrations:
    if isinstance(value, Registration):
        raise TypeError("registrations must be a list of Registrations, got one: write [registration]")
    return value if isinstance(value, Registrations) else FixedRegistrations(value)


def _keys(value: Iterable[Any]) -> Iterable[Any]:
    # A ring is asked anew each time: its keys change while the tool runs.
    return value if isinstance(value, KeyRing) else tuple(load_keys(value))


def _texts(value: Collection[str]) -> frozenset[str]:
    if isinstance(value, str):
        raise TypeError(f"give a collection of str, not the one str {value!r}")
    return frozenset(value)


def _algorithms(value: Collection[str]) -> frozenset[str]:
    names = _texts(value)
    if not names or not names <= _ASYMMETRIC:
        raise ValueError(f"algorithms must be some of {', '.join(sorted(_ASYMMETRIC))}; got {sorted(names)}")
    return names


def _origins(value: Collection[str]) -> frozenset[str]:
    for url in _texts(value):
        check_secure_url("target_origins", url)
    return frozenset(origin(url) for url in _texts(value))


@attrs.frozen(kw_only=True)
class ToolSettings:
    """
    The tool's side of every launch, as a value. Make it at start-up: what is wrong with it is said there.

    Attributes:
        registrations: What was agreed with each platform: a list of `Registration`, or an object that looks them up.

        redirect_uri: Where the platform posts the id_token: this tool's launch route, as registered with the platform,
            byte for byte. https, or http to loopback.

        keys: The tool's keys that `Tool.jwks` publishes; see `load_keys`. The first is the one in use. A `KeyRing` is
            read again while the tool runs.

        store: Where it is noted which launches were taken, so that none is taken twice. With several processes it must
            be one that they share. A login that has not become a launch takes no room in it.

        anonymous: True: take launches of nobody in particular, without ``sub`` (CORE 5.3.6.1), as from a public course;
            `Launch.user_id` and `Launch.endpoint` are None then.

        algorithms: JOSE algorithms that an id_token may be signed with.

        leeway: Seconds that the platform's clock may differ from ours.

        trusted_audiences: Other audiences that an id_token may name beside the client id (SEC 5.1.3, 3).

        target_origins: Origins, beside that of `redirect_uri`, that a ``target_link_uri`` may have, as URLs.

    Raises:
        ValueError, TypeError: A setting is not as said here.
    """

    registrations: Registrations = attrs.field(converter=_registrations)
    redirect_uri: str
    keys: Iterable[Any] = attrs.field(default=(), converter=_keys, repr=False, eq=False)
    store: LoginStore = attrs.field(factory=MemoryLoginStore)
    anonymous: bool = False
    algorithms: frozenset[str] = attrs.field(default=frozenset({"RS256"}), converter=_algorithms)
    leeway: float = 60.0
    trusted_audiences: frozenset[str] = attrs.field(default=frozenset(), converter=_texts)
    target_origins: frozenset[str] = attrs.field(default=frozenset(), converter=_origins)

    def __attrs_post_init__(self) -> None:
        check_secure_url("redirect_uri", self.redirect_uri)
        if self.leeway < 0:
            raise ValueError(f"leeway must be 0 or more seconds, got {self.leeway!r}")

    @property
    def own_origins(self) -> frozenset[str]:
        """
        Every origin that is this tool's.
        """
        return self.target_origins | {origin(self.redirect_uri)}
