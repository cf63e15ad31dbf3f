"""
Case 6: a field that is for show, or that a launch can be without, never refuses the launch. What cannot be read is as
if it were absent, and is named.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioags import Endpoint, Scope
from aioags.launch import DEEP_LINKING, SUBMISSION_REVIEW, Context, Launch
from tests.fakes import HOST
from tests.launch.emulated_course import Course
from tests.launch.paper_lms import AGS, DL, LTI, NRPS, PaperLMS

CLAIM = {"scope": [Scope.SCORE.value], "lineitems": f"{HOST}/items", "lineitem": f"{HOST}/items/1"}


async def test_case_6_as_it_was_reported() -> None:
    launch = await PaperLMS().launch(
        context={"id": "course-1", "type": "CourseSection"}, custom="", **{AGS: CLAIM | {"lineitem": False}}
    )
    assert launch.context == Context("course-1", type=("CourseSection",))
    assert launch.custom == {}
    assert launch.endpoint == Endpoint(f"{HOST}/items", None, [Scope.SCORE])
    assert launch.unreadable == (f"{AGS}.lineitem",)


async def test_case_6_the_same_from_an_emulated_platform() -> None:
    def spoil(header: dict[str, Any], claims: dict[str, Any]) -> None:
        claims[f"{LTI}context"]["type"] = "CourseSection"
        claims[f"{LTI}custom"] = ""
        claims[AGS]["lineitem"] = False
        claims["name"], claims["email"] = ["Ada"], {"work": "x"}
        claims[f"{LTI}roles"].append(None)

    course = Course()
    course.platform.launches.tamper = spoil
    launch = await course.launch()
    assert launch.endpoint is not None
    assert launch.endpoint.lineitem is None
    assert launch.endpoint.lineitems is not None
    assert (launch.name, launch.email) == (None, None)
    assert launch.has_role("Learner")
    assert len(launch.unreadable) == 4


async def test_case_6_a_role_that_is_none_costs_none_of_the_others() -> None:
    assert (await PaperLMS().launch(roles=[None, "Learner", 5, {}])).roles == ("Learner",)
    assert (await PaperLMS().launch(roles=[None])).roles == ()


async def test_case_6_a_good_launch_has_nothing_unreadable() -> None:
    launch = await PaperLMS().launch(**{AGS: CLAIM, NRPS: {"context_memberships_url": f"{HOST}/members"}})
    assert launch.unreadable == ()
    assert launch.context is not None
    assert launch.endpoint is not None


@pytest.mark.parametrize("value", ["text", 5, True, [1], {"lineitem": 7}, {"scope": [1]}, {"lineitems": {}}])
async def test_case_6_a_claim_for_grades_that_cannot_be_read_is_named(value: Any) -> None:
    launch = await PaperLMS().launch(**{AGS: value})
    assert launch.endpoint in (None, Endpoint(None, None, []))
    assert [name for name in launch.unreadable if name.startswith(AGS)]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
DEEP = DL + "deep_linking_settings"
FULL: dict[str, Any] = {
    "name": "Ada Abe",
    "given_name": "Ada",
    "family_name": "Abe",
    "middle_name": "B",
    "email": "ada@school.example",
    "picture": f"{HOST}/ada.png",
    "locale": "en",
    f"{LTI}roles": ["Learner"],
    f"{LTI}context": {"id": "course-1", "label": "C1", "title": "Course one", "type": ["CourseSection"]},
    f"{LTI}resource_link": {"id": "link-1", "title": "Quiz", "description": "x"},
    f"{LTI}custom": {"chapter": "3"},
    f"{LTI}lis": {"person_sourcedid": "p1", "course_section_sourcedid": "c1"},
    f"{LTI}tool_platform": {"guid": "g", "name": "LMS", "version": "1"},
    f"{LTI}launch_presentation": {
        "document_target": "iframe",
        "return_url": f"{HOST}/back",
        "locale": "en",
        "width": 800,
    },
    f"{LTI}role_scope_mentor": ["user-2"],
    f"{LTI}lti1p1": {"user_id": "u"},
    AGS: CLAIM,
    NRPS: {"context_memberships_url": f"{HOST}/members", "service_versions": ["2.0"]},
    "https://vendor.example/x": {"a": 1},
}
SETTINGS: dict[str, Any] = {
    "deep_link_return_url": f"{HOST}/return",
    "accept_types": ["ltiResourceLink"],
    "accept_presentation_document_targets": ["iframe"],
    "accept_media_types": "image/*",
    "accept_multiple": True,
    "accept_lineitem": True,
    "auto_create": False,
    "title": "t",
    "text": "x",
    "data": "opaque",
}
OF_EACH_KIND: dict[str, dict[str, Any]] = {
    "LtiResourceLinkRequest": FULL,
    DEEP_LINKING: FULL | {DEEP: SETTINGS},
    SUBMISSION_REVIEW: FULL | {f"{LTI}for_user": {"user_id": "user-9", "name": "Bo", "roles": ["Learner"]}},
}
# What a launch of the kind cannot be without, below the claims that every launch needs.
NEEDED = {
    "LtiResourceLinkRequest": {(f"{LTI}roles",), (f"{LTI}resource_link",), (f"{LTI}resource_link", "id")},
    DEEP_LINKING: {(DEEP,), (DEEP, "deep_link_return_url"), (DEEP, "accept_types")},
    SUBMISSION_REVIEW: {(f"{LTI}for_user",), (f"{LTI}for_user", "user_id")},
}


def places(message_type: str) -> list[tuple[str, ...]]:
    """
    Return the path of every field that a launch of this kind can be without, two levels deep.
    """
    claims = OF_EACH_KIND[message_type]
    below = [(name, field) for name, value in claims.items() if isinstance(value, dict) for field in value]
    return [path for path in [*((name,) for name in claims), *below] if path not in NEEDED[message_type]]


KINDS = st.sampled_from(list(OF_EACH_KIND)).flatmap(
    lambda kind: st.tuples(st.just(kind), st.lists(st.tuples(st.sampled_from(places(kind)), ANYTHING), max_size=4))
)


def changed(message_type: str, changes: list[tuple[tuple[str, ...], Any]]) -> dict[str, Any]:
    """
    Return claims of this kind with each of these fields replaced.
    """
    claims: dict[str, Any] = {
        name: dict(value) if isinstance(value, dict) else value for name, value in OF_EACH_KIND[message_type].items()
    }
    for path, value in changes:
        if len(path) == 1:
            claims[path[0]] = value
        elif isinstance(claims.get(path[0]), dict):
            claims[path[0]][path[1]] = value
    return claims | {"message_type": message_type}


async def launched(claims: dict[str, Any]) -> Launch:
    """
    Launch with these claims.
    """
    return await PaperLMS().launch(**claims)


@given(drawn=KINDS)
@settings(max_examples=400, deadline=None)
def test_case_6_any_json_in_any_field_that_is_not_needed_refuses_no_launch(
    drawn: tuple[str, list[tuple[tuple[str, ...], Any]]],
) -> None:
    message_type, changes = drawn
    launch = asyncio.run(launched(changed(message_type, changes)))
    assert (launch.message_type, launch.user_id) == (message_type, "user-1")
    assert all(isinstance(role, str) for role in launch.roles)
    platform, window = launch.tool_platform, launch.launch_presentation
    assert window is None or window.width is None or isinstance(window.width, int)
    for text in (
        *(launch.name, launch.email, launch.memberships_url, launch.context and launch.context.title),
        *(launch.picture, platform and platform.guid, window and window.return_url, launch.lis and str(launch.lis)),
    ):
        assert text is None or isinstance(text, str)
    assert repr(launch)
    if not changes:
        assert launch.unreadable == ()


@given(kind=st.sampled_from(list(OF_EACH_KIND)), value=ANYTHING, data=st.data())
@settings(max_examples=100, deadline=None)
def test_case_6_a_field_further_in_refuses_no_launch_either(kind: str, value: Any, data: st.DataObject) -> None:
    lists = [(name, one) for name in OF_EACH_KIND[kind] for one in ([value], [value, "x"], {"x": value})]
    name, odd = data.draw(st.sampled_from([pair for pair in lists if (pair[0],) not in NEEDED[kind]]))
    assert asyncio.run(launched(changed(kind, [((name,), odd)]))).user_id == "user-1"
