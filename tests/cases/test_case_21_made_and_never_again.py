"""
Case 21: 201 for a new line item, without all of its fields, by a platform whose list lags: it is made once.
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags import AGSError, Gradebook, LineItem
from aioags.protocol.messages import Request, Response
from tests.fakes import HOST, PaperPlatform, answer

MADE = f"{HOST}/2/lineitems/9/lineitem"


class Lagging(PaperPlatform):
    """
    It makes a line item for each POST, says so little of it, and lists none.
    """

    said: Any = None

    async def send(self, request: Request) -> Response:
        self.script = [answer(201, self.said) if request.method == "POST" else answer(200, [])]
        return await super().send(request)


async def failure(gradebook: Gradebook, way: str) -> AGSError | None:
    """
    Return what is raised. None: the line item that was made came back.
    """
    try:
        if way == "create":
            item = await gradebook.create_line_item(LineItem("Quiz", 10, resource_id="quiz"))
        else:
            item = await gradebook.find_or_create_line_item(label="Quiz", score_maximum=10, resource_id="quiz")
    except AGSError as error:
        return error
    return None if item.id == MADE else AGSError("it is another one")


@pytest.mark.parametrize("said", [{"id": MADE, "label": "Quiz"}, {"label": "Quiz"}, {}, "", "<html>"])
@pytest.mark.parametrize("way", ["create", "find"])
async def test_one_post_and_no_second_column(said: Any, way: str) -> None:
    platform = Lagging()
    platform.said = said
    error = await failure(platform.gradebook(), way)
    assert error is None or error.recorded is True
    assert [request.method for request in platform.sent].count("POST") == 1
