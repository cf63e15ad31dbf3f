"""
The idtoken, and the reference that is stored of it.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from aioags import MalformedError, Scope
from aioags.ltiaas import Idtoken, ServiceReference
from tests.fakes import answer
from tests.ltiaas.paper import ITEM, LTIK, SERVICE_KEY, on_paper

# As in the vendor's reference.
FULL: dict[str, Any] = {
    "ltiVersion": "1.3.0",
    "user": {"id": "2", "email": "john@lms.com", "name": "John Doe", "roles": ["http://purl.example#Instructor"]},
    "platform": {
        "id": "Y9LENU9n911EMxp9QSrE",
        "url": "https://lms.example.com",
        "clientId": "KzJ",
        "deploymentId": "1",
    },
    "launch": {
        "type": "LtiResourceLinkRequest",
        "context": {"id": "2", "label": "course", "title": "Course", "type": ["CourseSection"]},
        "resourceLink": {"id": "4", "title": "Activity 1"},
        "custom": {"param": "value"},
    },
    "services": {
        "deepLinking": {"available": False},
        "namesAndRoles": {"available": True},
        "assignmentAndGrades": {"available": True, "lineItemId": ITEM, "scopes": [Scope.SCORE]},
        "serviceKey": SERVICE_KEY,
    },
}


async def read(document: Any) -> Idtoken:
    """
    Let LTIAAS answer with a document.
    """
    _, account = on_paper(answer(200, document))
    return await account.idtoken(ltik=LTIK)


def changed(section: str, **fields: Any) -> dict[str, Any]:
    """
    Return the full document with one section changed.
    """
    return FULL | {section: FULL[section] | fields}


async def test_every_part_has_its_name() -> None:
    idtoken = await read(FULL)
    assert (idtoken.lti_version, idtoken.user_id, idtoken.name, idtoken.email) == (
        "1.3.0",
        "2",
        "John Doe",
        "john@lms.com",
    )
    assert idtoken.roles == ("http://purl.example#Instructor",)
    assert (idtoken.platform_id, idtoken.issuer) == ("Y9LENU9n911EMxp9QSrE", "https://lms.example.com")
    assert (idtoken.client_id, idtoken.deployment_id) == ("KzJ", "1")
    assert (idtoken.message_type, idtoken.custom) == ("LtiResourceLinkRequest", {"param": "value"})
    assert (idtoken.context_id, idtoken.context_title) == ("2", "Course")
    assert (idtoken.resource_link_id, idtoken.resource_link_title) == ("4", "Activity 1")
    assert (idtoken.offers_grades, idtoken.line_item, idtoken.scope) == (True, ITEM, {Scope.SCORE})
    assert (idtoken.offers_memberships, idtoken.offers_deep_linking) == (True, False)
    assert idtoken.service_key == SERVICE_KEY
    assert idtoken.raw == FULL


async def test_personal_data_and_keys_are_not_in_its_repr() -> None:
    shown = repr(await read(FULL))
    assert [text for text in ("John", "john@", SERVICE_KEY, "param") if text in shown] == []


async def test_an_empty_document_offers_nothing() -> None:
    assert await read({}) == Idtoken()


@pytest.mark.parametrize("section", ["user", "platform", "launch", "services"])
@pytest.mark.parametrize("broken", [None, [], "x", 5])
async def test_a_section_that_is_none_is_read_as_absent(section: str, broken: Any) -> None:
    idtoken = await read(FULL | {section: broken})
    assert isinstance(idtoken, Idtoken)


async def test_numbers_are_taken_for_ids_and_a_text_for_roles() -> None:
    idtoken = await read(changed("user", id=2, roles="Learner Instructor"))
    assert (idtoken.user_id, idtoken.roles) == ("2", ("Learner", "Instructor"))


@pytest.mark.parametrize("absent", ["", " ", None])
async def test_a_blank_line_item_is_absent(absent: Any) -> None:
    idtoken = await read(changed("services", assignmentAndGrades={"available": True, "lineItemId": absent}))
    assert (idtoken.offers_grades, idtoken.line_item) == (True, None)


@pytest.mark.parametrize("available", [False, None, "false", 0])
async def test_grades_are_offered_only_when_it_says_so(available: Any) -> None:
    idtoken = await read(changed("services", assignmentAndGrades={"available": available}))
    assert idtoken.offers_grades is False
    # Issued for the memberships alone: holding one proves nothing about grades.
    assert idtoken.reference is not None
    assert idtoken.reference.offers_grades is False


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2.0", "LTI-1p0"])
async def test_a_launch_of_lti_1_1_offers_no_grades_whatever_it_says(version: str) -> None:
    idtoken = await read(FULL | {"ltiVersion": version})
    assert (idtoken.is_lti_1_1, idtoken.offers_grades) == (True, False)


async def test_a_missing_version_is_lti_1_3_as_in_the_reference_s_example() -> None:
    idtoken = await read({name: value for name, value in FULL.items() if name != "ltiVersion"})
    assert (idtoken.is_lti_1_1, idtoken.offers_grades) == (False, True)


@pytest.mark.parametrize("document", [[], b'"x"', 5, None])
async def test_what_is_no_object_is_no_idtoken(document: Any) -> None:
    with pytest.raises(MalformedError, match="not an object"):
        await read(document)


async def test_a_page_of_html_is_no_idtoken() -> None:
    with pytest.raises(MalformedError, match="HTML"):
        await read(b"<html>")


async def test_the_reference_survives_json() -> None:
    reference = (await read(FULL)).reference
    assert reference is not None
    assert reference.key == ("Y9LENU9n911EMxp9QSrE", "2", "4")
    assert reference == ServiceReference(
        service_key=SERVICE_KEY,
        platform_id="Y9LENU9n911EMxp9QSrE",
        context_id="2",
        resource_link_id="4",
        line_item=ITEM,
        scope={Scope.SCORE},
    )
    assert ServiceReference.from_dict(json.loads(json.dumps(reference.to_dict()))) == reference
    assert SERVICE_KEY not in repr(reference)


async def test_without_a_service_key_there_is_nothing_to_store() -> None:
    assert (await read(changed("services", serviceKey=None))).reference is None


def test_a_reference_of_a_later_version_can_be_read() -> None:
    assert ServiceReference.from_dict({"service_key": SERVICE_KEY, "added": 1}) == ServiceReference(
        service_key=SERVICE_KEY
    )


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"service_key": None},
        {"service_key": SERVICE_KEY, "scope": "lineitem"},
        {"service_key": SERVICE_KEY, "scope": [5]},
        {"service_key": SERVICE_KEY, "line_item": 5},
        {"service_key": SERVICE_KEY, "offers_grades": "yes"},
        SERVICE_KEY,
        None,
    ],
)
def test_what_is_no_reference_is_a_type_error(stored: Any) -> None:
    with pytest.raises(TypeError):
        ServiceReference.from_dict(stored)
