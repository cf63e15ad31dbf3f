"""
What the tool says of itself when it registers, and the two documents that are made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from aioags.launch.claims import DEEP_LINKING, RESOURCE_LINK
from aioags.launch.registering.lms import Product, product_of
from aioags.launch.registering.platform import PlatformConfiguration
from aioags.launch.settings import ToolSettings
from aioags.model import checks
from aioags.model.progress import MEMBERSHIPS_SCOPE, Scope
from aioags.model.secure import check_secure_url

TOOL_CONFIGURATION = "https://purl.imsglobal.org/spec/lti-tool-configuration"
"""Key of the tool's part of a registration (DR 1.0)."""

_URLS = ("login_url", "jwks_url", "target_link_uri", "logo_uri", "client_uri", "policy_uri", "tos_uri")


def _tuple(value: Iterable[Any]) -> tuple[Any, ...]:
    if isinstance(value, str):
        raise TypeError(f"give a list, not the one str {value!r}")
    return tuple(value)


def _texts(value: Mapping[str, str]) -> dict[str, str]:
    found = dict(value)
    for name, text in found.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise TypeError(f"custom parameters are texts: write {name!r}: '...'")
    return found


@attrs.frozen(kw_only=True)
class ToolMessage:
    """
    A kind of launch that the tool takes, and where the platform may offer it.

    Attributes:
        type: `RESOURCE_LINK` or `DEEP_LINKING`.

        placements: ``ContentArea``, ``RichTextEditor``, or a platform's own names, such as ``course_navigation``. What
            a platform does not know is left out there.

        target_link_uri: None: the tool's.

        label: Shown to people. None: the tool's name.

        custom_parameters: Of these launches alone.

        icon_uri: None: none.

        roles: URIs of those who see it; empty: all.

        extras: For one LMS, by its names: at Canvas ``default_enabled``, ``visibility``, ``display_type``,
            ``launch_width``, ``launch_height``. Left out elsewhere.
    """

    type: str = DEEP_LINKING
    placements: tuple[str, ...] = attrs.field(default=(), converter=_tuple)
    target_link_uri: str | None = None
    label: str | None = None
    custom_parameters: Mapping[str, str] = attrs.field(factory=dict, converter=_texts)
    icon_uri: str | None = None
    roles: tuple[str, ...] = attrs.field(default=(), converter=_tuple)
    extras: Mapping[str, Any] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for name in ("target_link_uri", "icon_uri"):
            if (value := getattr(self, name)) is not None:
                check_secure_url(name, value)


@attrs.frozen(kw_only=True)
class ToolOffer:
    """
    What the tool says of itself to a platform that registers it.

    Attributes:
        name: Shown to people.

        description: None: none.

        login_url, jwks_url, target_link_uri: None: ``login`` and ``jwks`` beside the redirect URI of the settings, and
            the redirect URI itself.

        more_redirect_uris: Beside that of the settings.

        scopes: What it asks for; a platform is asked only for those that it knows.

        messages: Kinds of launches, beside the plain one of a link.

        custom_parameters: Of every launch; a platform fills in variables such as ``$User.username``.

        claims: What of people it asks for: ``name``, ``given_name``, ``family_name``, ``email``, ``picture``,
            ``locale``. Ask for little: Canvas makes its privacy level of it.

        logo_uri, client_uri, policy_uri, tos_uri: None: none.

        contacts: E-mail addresses.

        tool_id, vendor: For Canvas. None: not said.

    Raises:
        ValueError, TypeError: A field is not as said here.
    """

    name: str
    description: str | None = None
    login_url: str | None = None
    jwks_url: str | None = None
    target_link_uri: str | None = None
    more_redirect_uris: tuple[str, ...] = attrs.field(default=(), converter=_tuple)
    scopes: tuple[str, ...] = attrs.field(default=(*Scope, MEMBERSHIPS_SCOPE), converter=_tuple)
    messages: tuple[ToolMessage, ...] = attrs.field(default=(), converter=_tuple)
    custom_parameters: Mapping[str, str] = attrs.field(factory=dict, converter=_texts)
    claims: tuple[str, ...] = attrs.field(default=("name",), converter=_tuple)
    logo_uri: str | None = None
    client_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    contacts: tuple[str, ...] = attrs.field(default=(), converter=_tuple)
    tool_id: str | None = None
    vendor: str | None = None

    def __attrs_post_init__(self) -> None:
        checks.text("name", self.name)
        for name in _URLS:
            if (value := getattr(self, name)) is not None:
                check_secure_url(name, value)
        for url in self.more_redirect_uris:
            check_secure_url("more_redirect_uris", url)

    @property
    def privacy(self) -> str:
        """
        Canvas's privacy level for the claims: ``public``, ``name_only``, ``email_only`` or ``anonymous``.
        """
        asked = set(self.claims)
        named, mailed = bool(asked & {"name", "given_name", "family_name"}), "email" in asked
        if "picture" in asked or (named and mailed):
            return "public"
        return "name_only" if named else "email_only" if mailed else "anonymous"


@attrs.frozen
class Places:
    """
    Where the tool is, resolved.
    """

    redirect_uris: tuple[str, ...]
    login_url: str
    jwks_url: str
    target_link_uri: str

    @property
    def domain(self) -> str:
        """
        Host and port of the target, as Moodle compares it, without a scheme.
        """
        return urlsplit(self.target_link_uri).netloc


