"""
The quirks of URLs, content negotiation, paging and results (rows U, P and R), each met on the platform that has it.
"""

from __future__ import annotations

from itertools import pairwise
from urllib.parse import urlsplit

import attrs
import pytest

from aioags import LineItem, MalformedError, Score, UntrustedURLError
from aioags.emulator import PROFILES, Fault
from tests.rigs.lms import Lms, header_of, lms
from tests.rigs.memory import grades

pytestmark = pytest.mark.usefixtures("every_transport")


def add_items(stand: Lms, count: int, **fields: object) -> None:
    for number in range(count):
        stand.platform.add_line_item(f"Quiz {number}", 10, **fields)  # type: ignore[arg-type]


async def labels(stand: Lms, **filters: object) -> list[str]:
    return [item.label async for item in stand.gradebook.line_items(**filters)]  # type: ignore[arg-type]


async def test_u1_moodle_keeps_a_query_in_its_urls() -> None:
    async with lms("moodle") as stand:
        await stand.gradebook.post_score(grades(stand.platform.users())[0])
        target = urlsplit(stand.seen("post_score")[0].request.url)
        assert target.path.endswith("/lineitem/scores")
        assert target.query.startswith("type_id=")


async def test_u2_sakai_escapes_and_colons_stay_as_written() -> None:
    async with lms("sakai") as stand:
        await stand.gradebook.get_line_item()
        assert ":::" in stand.item and "%3A" in stand.item
        assert stand.seen("get_line_item")[0].request.url == stand.item


async def test_u3_moodle_wants_one_exact_media_type() -> None:
    async with lms("moodle") as stand:
        assert await labels(stand) == ["Quiz one"]
        accept = header_of(stand.seen("list_line_items")[0], "Accept")
        assert accept == "application/vnd.ims.lis.v2.lineitemcontainer+json"


@pytest.mark.parametrize("profile", ["openedx", "schoology", "moodle", "spec"])
async def test_u4_exact_types_both_ways(profile: str) -> None:
    async with lms(profile) as stand:
        item = await stand.gradebook.create_line_item(LineItem("Quiz", 10, resource_id="q"))
        await stand.gradebook.update_line_item(attrs.evolve(item, label="Quiz again"))
        await stand.gradebook.post_score(grades(stand.platform.users())[0], line_item=item)
        for exchange in (*stand.seen("create_line_item"), *stand.seen("update_line_item")):
            assert header_of(exchange, "Content-Type") == "application/vnd.ims.lis.v2.lineitem+json"
        assert header_of(stand.seen("post_score")[0], "Content-Type") == "application/vnd.ims.lis.v1.score+json"


async def test_u5_sakai_sends_results_as_plain_json() -> None:
    async with lms("sakai") as stand:
        results = [result async for result in stand.gradebook.results()]
        answer = stand.seen("results")[0].answer
        assert answer is not None and str(answer.header("Content-Type")).startswith("application/json")
        assert len(results) >= len(stand.platform.users())


async def test_u6_sakai_knows_the_link_filter_by_another_name() -> None:
    async with lms("sakai") as stand:
        await stand.gradebook.create_line_item(LineItem("Unbound", 10, resource_id="q"))
        bound = await stand.gradebook.get_line_item()
        assert bound.resource_link_id is not None
        assert await labels(stand, resource_link_id=bound.resource_link_id) == [bound.label]
        answer = stand.seen("list_line_items")[0].answer
        assert answer is not None and len(answer.json()) == 2, "the platform did not filter"


async def test_p1_p2_p3_moodle_quotes_its_links_in_curls_and_escapes_them() -> None:
    async with lms("moodle") as stand:
        add_items(stand, 6)
        assert await labels(stand, limit=2) == await labels(stand)
        answer = stand.seen("list_line_items")[0].answer
        assert answer is not None
        link = str(answer.header("Link"))
        assert "“next”" in link and "&amp;" in link


async def test_p3_a_listing_that_leads_back_is_an_error_and_no_end() -> None:
    async with lms("spec") as stand:
        link = f'<{stand.endpoint.lineitems}>; rel="next"'
        stand.platform.faults.add(Fault.answer(200, body=b"[]", headers=(("Link", link),), operation="list_line_items"))
        with pytest.raises(MalformedError, match="does not end"):
            await labels(stand)


@pytest.mark.parametrize("profile", ["moodle", "canvas"])
async def test_p4_pages_are_followed_as_linked_and_never_made(profile: str) -> None:
    async with lms(profile) as stand:
        add_items(stand, 6)
        assert len(await labels(stand, limit=3)) == 7
        listed = stand.seen("list_line_items")
        for before, after in pairwise(listed):
            assert before.answer is not None
            assert after.request.url in str(before.answer.header("Link")).replace("&amp;", "&")


@pytest.mark.parametrize("profile, count, pages", [("canvas", 25, 3), ("brightspace", 450, 3)])
async def test_p5_pages_come_unasked(profile: str, count: int, pages: int) -> None:
    async with lms(profile) as stand:
        add_items(stand, count)
        assert len(set(await labels(stand))) >= count
        assert len(stand.seen("list_line_items")) == pages


async def test_p6_open_edx_cuts_at_the_limit_so_none_is_sent_unasked() -> None:
    async with lms("openedx", users=20) as stand:
        await stand.gradebook.post_scores(grades(stand.platform.users()))
        assert len([result async for result in stand.gradebook.results()]) == 20
        assert "limit" not in stand.seen("results")[0].request.url
        # Asked for, it cuts, and no header tells: a page that is just full is asked for once more, whole.
        assert len({result.user_id async for result in stand.gradebook.results(limit=5)}) == 20
        assert [request.request.url.partition("?")[2] for request in stand.seen("results")] == ["", "limit=5", ""]


