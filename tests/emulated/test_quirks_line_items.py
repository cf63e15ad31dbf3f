"""
The quirks of line items (rows L), each met on the platform that has it.
"""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from aioags import CoupledLineItemError, ForbiddenError, LineItem, NotOfferedError, RefusedError, Score
from aioags.emulator import Fault
from tests.rigs.lms import lms, sent

pytestmark = pytest.mark.usefixtures("every_transport")

NEW = {"label": "Quiz 1", "score_maximum": 10, "resource_id": "quiz-1", "tag": "grade"}


async def test_l1_sakai_answers_a_creation_with_200() -> None:
    async with lms("sakai") as stand:
        item = await stand.gradebook.create_line_item(LineItem(**NEW))
        answer = stand.seen("create_line_item")[0].answer
        assert answer is not None and answer.status == 200
        assert item.id is not None


@pytest.mark.parametrize("profile", ["moodle", "sakai"])
async def test_l2_an_echo_is_no_proof_and_reading_again_tells(profile: str) -> None:
    async with lms(profile) as stand:
        start = datetime(2026, 9, 1, tzinfo=UTC)
        echoed = await stand.gradebook.create_line_item(LineItem("Quiz", 10, resource_id="q", start_date_time=start))
        stored = await stand.gradebook.get_line_item(echoed)
        assert echoed.start_date_time == start
        if profile == "moodle":
            assert stored.start_date_time is None


async def test_l3_moodle_keeps_the_link_of_an_item_that_was_read_first() -> None:
    async with lms("moodle") as stand:
        item = await stand.gradebook.get_line_item()
        updated = await stand.gradebook.update_line_item(attrs.evolve(item, tag="final", resource_id="r"))
        again = await stand.gradebook.get_line_item(updated)
        assert (again.resource_link_id, again.tag, again.resource_id) == (item.resource_link_id, "final", "r")
        assert again.resource_link_id is not None


@pytest.mark.parametrize("profile", ["blackboard", "schoology"])
async def test_l4_an_id_in_the_body_is_refused_so_none_is_sent(profile: str) -> None:
    async with lms(profile) as stand:
        item = await stand.gradebook.create_line_item(LineItem(**NEW))
        await stand.gradebook.update_line_item(attrs.evolve(item, label="Quiz one"))
        for exchange in (*stand.seen("create_line_item"), *stand.seen("update_line_item")):
            assert "id" not in sent(exchange)


async def test_l4_moodles_second_name_of_the_link_is_not_sent_back() -> None:
    async with lms("moodle") as stand:
        item = await stand.gradebook.get_line_item()
        assert "ltiLinkId" in item.extensions
        await stand.gradebook.update_line_item(attrs.evolve(item, label="Renamed"))
        assert "ltiLinkId" not in sent(stand.seen("update_line_item")[0])


@pytest.mark.parametrize("profile", ["openedx", "blackboard"])
async def test_l5_a_whole_maximum_goes_out_as_an_integer(profile: str) -> None:
    async with lms(profile) as stand:
        item = await stand.gradebook.create_line_item(LineItem("Quiz", 60.0, resource_id="q"))
        assert item.score_maximum == 60
        assert b'"scoreMaximum":60,' in (stand.seen("create_line_item")[0].request.body or b"")


async def test_l6_resource_ids_and_tags_are_strings() -> None:
    with pytest.raises(TypeError, match="resource_id"):
        LineItem("Quiz", 10, resource_id=7)  # type: ignore[arg-type]
    async with lms("spec") as stand:
        assert stand.platform.profile.strict_strings
        await stand.gradebook.create_line_item(LineItem("Quiz", 10, resource_id="7", tag="8"))


async def test_l7_sakai_overwrites_by_label_so_items_are_found_by_resource_id_and_tag() -> None:
    async with lms("sakai") as stand:
        made = await stand.gradebook.find_or_create_line_item(**NEW)
        found = await stand.gradebook.find_or_create_line_item(**{**NEW, "label": "Renamed by a teacher"})
        assert found.id == made.id and found.label == made.label
        assert len(stand.seen("create_line_item")) == 1


@pytest.mark.parametrize("profile, status", [("sakai", 200), ("moodle", 204), ("spec", 204)])
async def test_l8_any_success_deletes(profile: str, status: int) -> None:
    async with lms(profile) as stand:
        item = await stand.gradebook.create_line_item(LineItem(**NEW))
        await stand.gradebook.delete_line_item(item)
        answer = stand.seen("delete_line_item")[0].answer
        assert answer is not None and answer.status == status


