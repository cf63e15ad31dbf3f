"""
What the tool says of itself to each LMS: by the rules that each was seen to have, checked here with other eyes.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from aioags.launch import ToolMessage, ToolOffer, canvas_developer_key
from tests.fakes import answer
from tests.launch.registering.paper import CONFIG, PLATFORM, SCOPES, TOOL, Desk, configuration

CX = "https://canvas.instructure.com/lti/"
OFFER = ToolOffer(
    name="Quiz",
    description="Quizzes with points",
    custom_parameters={"user": "$User.username"},
    claims=("name", "email"),
    contacts=["help@tool.example"],
    tool_id="quiz-1",
    vendor="Tool Inc.",
    messages=[
        ToolMessage(placements=["ContentArea", "RichTextEditor", "unheard_of"], label="Choose a quiz"),
        ToolMessage(
            type="LtiResourceLinkRequest",
            placements=["course_navigation"],
            target_link_uri=f"{TOOL}/lti/launch?page=course",
            custom_parameters={"page": "course"},
            extras={"default_enabled": False, "visibility": "members", "no_such_extra": 1},
        ),
    ],
)


async def asked(code: str, messages: Any, **changes: Any) -> dict[str, Any]:
    """
    Return what a platform of a family is asked for.
    """
    desk = Desk(OFFER)
    desk.lms.said = configuration(
        **{PLATFORM: {"product_family_code": code, "messages_supported": messages}}, **changes
    )
    await desk.register()
    return desk.lms.document


async def test_the_standards_fields() -> None:
    document = await asked("example", [{"type": "LtiDeepLinkingRequest", "placements": ["ContentArea"]}])
    assert document["application_type"] == "web"
    assert document["response_types"] == ["id_token"]
    assert document["grant_types"] == ["implicit", "client_credentials"]
    assert document["token_endpoint_auth_method"] == "private_key_jwt"
    assert document["redirect_uris"] == [f"{TOOL}/lti/launch"]
    assert document["initiate_login_uri"] == f"{TOOL}/lti/login"
    assert document["jwks_uri"] == f"{TOOL}/lti/jwks"
    assert document["client_name"] == "Quiz"
    assert set(document["scope"].split(" ")) == set(SCOPES)
    assert "logo_uri" not in document
    tool = document[CONFIG]
    assert tool["domain"] == "tool.example"
    assert tool["custom_parameters"] == {"user": "$User.username"}
    assert tool["claims"] == ["iss", "sub", "name", "email"]
    (message,) = tool["messages"]
    assert message == {
        "type": "LtiDeepLinkingRequest",
        "target_link_uri": f"{TOOL}/lti/launch",
        "label": "Choose a quiz",
        "placements": ["ContentArea"],
    }


CANVAS_MESSAGES = [
    {"type": "LtiResourceLinkRequest", "placements": [CX + "course_navigation", "link_selection"]},
    {"type": "LtiDeepLinkingRequest", "placements": ["assignment_selection", "editor_button", "link_selection"]},
    {"type": "LtiEulaRequest"},
]


async def test_canvas_is_asked_for_nothing_that_it_does_not_know() -> None:
    tool = (await asked("canvas", CANVAS_MESSAGES))[CONFIG]
    assert [message["placements"] for message in tool["messages"]] == [
        ["assignment_selection", "link_selection", "editor_button"],
        ["course_navigation"],
    ]
    assert (tool[CX + "privacy_level"], tool[CX + "tool_id"], tool[CX + "vendor"]) == ("public", "quiz-1", "Tool Inc.")
    navigation = tool["messages"][1]
    assert navigation[CX + "course_navigation/default_enabled"] is False
    assert navigation[CX + "visibility"] == "members"
    assert "no_such_extra" not in json.dumps(tool)


async def test_canvas_wants_claims_and_messages_also_where_there_are_none() -> None:
    desk = Desk(ToolOffer(name="Quiz", claims=[]))
    desk.lms.said = configuration(**{PLATFORM: {"product_family_code": "canvas"}})
    await desk.register()
    tool = desk.lms.document[CONFIG]
    assert (tool["claims"], tool["messages"], tool[CX + "privacy_level"]) == (["iss", "sub"], [], "anonymous")


async def test_moodle_takes_deep_linking_and_its_messages_may_be_plain_texts() -> None:
    document = await asked("moodle", ["LtiResourceLinkRequest", "LtiDeepLinkingRequest"])
    assert [message["type"] for message in document[CONFIG]["messages"]] == ["LtiDeepLinkingRequest"]
    # mod_lti: domain must be the host and port of target_link_uri.
    assert document[CONFIG]["domain"] == document[CONFIG]["target_link_uri"].split("/")[2]
    assert CX + "privacy_level" not in document[CONFIG]


async def test_blackboards_keys_are_those_of_the_application() -> None:
    desk = Desk(OFFER)
    desk.lms.said = configuration(**{PLATFORM: {"product_family_code": "BlackboardLearn"}})
    desk.lms.reply = lambda document: answer(201, {"client_id": "a/../b"})
    registered = await desk.register()
    assert registered.row.jwks_url == (
        "https://developer.blackboard.com/api/v1/management/applications/a%2F..%2Fb/jwks.json"
    )
    assert "approves the tool" in registered.next_step


@pytest.mark.parametrize(
    "code, word",
    [
        ("desire2learn", "New Deployment"),
        ("sakailms.org", "save"),
        ("moodle", "Activate"),
        ("canvas", "enable"),
    ],
)
async def test_the_administrator_is_told_what_is_next(code: str, word: str) -> None:
    desk = Desk(OFFER)
    desk.lms.said = configuration(**{PLATFORM: {"product_family_code": code}})
    assert word in (await desk.register()).next_step


@pytest.mark.parametrize(
    "claims, level",
    [
        ([], "anonymous"),
        (["locale"], "anonymous"),
        (["given_name"], "name_only"),
        (["email"], "email_only"),
        (["name", "email"], "public"),
        (["picture"], "public"),
    ],
)
def test_privacy_as_canvas_makes_it_of_the_claims(claims: list[str], level: str) -> None:
    assert ToolOffer(name="Quiz", claims=claims).privacy == level


def test_canvas_developer_key() -> None:
    key = canvas_developer_key(OFFER, Desk(OFFER).settings)
    assert {"title", "description", "target_link_uri", "oidc_initiation_url", "public_jwk_url"} <= set(key)
    # Typed in the form; no key of the JSON.
    assert "redirect_uris" not in key
    assert key["oidc_initiation_url"] == f"{TOOL}/lti/login"
    assert key["custom_fields"] == {"user": "$User.username"}
    (extension,) = key["extensions"]
    assert extension["platform"] == "canvas.instructure.com"
    assert (extension["domain"], extension["tool_id"], extension["privacy_level"]) == (
        "tool.example",
        "quiz-1",
        "public",
    )
    placements = {one["placement"]: one for one in extension["settings"]["placements"]}
    assert placements["assignment_selection"]["message_type"] == "LtiDeepLinkingRequest"
    assert placements["course_navigation"] == {
        "placement": "course_navigation",
        "message_type": "LtiResourceLinkRequest",
        "target_link_uri": f"{TOOL}/lti/launch?page=course",
        "text": "Quiz",
        "custom_fields": {"page": "course"},
        "visibility": "members",
        "default": "disabled",
    }
    assert json.loads(json.dumps(key)) == key


def test_canvas_developer_key_without_placements_has_one() -> None:
    key = canvas_developer_key(ToolOffer(name="Quiz"), Desk().settings)
    assert [one["placement"] for one in key["extensions"][0]["settings"]["placements"]] == ["link_selection"]
    assert key["description"] == "Quiz"


@pytest.mark.parametrize(
    "fields, word",
    [
        ({"name": ""}, "name"),
        ({"name": "Q", "jwks_url": "http://tool.example/jwks"}, "jwks_url"),
        ({"name": "Q", "more_redirect_uris": ["tool"]}, "more_redirect_uris"),
        ({"name": "Q", "scopes": "score"}, "list"),
        ({"name": "Q", "custom_parameters": {"a": 1}}, "'a'"),
    ],
)
def test_an_offer_is_checked_where_it_is_made(fields: dict[str, Any], word: str) -> None:
    with pytest.raises((ValueError, TypeError), match=word):
        ToolOffer(**fields)
