"""
`Launch`: what the platform says, signed, about who launches what, and where (CORE 5.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from aioags.errors import LaunchError
from aioags.launch.claim_reader import ClaimReader, refused
from aioags.launch.claimed import LIS, ForUser, LaunchPresentation, ToolPlatform
from aioags.launch.login import check_target
from aioags.launch.settings import ToolSettings
from aioags.model.endpoint import AGS_CLAIM, Endpoint, readable_claim
from aioags.model.member import has_role
from aioags.model.progress import MEMBERSHIPS_SCOPE
from aioags.model.registration import Registration
from aioags.model.secure import url_fault
from aioags.protocol.trust import Trust

LTI_CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
"""Prefix of the claims of CORE 5.3."""

MEMBERSHIPS_CLAIM = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
"""Claim of Names and Role Provisioning Services (NRPS 3.6.1)."""

DEEP_LINKING_CLAIM = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings"
"""Claim of Deep Linking (DL 4.4.1)."""

RESOURCE_LINK = "LtiResourceLinkRequest"
"""Message type of a launch of one link (CORE 5.3.1)."""

DEEP_LINKING = "LtiDeepLinkingRequest"
"""Message type of a launch that asks the tool for links (DL 4.4)."""

SUBMISSION_REVIEW = "LtiSubmissionReviewRequest"
"""Message type of a launch that shows one learner's work, from the gradebook (AGS 4.6)."""

_MESSAGE_TYPES = (RESOURCE_LINK, DEEP_LINKING, SUBMISSION_REVIEW)
_VERSION = "1.3.0"
_MENTOR, _LEGACY_ID = LTI_CLAIM + "role_scope_mentor", LTI_CLAIM + "lti11_legacy_user_id"
_PERSON = (
    *("name", "given_name", "family_name", "middle_name", "preferred_username"),
    *("email", "picture", "locale"),
)


@attrs.frozen
class Context:
    """
    The course (CORE 5.4.1).

    Attributes:
        id: Unique within the issuer and deployment.

        label, title: For people. None: not said.

        type: Kinds of context, as the platform writes them: URIs, or as Moodle does ``CourseSection``. Empty: not said.
    """

    id: str
    label: str | None = None
    title: str | None = None
    type: tuple[str, ...] = ()


@attrs.frozen
class ResourceLink:
    """
    The link that was launched (CORE 5.3.5).

    Attributes:
        id: Unique within the issuer and deployment; a copied course has new ones.
    """

    id: str
    title: str | None = None
    description: str | None = None


@attrs.frozen
class DeepLinkingSettings:
    """
    What the platform takes back from a deep linking launch (DL 4.4.1).

    Attributes:
        deep_link_return_url: Where the browser posts the tool's answer; by https where the platform is known by it.

        accept_types: Types of content items, such as ``ltiResourceLink``.

        accept_presentation_document_targets: Such as ``iframe``, ``window``.

        accept_media_types: For files, comma separated. None: not said.

        accept_multiple, accept_lineitem, auto_create: None: not said.

        title, text: Proposed for the item. None: not said.

        data: Opaque, mostly text; the answer hands it back as it came. None: there was none.
    """

    deep_link_return_url: str
    accept_types: tuple[str, ...]
    accept_presentation_document_targets: tuple[str, ...] = ()
    accept_media_types: str | None = None
    accept_multiple: bool | None = None
    accept_lineitem: bool | None = None
    auto_create: bool | None = None
    title: str | None = None
    text: str | None = None
    data: Any = attrs.field(default=None, repr=False, hash=False)


