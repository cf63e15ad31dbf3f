"""
A filter leaves out nobody for the way in which the platform writes, and never everybody without a word.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest

from aioags import Member, NoticeEvent
from aioags.memberships import Memberships
from aioags.model.member import has_role
from tests.fakes import CONTAINER, HOST, ITEM, PaperPlatform, answer, endpoint, item_record, registration
from tests.ltiaas import paper
from tests.rigs.listening import keeping

LIS = "http://purl.imsglobal.org/vocab/lis/v2"
COURSE = Memberships(registration(), f"{HOST}/members?course=2")


@pytest.mark.parametrize("wanted", ["Learner", "learner", f"{LIS}/membership#Learner", "urn:lti:role:ims/lis/Learner"])
@pytest.mark.parametrize(
    "given",
    [
        "Learner",
        "LEARNER",
        "learner",
        " Learner ",
        "urn:lti:role:ims/lis/Learner",
        "URN:LTI:role:ims/lis/learner",
        "urn:lti:role:ims/lis/Learner/GuestLearner",
        f"{LIS}/membership#Learner",
        f"{LIS}/membership#learner",
        f"{LIS.replace('http', 'https')}/membership#Learner",
        f"{LIS}/membership/Learner#GuestLearner",
        f"{LIS}/membership/learner#guestlearner",
    ],
)
def test_a_learner_is_one_however_it_is_written(wanted: str, given: str) -> None:
    assert has_role(["x", given], wanted)


@pytest.mark.parametrize(
    "given",
    [
        f"{LIS}/institution/person#Learner",
        f"{LIS}/system/person#User",
        "urn:lti:instrole:ims/lis/Learner",
        "urn:lti:sysrole:ims/lis/User",
        "urn:acme:Learner",
        "Instructor",
        "NonLearner",
        "",
    ],
)
def test_and_nobody_else_is(given: str) -> None:
    assert not has_role([given], "Learner")


@pytest.mark.parametrize(
    "given",
    [
        f"{LIS}/membership/Instructor#TeachingAssistant",
        "urn:lti:role:ims/lis/TeachingAssistant",
        "urn:lti:role:ims/lis/Instructor/TeachingAssistant",
        "teachingassistant",
    ],
)
def test_a_teaching_assistant_is_an_instructor(given: str) -> None:
    assert has_role([given], "Instructor")
    assert has_role([given], f"{LIS}/membership/Instructor#TeachingAssistant")
    assert not has_role(["Instructor"], f"{LIS}/membership/Instructor#TeachingAssistant")


def test_a_role_of_the_vendors_is_itself() -> None:
    assert has_role(["urn:acme:Tutor"], "urn:acme:tutor")
    assert not has_role(["urn:acme:Tutor"], "Tutor")


async def test_a_class_is_not_empty_for_how_its_roles_are_written() -> None:
    records = [
        {"user_id": str(n), "roles": [role]}
        for n, role in enumerate(("LEARNER", "urn:lti:role:ims/lis/Learner", f"{LIS}/membership#learner", "Instructor"))
    ]
    platform = PaperPlatform([answer(200, {"members": records})])
    members = [member.user_id async for member in platform.client().memberships(COURSE, role="LEARNER")]
    assert members == ["0", "1", "2"]
    # Canvas takes a full URI only, and in the standard's spelling.
    assert platform.sent[0].url.endswith(
        "role=http%3A%2F%2Fpurl.imsglobal.org%2Fvocab%2Flis%2Fv2%2Fmembership%23Learner"
    )


async def roster(platform: PaperPlatform, events: list[NoticeEvent], **wanted: Any) -> list[Member]:
    """
    List the members, and keep what is told.
    """
    client = platform.client(on_event=keeping(events, NoticeEvent))
    return [member async for member in client.memberships(COURSE, **wanted)]


async def test_where_the_platform_picked_by_another_name_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    records = [{"user_id": "ada", "roles": ["Student", "Bachelor"]}, {"user_id": "bo", "roles": ["Student"]}]
    events: list[NoticeEvent] = []
    with caplog.at_level(logging.INFO, "aioags"):
        assert await roster(PaperPlatform([answer(200, {"members": records})]), events, role="Learner") == []
    [told] = events
    assert told.operation == "members"
    assert "admits none of 2 listed" in told.reason
    assert "admits none of 2 listed" in caplog.text
    assert "ada" not in caplog.text + repr(told)


@pytest.mark.parametrize(
    "records",
    [
        [],
        # Not alike: whoever filters by a role does not list these.
        [{"user_id": "ada", "roles": ["Student"]}, {"user_id": "bo", "roles": ["Instructor"]}],
        [{"user_id": "ada", "roles": ["Student"]}, {"user_id": "bo", "roles": ["Learner"]}],
    ],
    ids=["nobody", "everybody", "one that has it"],
)
async def test_where_it_did_not_nothing_is_said(records: list[dict[str, Any]]) -> None:
    events: list[NoticeEvent] = []
    await roster(PaperPlatform([answer(200, {"members": records})]), events, role="Learner")
    assert events == []


async def test_one_person_once_where_the_next_page_forgets_the_role() -> None:
    learners = [{"user_id": f"u{n}", "roles": ["Learner"]} for n in range(5)]
    everybody = [{"user_id": "teacher", "roles": ["Instructor"]}, *learners]
    # Moodle: the offset counts everybody, the first page only those with the role.
    first = answer(200, {"members": learners[:3]}, ("Link", '<?from=3>; rel="next"'))
    platform = PaperPlatform([first, answer(200, {"members": everybody[3:]})])
    assert [m.user_id for m in await roster(platform, [], role="Learner", limit=3)] == ["u0", "u1", "u2", "u3", "u4"]


async def test_one_person_once_where_pages_overlap_behind_the_gateway() -> None:
    pages = [paper.page("members", {"userId": "a"}, {"userId": "b"}, next=f"{HOST}/members?page=2")]
    _, account = paper.on_paper(*pages, paper.page("members", {"userId": "b"}, {"userId": "c"}))
    assert [m.user_id async for m in account.memberships(ltik=paper.LTIK, limit=2)] == ["a", "b", "c"]


async def test_one_result_and_one_item_once() -> None:
    link = ("Link", '<?page=2>; rel="next"')
    rows = [{"userId": user, "resultScore": 1} for user in ("ada", "bo", "cy")]
    gradebook = PaperPlatform([answer(200, rows[:2], link), answer(200, rows[1:])]).gradebook()
    assert [result.user_id async for result in gradebook.results()] == ["ada", "bo", "cy"]
    gradebook = PaperPlatform([answer(200, rows[:1], link), answer(200, rows)]).gradebook()
    assert [result.user_id async for result in gradebook.results(user_id="ada")] == ["ada"]
    items = [item_record(id=f"{HOST}/li/{n}", tag=tag) for n, tag in enumerate(("grade", "grade", "other"))]
    gradebook = PaperPlatform([answer(200, items[:1], link), answer(200, items)]).gradebook()
    assert [item.id async for item in gradebook.line_items(tag="grade")] == [f"{HOST}/li/0", f"{HOST}/li/1"]


async def test_items_and_results_that_were_chosen_and_do_not_say_by_what_are_told() -> None:
    events: list[NoticeEvent] = []
    blank = [item_record(id=f"{HOST}/li/{n}", tag=None) for n in range(2)]
    platform = PaperPlatform([answer(200, blank), answer(200, [{"userId": "ADA"}])])
    gradebook = platform.client(on_event=keeping(events, NoticeEvent)).gradebook(registration(), endpoint())
    assert [item async for item in gradebook.line_items(tag="grade")] == []
    assert [result async for result in gradebook.results(user_id="ada")] == []
    assert [event.operation for event in events] == ["line_items", "results"]
    assert events[0].url == f"{CONTAINER}&tag=grade"
    assert "ada" not in repr(events).lower()


async def test_a_platform_that_ignores_the_filter_is_no_news() -> None:
    events: list[NoticeEvent] = []
    others = [item_record(id=f"{HOST}/li/{n}", tag=tag) for n, tag in enumerate(("a", "b"))]
    platform = PaperPlatform([answer(200, others), answer(200, [{"userId": "bo"}, {"userId": "cy"}])])
    gradebook = platform.client(on_event=keeping(events, NoticeEvent)).gradebook(registration(), endpoint())
    assert [item async for item in gradebook.line_items(tag="grade")] == []
    assert await gradebook.get_result("ada") is None
    assert events == []


RECORDS: dict[str, list[Any]] = {
    "line_items": [item_record(id=f"{HOST}/li/{n}") for n in range(5)],
    "results": [{"userId": f"u{n}"} for n in range(5)],
    "members": [{"user_id": f"u{n}"} for n in range(5)],
}


@pytest.mark.parametrize("what", sorted(RECORDS))
@pytest.mark.parametrize("link", [(), (("Link", f'<{HOST}/x>; rel="last"'),)], ids=["no link", "the last page"])
async def test_a_limit_ends_no_listing(what: str, link: tuple[tuple[str, str], ...]) -> None:
    def respond(request: Any) -> Any:
        found = RECORDS[what][:3] if "limit=3" in request.url else RECORDS[what]
        return answer(200, {"members": found} if what == "members" else found, *link)

    platform = PaperPlatform([respond] * 2)
    client = platform.client()
    gradebook = client.gradebook(registration(), endpoint())
    listings: dict[str, Any] = {
        "line_items": gradebook.line_items(limit=3),
        "results": gradebook.results(line_item=ITEM, limit=3),
        "members": client.memberships(COURSE, limit=3),
    }
    found = [record async for record in listings[what]]
    # A platform that links pages says where the last one is.
    assert (len(found), len(platform.sent)) == ((3, 1) if link else (5, 2))


@pytest.mark.parametrize("size", [2, 4])
async def test_a_page_that_is_not_just_full_is_the_last(size: int) -> None:
    platform = PaperPlatform([answer(200, RECORDS["results"][:size])])
    assert len([result async for result in platform.gradebook().results(limit=3)]) == size


async def test_what_cannot_be_read_of_a_page_that_was_cut_is_told_once() -> None:
    seen: list[Any] = []
    platform = PaperPlatform([answer(200, [{"userId": "a"}, 7]), answer(200, [{"userId": "a"}, 7, {"userId": "b"}])])
    listed = platform.gradebook().results(limit=2, on_unreadable=seen.append)
    assert [result.user_id async for result in listed] == ["a", "b"]
    assert [unreadable.raw for unreadable in seen] == [7]
