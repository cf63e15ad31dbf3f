"""
What each LMS wants of a registration beyond the standard, and does otherwise: data, read by the code beside it.

Sources: the products' code and documentation, and reports of others who registered there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from aioags.launch.claims import DEEP_LINKING

CANVAS = "https://canvas.instructure.com/lti/"
"""Prefix of Canvas's own keys."""

# Issuer: hosts that its configuration may come from, beside its own; "*." stands for any subdomain.
ISSUER_HOSTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "https://blackboard.com": ("developer.blackboard.com",),
        "https://canvas.instructure.com": ("sso.canvaslms.com", "*.instructure.com"),
        "https://canvas.beta.instructure.com": ("sso.beta.canvaslms.com", "*.beta.instructure.com"),
        "https://canvas.test.instructure.com": ("sso.test.canvaslms.com", "*.test.instructure.com"),
        "https://schoology.schoology.com": ("lti-service.svc.schoology.com",),
    }
)

# Host of the token URL: the audience there. `authorization_server` is not taken: Canvas puts a bare host there, which
# it does not accept itself.
AUDIENCES: Mapping[str, str] = MappingProxyType({"auth.brightspace.com": "https://api.brightspace.com/auth/token"})


@attrs.frozen(kw_only=True)
class Product:
    """
    One LMS's ways.

    Attributes:
        name: For people.

        codes: Its product family codes, in lower case.

        tool_keys: Field of our offer: key of its own in the tool configuration.

        message_keys: Names in a message's `extras`: keys of its own.

        message_types: The only ones it takes anything of. None: those that it names.

        placements: Placement of the standard: its own, each once.

        jwks_url: Where its keys are, with ``{client_id}``, in place of what its configuration says. None: as that says.

        scope_is_told: The scopes of its reply are those that it gives.

        next_step: What an administrator has to do there afterwards.
    """

    name: str
    codes: tuple[str, ...] = ()
    tool_keys: Mapping[str, str] = attrs.field(factory=dict)
    message_keys: Mapping[str, str] = attrs.field(factory=dict)
    message_types: tuple[str, ...] | None = None
    placements: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    jwks_url: str | None = None
    scope_is_told: bool = True
    next_step: str = "If the platform asks for it, switch the tool on there."


PRODUCTS = (
    Product(
        name="Canvas",
        codes=("canvas",),
        tool_keys={"privacy": CANVAS + "privacy_level", "tool_id": CANVAS + "tool_id", "vendor": CANVAS + "vendor"},
        message_keys={
            "default_enabled": CANVAS + "course_navigation/default_enabled",
            "visibility": CANVAS + "visibility",
            "display_type": CANVAS + "display_type",
            "launch_width": CANVAS + "launch_width",
            "launch_height": CANVAS + "launch_height",
        },
        placements={
            "ContentArea": ("assignment_selection", "link_selection"),
            "RichTextEditor": ("editor_button",),
        },
        next_step="In Canvas, review the registration and enable it; then add the app to the account or course.",
    ),
    Product(
        name="Moodle",
        codes=("moodle",),
        # mod_lti's registration_helper reads no other, and of this one the target_link_uri alone.
        message_types=(DEEP_LINKING,),
        # mod_lti 4.5: `?? 0 == 2` lists lineitem also where it is not given.
        scope_is_told=False,
        next_step="In Moodle, the tool is pending: press Activate under Manage tools.",
    ),
    Product(
        name="Blackboard",
        codes=("blackboardlearn", "blackboard"),
        # What the configuration names is not the key set of the application.
        jwks_url="https://developer.blackboard.com/api/v1/management/applications/{client_id}/jwks.json",
        next_step=(
            "In Blackboard, each school enters the client ID under LTI Tool Providers, approves the tool, and allows"
            " the grade service."
        ),
    ),
    Product(
        name="Brightspace",
        codes=("desire2learn", "d2l", "brightspace"),
        next_step=(
            "In Brightspace, switch the registration on. Without a deployment (External Learning Tools, New Deployment:"
            " extensions and security settings again) no link appears."
        ),
    ),
    Product(
        name="Sakai",
        codes=("sakailms.org", "sakai"),
        # Its reply is our own request, with a client id.
        scope_is_told=False,
        next_step="In Sakai, save the form of the tool, and allow its services there.",
    ),
)
"""The products with ways of their own."""

OTHER = Product(name="the platform")


def product_of(code: str | None) -> Product:
    """
    Return a product by its family code. None, or not known: one without ways of its own.
    """
    known = (code or "").strip().lower()
    return next((product for product in PRODUCTS if known in product.codes), OTHER)


def host_allowed(issuer: str, issuer_host: str, host: str, more: Mapping[str, tuple[str, ...]]) -> bool:
    """
    True when an issuer's configuration may come from a host.

    Args:
        more: The operator's own table, which adds to `ISSUER_HOSTS`.
    """
    named = (*ISSUER_HOSTS.get(issuer, ()), *more.get(issuer, ()))
    return host == issuer_host or any(host.endswith(one[1:]) if one.startswith("*.") else host == one for one in named)
