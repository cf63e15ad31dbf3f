"""
The roster, and the answer to a deep linking launch.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from aioags import ForbiddenError, LineItem, MalformedError
from aioags.launch import LinkItem
from aioags.ltiaas import ServiceReference
from tests.fakes import answer, sent_json
from tests.ltiaas.paper import LTIK, SERVICE_KEY, on_paper, page

MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"
LINK = {"type": "ltiResourceLink", "url": "https://your.ltiaas.com/lti/launch"}


async def members(*records: Any, **filters: Any) -> list[Any]:
    """
    Let LTIAAS answer with records.
    """
    _, account = on_paper(page("members", *records))
    return [member async for member in account.memberships(service_key=SERVICE_KEY, **filters)]


async def test_a_member_has_the_names_of_the_standard() -> None:
    (member,) = await members(
        {
            "userId": "2",
            "roles": [f"{MEMBERSHIP}#Learner"],
            "status": "Inactive",
            "name": "Ada Lovelace",
            "givenName": "Ada",
            "familyName": "Lovelace",
            "email": "ada@lms.example",
            "picture": "https://lms.example/ada.jpg",
            "lti11LegacyUserId": "old-2",
        }
    )
    assert (member.user_id, member.roles, member.status) == ("2", (f"{MEMBERSHIP}#Learner",), "Inactive")
    assert (member.name, member.given_name, member.family_name) == ("Ada Lovelace", "Ada", "Lovelace")
    assert (member.email, member.picture) == ("ada@lms.example", "https://lms.example/ada.jpg")
    assert member.extensions == {"lti11LegacyUserId": "old-2"}


async def test_the_older_names_are_known_and_numbers_are_ids() -> None:
    (member,) = await members({"user_id": 2, "given_name": "Ada", "roles": "Learner"})
    assert (member.user_id, member.given_name, member.roles, member.status) == ("2", "Ada", ("Learner",), "Active")


async def test_roles_are_checked_here_as_well() -> None:
    learner, teacher = {"userId": "1", "roles": [f"{MEMBERSHIP}#Learner"]}, {"userId": "2", "roles": ["Instructor"]}
    assert [member.user_id for member in await members(learner, teacher, role="Learner")] == ["1"]


@pytest.mark.parametrize("record", [{"roles": []}, {"userId": None}, "x", {"userId": {}}])
async def test_a_member_that_cannot_be_read_is_an_error_that_names_it(record: Any) -> None:
    with pytest.raises(MalformedError, match="record 1"):
        await members({"userId": "1"}, record)


async def test_members_by_a_stored_reference() -> None:
    paper, account = on_paper(page("members", {"userId": "1"}))
    reference = ServiceReference(service_key=SERVICE_KEY, offers_grades=False)
    assert [member.user_id async for member in account.memberships(reference=reference)] == ["1"]
    assert dict(paper.sent[0].headers)["Authorization"].startswith("SERVICE-AUTH-V1 ")


@pytest.mark.parametrize("arguments", [{"role": ""}, {"resource_link_id": " "}, {"limit": 0}])
async def test_a_blank_filter_is_refused(arguments: Any) -> None:
    with pytest.raises(ValueError):
        await members(**arguments)


async def test_an_answer_to_a_launch_that_asked_for_none() -> None:
    _, account = on_paper(
        answer(403, {"status": 403, "error": "Forbidden", "details": {"message": "INACTIVE_SERVICE"}})
    )
    with pytest.raises(ForbiddenError, match="INACTIVE_SERVICE"):
        await account.deep_linking_form([LINK], ltik=LTIK)


@pytest.mark.parametrize("items", [LINK, ["x"], [None]])
async def test_content_items_are_mappings_in_a_list(items: Any) -> None:
    _, account = on_paper()
    with pytest.raises(TypeError):
        await account.deep_linking_form(items, ltik=LTIK)


async def test_a_content_item_has_a_type() -> None:
    _, account = on_paper()
    with pytest.raises(ValueError, match="type"):
        await account.deep_linking_message([{"url": "https://x.example"}], ltik=LTIK)


@pytest.mark.parametrize("body", [{}, {"form": ""}, {"form": 5}, []])
async def test_a_form_that_is_none_is_an_error(body: Any) -> None:
    _, account = on_paper(answer(200, body))
    with pytest.raises(MalformedError, match="no form"):
        await account.deep_linking_form([LINK], ltik=LTIK)


async def test_it_changes_no_gradebook_so_it_may_be_asked_for_again() -> None:
    paper, account = on_paper(
        answer(502), answer(200, {"message": "signed.by.ltiaas", "target": "https://lms.example"})
    )
    message = await account.deep_linking_message([LINK], ltik=LTIK)
    assert message.target == "https://lms.example"
    assert "signed" not in repr(message)
    assert sent_json(paper.sent[0]) == sent_json(paper.sent[1]) == {"contentItems": [LINK]}


async def test_a_link_item_goes_out_as_the_standard_writes_it() -> None:
    column = LineItem("Quiz 1", Decimal("12.5"), resource_id="quiz-1", tag="grade")
    item = LinkItem(title="Quiz 1", url=LINK["url"], custom={"quiz": "1"}, line_item=column)
    paper, account = on_paper(answer(200, {"form": "<form></form>"}))
    await account.deep_linking_form([item, {"type": "link", "url": "https://x.example"}], ltik=LTIK)
    assert sent_json(paper.sent[0])["contentItems"] == [
        {
            "type": "ltiResourceLink",
            "title": "Quiz 1",
            "url": LINK["url"],
            "lineItem": {"label": "Quiz 1", "scoreMaximum": 12.5, "resourceId": "quiz-1", "tag": "grade"},
            "custom": {"quiz": "1"},
        },
        {"type": "link", "url": "https://x.example"},
    ]


async def test_one_link_item_alone_is_told_to_be_put_into_a_list() -> None:
    paper, account = on_paper()
    with pytest.raises(TypeError, match="put it into a list"):
        await account.deep_linking_form(LinkItem(title="Quiz 1"), ltik=LTIK)  # type: ignore[arg-type]
    assert paper.sent == []