async def test_l8_open_edx_never_deletes() -> None:
    async with lms("openedx") as stand:
        item = await stand.gradebook.create_line_item(LineItem(**NEW))
        with pytest.raises(ForbiddenError) as caught:
            await stand.gradebook.delete_line_item(item)
        assert caught.value.recorded is False


async def test_l8_moodle_deletes_the_activitys_own_item_with_its_grades_so_it_takes_force() -> None:
    async with lms("moodle") as stand:
        with pytest.raises(CoupledLineItemError):
            await stand.gradebook.delete_line_item(None)
        assert len(stand.platform.line_items()) == 1
        await stand.gradebook.delete_line_item(None, force=True)
        assert stand.platform.line_items() == []


async def test_l9_a_link_may_have_no_item() -> None:
    async with lms("brightspace", coupled_line_item=False) as stand:
        assert stand.endpoint.lineitem is None
        with pytest.raises(NotOfferedError, match="line_item="):
            await stand.gradebook.post_score(Score.graded("u", 1, score_maximum=1))
        item = await stand.gradebook.find_or_create_line_item(**NEW)
        await stand.gradebook.post_score(Score.graded(stand.platform.users()[0], 1, score_maximum=1), line_item=item)


async def test_l9_moodle_names_no_item_for_a_link_with_several() -> None:
    async with lms("moodle") as stand:
        bound = await stand.gradebook.get_line_item()
        await stand.gradebook.create_line_item(LineItem("Second", 10, resource_link_id=bound.resource_link_id))
        assert "lineitem" not in stand.platform.endpoint_claim()


@pytest.mark.parametrize("profile", ["canvas", "moodle", "spec"])
async def test_l10_a_foreign_link_is_refused_whatever_the_status(profile: str) -> None:
    async with lms(profile) as stand:
        with pytest.raises(RefusedError) as caught:
            await stand.gradebook.create_line_item(LineItem("Quiz", 10, resource_link_id="99999"))
        assert (caught.value.recorded, caught.value.transient) == (False, False)


@pytest.mark.parametrize(
    "body",
    [
        b'[{"id":"%s","label":"A","scoreMaximum":10,"resourceId":null,"tag":""}]',
        b'[{"id":"%s","label":"A","scoreMaximum":10.0,"resourceId":" ","ltiLinkId":"1","submissionReview":{}}]',
        b'[{"id":"%s","label":"A","scoreMaximum":"10","startDateTime":"","endDateTime":null,"gradesReleased":null}]',
    ],
)
async def test_l11_null_blank_absent_and_extra_fields(body: bytes) -> None:
    async with lms("moodle") as stand:
        stand.platform.faults.add(Fault.answer(200, body=body % stand.item.encode(), operation="list_line_items"))
        item = await anext(stand.gradebook.line_items())
        assert (item.score_maximum, item.resource_id, item.tag, item.start_date_time) == (10, None, None, None)


async def test_l12_an_item_that_is_found_keeps_its_maximum_and_so_its_grades() -> None:
    async with lms("moodle") as stand:
        made = await stand.gradebook.find_or_create_line_item(**NEW)
        user = stand.platform.users()[0]
        await stand.gradebook.post_score(Score.graded(user, 5, score_maximum=10), line_item=made)
        found = await stand.gradebook.find_or_create_line_item(**{**NEW, "score_maximum": 20})
        assert found.score_maximum == 10
        assert not stand.seen("update_line_item")


async def test_l13_only_the_tools_own_items_are_seen() -> None:
    async with lms("canvas") as stand:
        other = stand.platform.add_tool("10000000000099")
        stand.platform.add_line_item("Another tool's", 10, tool=other)
        assert "Another tool's" not in [item.label async for item in stand.gradebook.line_items()]


async def test_brightspace_hides_a_coupled_item_that_is_deleted_and_keeps_its_grades() -> None:
    async with lms("brightspace") as stand:
        user = stand.platform.users()[0]
        await stand.gradebook.post_score(Score.graded(user, 8, score_maximum=10))
        with pytest.raises(CoupledLineItemError):
            await stand.gradebook.delete_line_item(stand.item)
        await stand.gradebook.delete_line_item(stand.item, force=True)
        assert [item async for item in stand.gradebook.line_items()] == []
        (hidden,) = stand.platform.course.orphans
        assert stand.platform.grade(hidden, user).points == 80
