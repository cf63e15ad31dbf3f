"""
One result that cannot be read costs no other, and is not taken for no grade in silence.
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags import LostAnswerError, MalformedError, Result, Score, Unreadable, join_results
from tests.fakes import HOST, ITEM, PaperPlatform, answer
from tests.ltiaas import paper

ADA = {"userId": "ada", "resultScore": 8, "resultMaximum": 10}
NOBODY = {"resultScore": 5, "comment": "Gut gemacht"}


@pytest.mark.parametrize("odd", [{"resultScore": "A+"}, {"resultScore": "5,5"}, {"resultScore": "-"}, {"comment": []}])
async def test_a_field_that_cannot_be_read_costs_no_result(odd: dict[str, Any]) -> None:
    platform = PaperPlatform([answer(200, [{"userId": "bo", "resultMaximum": 10} | odd, ADA])])
    bo, ada = [result async for result in platform.gradebook().results()]
    assert bo == Result(user_id="bo", result_maximum=10, extensions=odd)
    assert ada.fraction == 0.8


async def test_a_result_of_nobody_costs_no_other_where_the_caller_says_so() -> None:
    script = lambda: [answer(200, [ADA, NOBODY, {"userId": "bo"}])]  # noqa: E731
    seen: list[Unreadable] = []
    listed = PaperPlatform(script()).gradebook().results(on_unreadable=seen.append)
    assert [result.user_id async for result in listed] == ["ada", "bo"]
    [unreadable] = seen
    assert unreadable.raw == NOBODY
    assert "record 1: the result has no userId" in str(unreadable.error)
    assert "Gut" not in repr(unreadable) + str(unreadable.error) + unreadable.error.body
    with pytest.raises(MalformedError, match="record 1: the result has no userId"):
        _ = [result async for result in PaperPlatform(script()).gradebook().results()]


async def test_behind_the_gateway_it_is_the_same() -> None:
    seen: list[Unreadable] = []
    _, gradebook = paper.gradebook_on_paper(paper.page("scores", NOBODY, ADA | {"resultScore": "A+"}))
    assert [r.extensions async for r in gradebook.results(on_unreadable=seen.append)] == [{"resultScore": "A+"}]
    assert [unreadable.raw for unreadable in seen] == [NOBODY]


async def test_a_join_has_everybody_else() -> None:
    seen: list[Unreadable] = []
    results = PaperPlatform([answer(200, [NOBODY, ADA])]).gradebook().results(on_unreadable=seen.append)
    rows = {row.user_id: row.result is not None async for row in join_results(["ada", "bo"], results)}
    assert (rows, len(seen)) == ({"ada": True, "bo": False}, 1)


async def test_one_user_is_read_among_odd_ones() -> None:
    gradebook = PaperPlatform([answer(200, [NOBODY, None, ADA])]).gradebook()
    assert (await gradebook.get_result("ada")) == Result(user_id="ada", result_score=8, result_maximum=10)
    # A platform that lists everybody: what cannot be read is somebody's.
    assert await PaperPlatform([answer(200, [NOBODY, ADA])]).gradebook().get_result("bo") is None


async def test_where_only_what_cannot_be_read_is_shown_it_may_be_this_users() -> None:
    with pytest.raises(MalformedError, match="record 0: the result has no userId"):
        await PaperPlatform([answer(200, [NOBODY])]).gradebook().get_result("bo")


async def test_a_lost_score_is_found_among_odd_results() -> None:
    lost = LostAnswerError("the connection broke", recorded=None, transient=True)
    platform = PaperPlatform([lost, answer(200, [NOBODY, {"userId": "cy", "resultScore": "A+"}, ADA])])
    score = Score.graded(
        "ada",
        8,
        score_maximum=10,
        comment=None,
        extensions={"https://canvas.instructure.com/lti/submission": {"new_submission": True}},
    )
    delivery = await platform.gradebook().post_score(score, confirm=True)
    assert delivery.recorded


async def test_an_odd_score_settles_nothing() -> None:
    lost = LostAnswerError("the connection broke", recorded=None, transient=True)
    platform = PaperPlatform([lost, answer(200, [{"userId": "ada", "resultScore": "A+"}])])
    score = Score.graded("ada", 8, score_maximum=10, comment="Well done")
    with pytest.raises(LostAnswerError) as caught:
        await platform.gradebook().post_score(score, confirm=True)
    assert caught.value.recorded is None


async def test_looks_of_a_batch_read_past_odd_results() -> None:
    def lost(_: object) -> Any:
        raise LostAnswerError("the connection broke", recorded=None, transient=True)

    def results(request: Any) -> Any:
        return answer(
            200,
            [NOBODY, *({"userId": f"u{n}", "resultScore": 8, "resultMaximum": 10, "comment": "x"} for n in range(4))],
        )

    class Lossy(PaperPlatform):
        async def send(self, request: Any) -> Any:
            if "/token" not in request.url:
                self.script = [lost if request.method == "POST" else results]
            return await super().send(request)

    scores = [Score.graded(f"u{n}", 8, score_maximum=10, comment="x") for n in range(4)]
    report = await Lossy().gradebook().post_scores(scores, confirm=True)
    assert report.recorded == 4


async def test_the_item_of_a_result_may_be_relative() -> None:
    own = ITEM.removeprefix(HOST)
    platform = PaperPlatform([answer(200, [ADA | {"scoreOf": own, "id": "/r/1"}])])
    [result] = [result async for result in platform.gradebook().results()]
    assert (result.score_of, result.id) == (ITEM, f"{HOST}/r/1")