@attrs.frozen(kw_only=True)
class Launch:
    """
    One launch, checked. Who the person is stays out of `repr`, but for the opaque user id.

    Attributes:
        registration: The registration it came through, for `Client.gradebook`.

        message_type: `RESOURCE_LINK`, `DEEP_LINKING` or `SUBMISSION_REVIEW`.

        user_id: ``sub``: the ``user_id`` of scores, results and members. None: an anonymous launch, which can have no
            grade and is refused unless `ToolSettings.anonymous` is set.

        roles: As the platform gave them; see `has_role`. May be empty.

        deployment_id: The deployment of the tool within the platform.

        target_link_uri: What to show, of one of the tool's own origins; umlauts and blanks percent-encoded.

        context: None: launched outside of any course, or the claim cannot be read.

        resource_link: None: a deep linking launch, which has no link yet.

        endpoint: What grades may be read and written; with `MEMBERSHIPS_SCOPE` where the launch offers the members as
            well, so that one access token does for both. None: this launch offers no AGS, or is anonymous.

        memberships_url: Where the members are read; for `Client.memberships`. None: not offered.

        deep_linking: None: not a deep linking launch.

        for_user: Whose work a submission review is to show. None: not a review.

        custom: The custom parameters.

        name, given_name, family_name, middle_name, preferred_username, email, picture, locale: None: not shown to this
            tool.

        lis, tool_platform, launch_presentation: None: the platform says nothing of it.

        role_scope_mentor: User ids of those whom the user mentors.

        lti11_legacy_user_id: The user's id in LTI 1.1, where it was another. None: not said.

        claims: Everything the id_token holds.

        unreadable: Optional fields that are there and cannot be read, such as
            ``https://purl.imsglobal.org/spec/lti-ags/claim/endpoint.lineitem``: each is treated as if it were absent.
            Worth a line in the tool's log: where grades were expected, the endpoint may be among them.
    """

    registration: Registration = attrs.field(repr=False, eq=False)
    message_type: str
    user_id: str | None
    roles: tuple[str, ...]
    deployment_id: str
    target_link_uri: str
    context: Context | None
    resource_link: ResourceLink | None
    endpoint: Endpoint | None
    memberships_url: str | None
    deep_linking: DeepLinkingSettings | None
    for_user: ForUser | None
    custom: Mapping[str, Any] = attrs.field(repr=False)
    name: str | None = attrs.field(default=None, repr=False)
    given_name: str | None = attrs.field(default=None, repr=False)
    family_name: str | None = attrs.field(default=None, repr=False)
    middle_name: str | None = attrs.field(default=None, repr=False)
    preferred_username: str | None = attrs.field(default=None, repr=False)
    email: str | None = attrs.field(default=None, repr=False)
    picture: str | None = attrs.field(default=None, repr=False)
    locale: str | None = attrs.field(default=None, repr=False)
    lis: LIS | None = None
    tool_platform: ToolPlatform | None = None
    launch_presentation: LaunchPresentation | None = None
    role_scope_mentor: tuple[str, ...] = attrs.field(default=(), repr=False)
    lti11_legacy_user_id: str | None = attrs.field(default=None, repr=False)
    claims: Mapping[str, Any] = attrs.field(repr=False)
    unreadable: tuple[str, ...] = ()

    @property
    def issuer(self) -> str:
        """
        The platform's issuer.
        """
        return self.registration.issuer

    @property
    def client_id(self) -> str:
        """
        The tool's client id there; with the issuer it finds the registration again.
        """
        return self.registration.client_id

    def has_role(self, role: str) -> bool:
        """
        True when the user has a role in the course, such as ``Instructor``.
        """
        return has_role(self.roles, role)


def read_launch(claims: Mapping[str, Any], registration: Registration, settings: ToolSettings) -> Launch:
    """
    Read the claims of an id_token whose signature, parties, times and nonce are checked already; none of these is here.

    For claims that were stored after a launch, and for tests. Unknown claims are ignored; optional ones that cannot be
    read are named in `Launch.unreadable`.

    Raises:
        IdTokenRefusedError: A claim that a launch cannot be without is missing or not what it must be; reason: its
            name.
    """
    read = ClaimReader(claims)
    return launch_of(read, read_message_type(read), read_deployment(read, None), registration, settings)


def launch_of(
    read: ClaimReader, message_type: str, deployment_id: str, registration: Registration, settings: ToolSettings
) -> Launch:
    """
    Read all the other claims; raises as `read_launch` does.

    Args:
        read: All of them.

        message_type, deployment_id: As `read_message_type` and `read_deployment` return them.
    """
    claims = read.fields
    resource_link, reviewed = _resource_link(read, message_type), _for_user(read, message_type)
    memberships = read.object(MEMBERSHIPS_CLAIM)
    memberships_url = None if memberships is None else memberships.text("context_memberships_url")
    custom = read.object(LTI_CLAIM + "custom")
    user_id = _user(read, settings)
    endpoint = _endpoint(read, memberships_url)
    person: dict[str, Any] = {name: read.text(name) for name in _PERSON if name in claims}
    launch = Launch(
        registration=registration,
        message_type=message_type,
        user_id=user_id,
        roles=_roles(read, message_type),
        deployment_id=deployment_id,
        target_link_uri=_target(read, settings),
        context=_context(read),
        resource_link=resource_link,
        # Nobody has no grade.
        endpoint=None if user_id is None else endpoint,
        memberships_url=memberships_url,
        deep_linking=_deep_linking(read, registration) if message_type == DEEP_LINKING else None,
        for_user=reviewed,
        custom={} if custom is None else custom.fields,
        **person,
        lis=read.record(LTI_CLAIM + "lis", LIS),
        tool_platform=read.record(LTI_CLAIM + "tool_platform", ToolPlatform),
        launch_presentation=read.record(LTI_CLAIM + "launch_presentation", LaunchPresentation),
        role_scope_mentor=read.texts(_MENTOR) if _MENTOR in claims else (),
        lti11_legacy_user_id=read.text(_LEGACY_ID) if _LEGACY_ID in claims else None,
        claims=claims,
    )
    # Only now are all of them noted.
    return attrs.evolve(launch, unreadable=tuple(read.unreadable)) if read.unreadable else launch


