"""
A good launch as typed attributes (CORE 5.3, 5.4).
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags import Endpoint, Scope
from aioags.launch import DEEP_LINKING, RESOURCE_LINK, SUBMISSION_REVIEW, Context, ForUser, ResourceLink, ToolSettings
from aioags.model.progress import MEMBERSHIPS_SCOPE
from tests.fakes import HOST
from tests.launch.paper_lms import (
    AGS,
    DEPLOYMENT,
    DL,
    GONE,
    LEARNER,
    LTI,
    NRPS,
    REDIRECT,
    TOOL,
    PaperLMS,
    elliptic_key,
    lms_registration,
    public,
)

CONTAINER = f"{HOST}/items"


async def test_5_3_the_claims_as_attributes() -> None:
    launch = await PaperLMS().launch()
    assert launch.message_type == RESOURCE_LINK
    assert launch.user_id == "user-1"
    assert launch.roles == (LEARNER,)
    assert launch.deployment_id == DEPLOYMENT
    assert launch.target_link_uri == f"{TOOL}/quiz/1"
    assert launch.context == Context("course-1", "C1", "Course one")
    assert launch.resource_link == ResourceLink("link-1", "Quiz one")
    assert launch.custom == {"chapter": "3"}
    assert (launch.name, launch.email) == ("Ada Abe", "ada@school.example")
    assert (launch.issuer, launch.client_id) == (HOST, "tool-1")
    assert launch.claims["sub"] == "user-1"
    assert (launch.endpoint, launch.memberships_url, launch.deep_linking, launch.for_user) == (None,) * 4


async def test_a_launch_shows_no_person_and_cannot_be_changed() -> None:
    launch = await PaperLMS().launch(given_name="Ada", family_name="Abe", locale="en")
    for private in ("Ada", "Abe", "school.example", "chapter", "PRIVATE", "nonce"):
        assert private not in repr(launch)
    with pytest.raises(AttributeError):
        launch.user_id = "user-2"  # type: ignore[misc]


async def test_3_1_the_endpoint_of_the_ags_claim() -> None:
    claim = {"lineitems": CONTAINER, "lineitem": "", "scope": [Scope.SCORE]}
    launch = await PaperLMS().launch(**{AGS: claim})
    assert launch.endpoint == Endpoint(CONTAINER, None, [Scope.SCORE])


async def test_one_token_for_both_services_the_endpoint_offers_the_memberships_scope_too() -> None:
    claim = {"lineitems": CONTAINER, "scope": [Scope.SCORE]}
    url = f"{HOST}/members"
    launch = await PaperLMS().launch(
        **{AGS: claim, NRPS: {"context_memberships_url": url, "service_versions": ["2.0"]}}
    )
    assert launch.memberships_url == url
    assert launch.endpoint is not None
    assert launch.endpoint.scope == {Scope.SCORE, MEMBERSHIPS_SCOPE}
    assert Endpoint.from_claim(launch.endpoint.to_claim()) == launch.endpoint


async def test_memberships_without_ags() -> None:
    launch = await PaperLMS().launch(**{NRPS: {"context_memberships_url": f"{HOST}/members"}})
    assert launch.endpoint is None
    assert launch.memberships_url == f"{HOST}/members"


async def test_dl_4_4_1_a_deep_linking_launch() -> None:
    settings = {
        "deep_link_return_url": f"{HOST}/return?x=1",
        "accept_types": ["ltiResourceLink", "link"],
        "accept_presentation_document_targets": ["iframe"],
        "accept_media_types": "image/*",
        "accept_multiple": "true",
        "accept_lineitem": False,
        "data": "opaque",
    }
    launch = await PaperLMS().launch(
        **{DL + "deep_linking_settings": settings, "message_type": DEEP_LINKING, "roles": GONE, "resource_link": GONE}
    )
    assert launch.resource_link is None
    assert launch.roles == ()
    assert launch.deep_linking is not None
    assert launch.deep_linking.deep_link_return_url == f"{HOST}/return?x=1"
    assert launch.deep_linking.accept_types == ("ltiResourceLink", "link")
    assert launch.deep_linking.accept_multiple is True
    assert launch.deep_linking.accept_lineitem is False
    assert launch.deep_linking.auto_create is None
    assert launch.deep_linking.data == "opaque"
    assert "opaque" not in repr(launch)


async def test_a_submission_review_names_the_learner() -> None:
    launch = await PaperLMS().launch(
        **{"message_type": SUBMISSION_REVIEW, LTI + "for_user": {"user_id": "user-9"}, "roles": []}
    )
    assert launch.for_user == ForUser("user-9")


@pytest.mark.parametrize(
    "name, value", [("context", GONE), ("context", []), ("context", {}), ("custom", []), ("custom", None)]
)
async def test_what_is_optional_may_be_absent_or_php_s_empty_array(name: str, value: Any) -> None:
    launch = await PaperLMS().launch(**{name: value})
    assert (launch.context is None) == (name == "context")
    assert (launch.custom == {}) == (name == "custom")


async def test_4_3_unknown_claims_are_ignored_and_odd_names_do_not_matter() -> None:
    launch = await PaperLMS().launch(
        **{"https://vendor.example/x": {"a": [1]}, "name": {"first": "A"}, "given_name": 5}
    )
    assert launch.name is None
    assert launch.given_name == "5"


async def test_6_4_the_platform_s_other_key_types_and_header_fields_are_fine() -> None:
    settings = ToolSettings(registrations=[lms_registration()], redirect_uri=REDIRECT, algorithms=["ES256"])
    lms = PaperLMS(settings)
    lms.keys.keys = public(elliptic_key())
    launch = await lms.launch(key=elliptic_key(), header={"alg": "ES256", "x-vendor": "y" * 600})
    assert launch.user_id == "user-1"


class TestRoles:
    """
    CORE A.2: a role in the course counts, and its sub-roles; one in the institution does not.
    """

    @pytest.mark.parametrize(
        "role, wanted, expected",
        [
            (LEARNER, "Learner", True),
            (LEARNER, LEARNER, True),
            ("Learner", "Learner", True),
            ("Learner", LEARNER, True),
            (LEARNER, "Instructor", False),
            ("http://purl.imsglobal.org/vocab/lis/v2/membership/Instructor#TeachingAssistant", "Instructor", True),
            ("http://purl.imsglobal.org/vocab/lis/v2/membership/Instructor#TeachingAssistant", "Learner", False),
            ("http://purl.imsglobal.org/vocab/lis/v2/institution/person#Instructor", "Instructor", False),
            ("http://purl.imsglobal.org/vocab/lis/v2/system/person#Learner", "Learner", False),
            ("https://vendor.example/roles#Learner", "Learner", False),
            ("", "Learner", False),
        ],
    )
    async def test_who_has_which_role(self, role: str, wanted: str, expected: bool) -> None:
        assert (await PaperLMS().launch(roles=[role])).has_role(wanted) is expected

    async def test_nobody_has_a_role_without_roles(self) -> None:
        assert not (await PaperLMS().launch(roles=[])).has_role("Learner")


async def test_the_cookie_of_a_launched_login_is_taken_back() -> None:
    lms = PaperLMS()
    login = await lms.login()
    spent = lms.tool.spent_cookie({"state": login.state})
    assert spent is not None
    assert spent.name == login.cookie.name
    assert all("Max-Age=0" in header for header in spent.headers)
    assert lms.tool.spent_cookie({"state": "x\r\nSet-Cookie: y=z"}) is None
    assert lms.tool.spent_cookie({}) is None
