"""
AGS 3.2: deleting a line item, and the guard around the one that belongs to the link.
"""

from __future__ import annotations

import pytest

from aioags import CoupledLineItemError, ForbiddenError, LineItem, NotFoundError
from aioags.protocol.messages import Response
from tests.fakes import HOST, ITEM, PaperPlatform, answer, header

OTHER = f"{HOST}/2/lineitems/8/lineitem?type_id=1"


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_3_2_delete_on_the_items_url(platform: PaperPlatform, status: int) -> None:
    platform.script = [answer(status)]
    await platform.gradebook().delete_line_item(OTHER)
    (request,) = platform.sent
    assert (request.method, request.url, request.body) == ("DELETE", OTHER, None)
    assert header(request, "Content-Type") == []


@pytest.mark.parametrize(
    "spelling",
    [
        ITEM,
        ITEM.replace("lms.example", "LMS.example"),
        ITEM.replace("lms.example", "lms.example:443"),
        ITEM.replace("https:", "HTTPS:"),
        ITEM.replace("?", "/?"),
        ITEM + "#top",
        # Moodle takes it with and without its query for the same.
        ITEM.replace("?type_id=1", ""),
        ITEM.replace("?type_id=1", "?"),
        None,
    ],
)
async def test_l8_the_coupled_item_is_guarded_whatever_its_spelling(
    platform: PaperPlatform, spelling: str | None
) -> None:
    gradebook = platform.gradebook()
    for line_item in (spelling, spelling and LineItem("Quiz 1", 10, id=spelling)):
        with pytest.raises(CoupledLineItemError, match="force=True") as caught:
            await gradebook.delete_line_item(line_item)
        assert caught.value.recorded is False
    assert platform.token_requests == []
    platform.script = [answer(204)]
    await gradebook.delete_line_item(spelling, force=True)
    # As the endpoint spells it.
    assert platform.sent[0].url == ITEM


async def test_l8_without_a_coupled_item_nothing_is_guarded(platform: PaperPlatform) -> None:
    platform.script = [answer(204)]
    await platform.gradebook(lineitem=None).delete_line_item(ITEM)


@pytest.mark.parametrize(
    "responses, kind", [([answer(404)], NotFoundError), ([answer(401), answer(401)], ForbiddenError)]
)
async def test_3_2_a_refused_deletion_is_an_error(
    platform: PaperPlatform, responses: list[Response], kind: type[Exception]
) -> None:
    platform.script = list(responses)
    with pytest.raises(kind):
        await platform.gradebook().delete_line_item(OTHER)


async def test_3_2_a_deletion_whose_answer_was_lost_is_done_when_the_item_is_gone(platform: PaperPlatform) -> None:
    platform.script = [answer(502), answer(404)]
    await platform.gradebook().delete_line_item(OTHER)
    assert [request.method for request in platform.sent] == ["DELETE", "DELETE"]