def read_message_type(read: ClaimReader) -> str:
    """
    Return the message type of an LTI 1.3 message.

    Raises:
        IdTokenRefusedError: It is another version, no LTI message, or one that this package does not know.
    """
    message_type = read.need_text(LTI_CLAIM + "message_type")
    if read.need_text(LTI_CLAIM + "version") != _VERSION:
        raise refused(f"the LTI version of the id_token is not {_VERSION}", "version", "CORE 5.3.2")
    if message_type not in _MESSAGE_TYPES:
        known = ", ".join(_MESSAGE_TYPES)
        raise refused(f"the message type of the id_token is none of {known}", "message_type", "CORE 5.3.1")
    return message_type


def read_deployment(read: ClaimReader, at_login: str | None) -> str:
    """
    Return the deployment id, the same as at login if that named one (CORE 4.1.2).

    Args:
        at_login: ``lti_deployment_id`` of the login. None: it had none.
    """
    deployment_id = read.need_id(LTI_CLAIM + "deployment_id")
    if at_login not in (None, deployment_id):
        raise refused("the deployment of the id_token is not that of the login", "deployment_id", "CORE 4.1.2")
    return deployment_id


def _roles(read: ClaimReader, message_type: str) -> tuple[str, ...]:
    # Required for a resource link (CORE 5.3.7), possibly empty; a deep linking launch may leave them out.
    name = LTI_CLAIM + "roles"
    return read.need_texts(name) if message_type == RESOURCE_LINK else read.texts(name)


def _endpoint(read: ClaimReader, memberships_url: str | None) -> Endpoint | None:
    claim = read.object(AGS_CLAIM, "AGS 3.1")
    if claim is None:
        return None
    readable, odd = readable_claim(claim.fields)
    for name in odd:
        claim.note(name)
    if memberships_url is not None:
        readable["scope"].append(MEMBERSHIPS_SCOPE)
    return Endpoint.from_claim(readable)


def _target(read: ClaimReader, settings: ToolSettings) -> str:
    url = read.need_text(LTI_CLAIM + "target_link_uri")
    try:
        return check_target(url, settings)
    except LaunchError as error:
        raise refused(error.message, "target_link_uri", "CORE 5.3.4") from None


def _user(read: ClaimReader, settings: ToolSettings) -> str | None:
    # CORE 5.3.6.1: who is not logged in has no sub.
    if read.fields.get("sub") not in (None, ""):
        return read.need_id("sub")
    if not settings.anonymous:
        raise refused(
            "the id_token's sub is missing: an anonymous launch, which ToolSettings(anonymous=True) would take",
            "sub",
            "CORE 5.3.6.1",
        )
    return None


def _context(read: ClaimReader) -> Context | None:
    name = LTI_CLAIM + "context"
    context = read.object(name, "CORE 5.4.1")
    if context is None:
        return None
    if (context_id := context.text("id")) is None:
        read.note(name)
        return None
    return context.fill(Context, id=context_id)


def _resource_link(read: ClaimReader, message_type: str) -> ResourceLink | None:
    name = LTI_CLAIM + "resource_link"
    needed = message_type == RESOURCE_LINK
    link = read.need_object(name) if needed else read.object(name)
    if link is None:
        return None
    if (link_id := link.text("id")) is None:
        if needed:
            raise refused("the id_token's resource_link has no id", "resource_link", "CORE 5.3.5")
        read.note(name)
        return None
    return link.fill(ResourceLink, id=link.need_id("id") if needed else link_id)


def _for_user(read: ClaimReader, message_type: str) -> ForUser | None:
    if message_type != SUBMISSION_REVIEW:
        return None
    reviewed = read.need_object(LTI_CLAIM + "for_user")
    return reviewed.fill(ForUser, user_id=reviewed.need_id("user_id"))


def _deep_linking(read: ClaimReader, registration: Registration) -> DeepLinkingSettings:
    settings = read.need_object(DEEP_LINKING_CLAIM, "DL 4.4.1")
    return settings.fill(
        DeepLinkingSettings,
        deep_link_return_url=_return_url(settings, registration),
        accept_types=settings.need_texts("accept_types"),
        # DL 4.4.1: opaque, to be handed back as it came; also a blank, or what is no text.
        data=settings.fields.get("data"),
    )


def _return_url(settings: ClaimReader, registration: Registration) -> str:
    url = settings.need_text("deep_link_return_url")
    url = Trust.at(url, registration=registration).by_https(url)
    if (fault := url_fault(url)) is not None:
        raise refused(f"the id_token's deep_link_return_url {fault}", "deep_link_return_url", "DL 4.4.1")
    return url