def places(offer: ToolOffer, settings: ToolSettings) -> Places:
    """
    Say where the tool is.
    """
    redirect_uri = settings.redirect_uri
    return Places(
        tuple(dict.fromkeys((redirect_uri, *offer.more_redirect_uris))),
        offer.login_url or beside(redirect_uri, "login"),
        offer.jwks_url or beside(redirect_uri, "jwks"),
        offer.target_link_uri or redirect_uri,
    )


def beside(url: str, name: str) -> str:
    """
    Return the URL with another last segment of its path.
    """
    return url.partition("?")[0].rpartition("/")[0] + "/" + name


def registration_request(offer: ToolOffer, settings: ToolSettings, platform: PlatformConfiguration) -> dict[str, Any]:
    """
    Return what is posted to the platform's registration endpoint (DR 1.0; RFC 7591).

    Only what the platform knows is asked for: Canvas refuses the whole for one unknown placement.
    """
    where, product = places(offer, settings), platform.product
    scopes = [one for one in offer.scopes if platform.scopes is None or one in platform.scopes]
    document = {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["implicit", "client_credentials"],
        "initiate_login_uri": where.login_url,
        "redirect_uris": list(where.redirect_uris),
        "client_name": offer.name,
        "jwks_uri": where.jwks_url,
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": " ".join(scopes),
        "logo_uri": offer.logo_uri,
        "client_uri": offer.client_uri,
        "policy_uri": offer.policy_uri,
        "tos_uri": offer.tos_uri,
        "contacts": list(offer.contacts),
        TOOL_CONFIGURATION: _tool_configuration(offer, where, platform, product),
    }
    return _filled(document)


def _tool_configuration(
    offer: ToolOffer, where: Places, platform: PlatformConfiguration, product: Product
) -> dict[str, Any]:
    messages = (_message(one, offer, where, platform) for one in offer.messages)
    return {
        **_filled(
            {
                "domain": where.domain,
                "target_link_uri": where.target_link_uri,
                "description": offer.description,
                "custom_parameters": dict(offer.custom_parameters),
                **{key: getattr(offer, name) for name, key in product.tool_keys.items()},
            }
        ),
        # Canvas wants both, also where they are empty.
        "claims": ["iss", "sub", *offer.claims],
        "messages": [message for message in messages if message is not None],
    }


def _message(
    message: ToolMessage, offer: ToolOffer, where: Places, platform: PlatformConfiguration
) -> dict[str, Any] | None:
    product = platform.product
    if not platform.takes(message.type):
        return None
    return _filled(
        {
            "type": message.type,
            "target_link_uri": message.target_link_uri or where.target_link_uri,
            "label": message.label or offer.name,
            "icon_uri": message.icon_uri,
            "placements": _placements(message, platform),
            "custom_parameters": dict(message.custom_parameters),
            "roles": list(message.roles),
            **{key: message.extras.get(name) for name, key in product.message_keys.items()},
        }
    )


def _placements(message: ToolMessage, platform: PlatformConfiguration) -> list[str]:
    known = platform.placements_of(message.type)
    found: list[str] = []
    for name in message.placements:
        own = platform.product.placements.get(name, (name,)) if known is None or name not in known else (name,)
        found += [one for one in own if known is None or one in known]
    return list(dict.fromkeys(found))


def _filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def canvas_developer_key(offer: ToolOffer, settings: ToolSettings) -> dict[str, Any]:
    """
    Return the JSON that an administrator of Canvas pastes, or names the URL of, to make an LTI developer key by hand.

    The redirect URIs are no part of it: they are typed in the form, those of `ToolSettings.redirect_uri` and
    `ToolOffer.more_redirect_uris`.
    """
    where = places(offer, settings)
    placements = [
        _filled(
            {
                "placement": place,
                "message_type": message.type,
                "target_link_uri": message.target_link_uri or where.target_link_uri,
                "text": message.label or offer.name,
                "icon_url": message.icon_uri,
                "custom_fields": dict(message.custom_parameters),
                "visibility": message.extras.get("visibility"),
                **_navigation(message),
            }
        )
        for place, message in _canvas_places(offer)
    ]
    return _filled(
        {
            "title": offer.name,
            "description": offer.description or offer.name,
            "target_link_uri": where.target_link_uri,
            "oidc_initiation_url": where.login_url,
            "public_jwk_url": where.jwks_url,
            "scopes": list(offer.scopes),
            "custom_fields": dict(offer.custom_parameters),
            "icon_url": offer.logo_uri,
            "extensions": [_canvas_extension(offer, where, placements)],
        }
    )


def _canvas_places(offer: ToolOffer) -> list[tuple[str, ToolMessage]]:
    own = product_of("canvas").placements
    found: dict[str, ToolMessage] = {}
    for message in offer.messages:
        for name in message.placements:
            for place in own.get(name, (name,)):
                # Each placement once; the first message wins.
                found.setdefault(place, message)
    # Without any, links are placed by hand.
    return list(found.items()) or [("link_selection", ToolMessage(type=RESOURCE_LINK))]


def _canvas_extension(offer: ToolOffer, where: Places, placements: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        **_filled({"domain": where.domain, "tool_id": offer.tool_id}),
        "platform": "canvas.instructure.com",
        "privacy_level": offer.privacy,
        "settings": _filled({"text": offer.name, "icon_url": offer.logo_uri, "placements": placements}),
    }


def _navigation(message: ToolMessage) -> dict[str, str]:
    enabled = message.extras.get("default_enabled")
    return {} if enabled is None else {"default": "enabled" if enabled else "disabled"}
