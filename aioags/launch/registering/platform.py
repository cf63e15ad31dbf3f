"""
What a platform says of itself when it is registered with: read with distrust, since anybody may have written it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from aioags.errors import RegistrationRefusedError
from aioags.launch.registering.lms import AUDIENCES, Product, host_allowed, product_of
from aioags.model.secure import is_loopback, url_fault
from aioags.protocol.messages import Request, Response
from aioags.protocol.urls import origin, raised
from aioags.wire import media_types
from aioags.wire.scalars import RECORD_VALUES, NotReadableError, load_json

PLATFORM_CONFIGURATION = "https://purl.imsglobal.org/spec/lti-platform-configuration"
"""Key of the platform's part of its configuration (DR 1.0)."""

_ACCOUNT_NAME = "https://canvas.instructure.com/lti/account_name"
_PREFIX = "https://canvas.instructure.com/lti/"
# Canvas's URL holds its token twice.
_LONGEST_URL = 8 * 1024
# Canvas's takes 20 KB.
_LONGEST_DOCUMENT = 256 * 1024
_LONGEST_NOTE = 200


def refused(message: str, reason: str, spec: str = "DR 1.0") -> RegistrationRefusedError:
    """
    Make the error for a registration that cannot be.
    """
    return RegistrationRefusedError(message, reason=reason, spec=spec)


@attrs.frozen(kw_only=True)
class PlatformConfiguration:
    """
    What a platform says of itself, checked.

    Attributes:
        issuer: Exactly as it was written.

        audience: ``aud`` of our assertions. None: the token URL.

        scopes: Scopes that it knows. None: not said.

        messages: Message types that it knows, with the placements of each, None: not said. None: not said at all.

        note: Product and account, for people.
    """

    issuer: str
    authorization_url: str
    token_url: str
    jwks_url: str
    registration_endpoint: str = attrs.field(repr=False)
    audience: str | None = None
    product: Product = attrs.field(repr=False)
    scopes: frozenset[str] | None = None
    messages: Mapping[str, frozenset[str] | None] | None = None
    note: str = ""

    def takes(self, message_type: str) -> bool:
        """
        True when it takes a kind of launch into a registration.
        """
        if self.product.message_types is not None and message_type not in self.product.message_types:
            return False
        return self.messages is None or message_type in self.messages

    def placements_of(self, message_type: str) -> frozenset[str] | None:
        """
        Return the placements that it knows for a message type. None: not said.
        """
        return None if self.messages is None else self.messages.get(message_type)


def request_configuration(url: str | None) -> Request:
    """
    Ask for the configuration, at the URL exactly as it was given: its query is needed there.

    Raises:
        RegistrationRefusedError: There is none, or it is none that may be asked.
    """
    if not url:
        raise refused(
            "the registration names no openid_configuration: begin it in the platform", "openid_configuration"
        )
    fault = "is too long" if len(url) > _LONGEST_URL else url_fault(url)
    if fault is not None:
        raise refused(f"openid_configuration {fault}", "openid_configuration")
    return Request("GET", url, (("Accept", media_types.JSON),), None, _LONGEST_DOCUMENT)


def read_configuration(
    response: Response, url: str, issuer_hosts: Mapping[str, tuple[str, ...]]
) -> PlatformConfiguration:
    """
    Read a platform's configuration.

    Args:
        url: That was asked.

        issuer_hosts: The operator's table of issuers and hosts of their configurations.

    Raises:
        RegistrationRefusedError: It is none, or not of the issuer that it names.
    """
    fields = _document(response)
    issuer = _text(fields, "issuer")
    _check_issuer(issuer, url, issuer_hosts)
    urls = {
        name: _endpoint(fields, name, url)
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "registration_endpoint")
    }
    own = fields.get(PLATFORM_CONFIGURATION)
    own = own if isinstance(own, dict) else {}
    code = own.get("product_family_code")
    return PlatformConfiguration(
        issuer=issuer,
        authorization_url=urls["authorization_endpoint"],
        token_url=urls["token_endpoint"],
        jwks_url=urls["jwks_uri"],
        registration_endpoint=urls["registration_endpoint"],
        audience=AUDIENCES.get(urlsplit(urls["token_endpoint"]).hostname or ""),
        product=product_of(code if isinstance(code, str) else None),
        scopes=_scopes(fields.get("scopes_supported")),
        messages=_messages(own.get("messages_supported")),
        note=_note(own),
    )


def _document(response: Response) -> Mapping[str, Any]:
    if not response.ok:
        raise refused(
            f"the platform's configuration was answered with {response.status}: its link is spent or too old; begin the"
            " registration anew",
            "openid_configuration",
        )
    try:
        fields = load_json(response.body, RECORD_VALUES)
    except NotReadableError as error:
        raise refused(f"the platform's configuration cannot be read: {error}", "openid_configuration") from None
    if not isinstance(fields, dict):
        raise refused("the platform's configuration is no object", "openid_configuration")
    return fields


def _check_issuer(issuer: str, url: str, more: Mapping[str, tuple[str, ...]]) -> None:
    # An LMS behind a proxy that ends TLS for it may take itself for one of http.
    if (fault := url_fault(raised(issuer, (origin(url),)))) is not None:
        raise refused(f"the platform's issuer {fault}", "issuer")
    issuer_host, host = (urlsplit(one).netloc.lower() for one in (issuer, url))
    if not host_allowed(issuer, issuer_host, host, more):
        raise refused(
            f"the configuration comes from {host[:200]}, and names an issuer at {issuer_host[:200]}: anybody could"
            " claim to be that platform. If the two belong together, let the operator add them to issuer_hosts",
            "issuer",
        )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise refused(f"the platform's configuration has no {name}", name)
    return value


def _endpoint(fields: Mapping[str, Any], name: str, asked: str) -> str:
    url = raised(_text(fields, name), (origin(asked),))
    fault = url_fault(url)
    # A platform out there has nothing to do with this machine.
    if fault is None and is_loopback(urlsplit(url).hostname or "") and not is_loopback(urlsplit(asked).hostname or ""):
        fault = "is on this machine"
    if fault is not None or len(url) > _LONGEST_URL:
        raise refused(f"the platform's {name} {fault or 'is too long'}", name)
    return url


def _scopes(value: Any) -> frozenset[str] | None:
    return frozenset(one for one in value if isinstance(one, str)) if isinstance(value, list) and value else None


def _messages(value: Any) -> Mapping[str, frozenset[str] | None] | None:
    if not isinstance(value, list):
        return None
    found: dict[str, frozenset[str] | None] = {}
    for one in value:
        # Early Moodle: plain strings.
        if isinstance(one, str):
            found[one] = None
        elif isinstance(one, dict) and isinstance(one.get("type"), str):
            found[one["type"]] = _placements(one.get("placements"))
    return found


def _placements(value: Any) -> frozenset[str] | None:
    if not isinstance(value, list):
        return None
    # Canvas names them with its prefix, and takes them with or without.
    return frozenset(one.removeprefix(_PREFIX) for one in value if isinstance(one, str))


def _note(own: Mapping[str, Any]) -> str:
    said = (own.get("product_family_code"), own.get("version"), own.get(_ACCOUNT_NAME))
    words = " ".join(" ".join(one.split()) for one in said if isinstance(one, str))
    return "".join(one for one in words if one.isprintable())[:_LONGEST_NOTE]