async def test_p7_moodle_fails_on_results_with_a_limit_and_is_asked_without() -> None:
    async with lms("moodle", users=8) as stand:
        await stand.gradebook.post_scores(grades(stand.platform.users()))
        assert len([result async for result in stand.gradebook.results(limit=3)]) == 8
        statuses = [exchange.answer.status for exchange in stand.seen("results") if exchange.answer]
        assert statuses == [404, 200]


@pytest.mark.parametrize("split", [True, False])
async def test_p8_canvas_sends_many_relations_with_or_without_lines_between(split: bool) -> None:
    async with lms(attrs.evolve(PROFILES["canvas"], link_split=split)) as stand:
        add_items(stand, 25)
        assert len(await labels(stand)) == 26


async def test_p9_a_next_page_that_lost_the_filter_is_filtered_here() -> None:
    profile = attrs.evolve(PROFILES["moodle"], results_limit="page")
    async with lms(profile, users=6) as stand:
        await stand.gradebook.post_scores(grades(stand.platform.users()))
        wanted = stand.platform.users()[2]
        found = [result.user_id async for result in stand.gradebook.results(user_id=wanted, limit=1)]
        assert set(found) == {wanted}


async def test_p10_a_relative_next_is_resolved() -> None:
    async with lms(attrs.evolve(PROFILES["spec"], link_relative=True, page_size=2)) as stand:
        add_items(stand, 5)
        assert len(await labels(stand)) == 6


async def test_p10_a_next_elsewhere_never_gets_the_token() -> None:
    async with lms(attrs.evolve(PROFILES["spec"], link_offsite="https://evil.example", page_size=2)) as stand:
        add_items(stand, 5)
        with pytest.raises(UntrustedURLError):
            await labels(stand)


async def test_r1_sakai_lists_everybody_also_without_a_score() -> None:
    async with lms("sakai") as stand:
        user = stand.platform.users()[0]
        await stand.gradebook.post_score(Score.graded(user, 0, score_maximum=10))
        results = {result.user_id: result async for result in stand.gradebook.results()}
        assert results[user].result_score == 0
        assert results[stand.platform.users()[1]].result_score is None


async def test_r1_moodle_leaves_out_score_of_where_nothing_is_graded() -> None:
    async with lms("moodle") as stand:
        item = await stand.gradebook.create_line_item(LineItem("Quiz", 10))
        user = stand.platform.users()[0]
        await stand.gradebook.post_score(Score.progress(user, "Started"), line_item=item)
        result = await stand.gradebook.get_result(user, line_item=item)
        assert result is not None
        assert (result.score_of, result.result_score) == (None, None)


@pytest.mark.parametrize("profile", ["openedx", "sakai"])
async def test_r2_a_user_filter_that_is_ignored_is_applied_here(profile: str) -> None:
    async with lms(profile) as stand:
        await stand.gradebook.post_scores(grades(stand.platform.users()))
        user = stand.platform.users()[3]
        result = await stand.gradebook.get_result(user)
        assert result is not None and result.user_id == user
        assert await stand.gradebook.get_result("nobody") is None


async def test_r2_blackboard_loses_the_comment_when_it_filters_by_user() -> None:
    async with lms("blackboard") as stand:
        user = stand.platform.users()[0]
        await stand.gradebook.post_score(Score.graded(user, 8, score_maximum=10, comment="well done"))
        one = await stand.gradebook.get_result(user)
        everybody = [result async for result in stand.gradebook.results() if result.user_id == user]
        assert one is not None and one.comment is None
        assert everybody[0].comment == "well done"


async def test_r3_a_bare_result_is_read_as_a_list_of_one() -> None:
    async with lms("sakai") as stand:
        user = stand.platform.users()[0]
        body = b'{"userId": "%s", "resultScore": 3, "resultMaximum": 4}' % user.encode()
        stand.platform.faults.add(Fault.answer(200, body=body, operation="results"))
        result = await stand.gradebook.get_result(user)
        assert result is not None and result.fraction == 0.75


async def test_r4_open_edx_answers_with_the_tools_own_maximum() -> None:
    async with lms("openedx") as stand:
        item = await stand.gradebook.create_line_item(LineItem("Quiz", 60, resource_id="q"))
        user = stand.platform.users()[0]
        await stand.gradebook.post_score(Score.graded(user, 1, score_maximum=4), line_item=item)
        result = await stand.gradebook.get_result(user, line_item=item)
        assert result is not None
        assert (result.result_score, result.result_maximum, result.fraction) == (1, 4, 0.25)


async def test_r5_moodle_adds_a_timestamp_that_is_kept() -> None:
    async with lms("moodle") as stand:
        user = stand.platform.users()[0]
        await stand.gradebook.post_score(Score.graded(user, 8, score_maximum=10))
        result = await stand.gradebook.get_result(user)
        assert result is not None and "timestamp" in result.extensions


async def test_n5_moodle_under_mod_php_speaks_http_1_0_and_hangs_up() -> None:
    async with lms("moodle-apache", users=5) as stand:
        report = await stand.gradebook.post_scores(grades(stand.platform.users()))
        assert report.ok
        assert len([result async for result in stand.gradebook.results()]) == 5
