"""
What `Gradebook` promises about results, with either back end in front of every platform (AGS 3.3).
"""

from __future__ import annotations

from aioags import Score, join_results
from tests.contract.bench import Bench, answered


async def grade_all(bench: Bench) -> dict[str, float]:
    """
    Grade everybody, each otherwise, and return the shares.
    """
    points = {user: place + 1 for place, user in enumerate(bench.users)}
    scores = [Score.graded(user, given, score_maximum=10) for user, given in points.items()]
    report = await bench.gradebook.post_scores(scores, line_item=bench.item)
    assert report.ok
    return {user: given / 10 for user, given in points.items()}


async def test_everybodys_result_is_there(bench: Bench) -> None:
    wanted = await grade_all(bench)
    read = {result.user_id: result.fraction async for result in bench.gradebook.results(line_item=bench.item)}
    assert read == wanted


async def test_every_page_is_read(bench: Bench) -> None:
    wanted = await grade_all(bench)
    read = {result.user_id async for result in bench.gradebook.results(line_item=bench.item, limit=2)}
    assert read == set(wanted)


async def test_one_users_result_is_that_users(bench: Bench) -> None:
    wanted = await grade_all(bench)
    for user, share in wanted.items():
        read = [result async for result in bench.gradebook.results(line_item=bench.item, user_id=user)]
        assert [(result.user_id, result.fraction) for result in read] == [(user, share)]


async def test_who_was_not_graded_has_no_result_or_one_without_a_score(bench: Bench) -> None:
    result = await bench.gradebook.get_result(bench.users[0], line_item=bench.item)
    assert result is None or result.result_score is None


async def test_results_join_a_roster_and_gaps_show(bench: Bench) -> None:
    await bench.gradebook.post_score(Score.graded(bench.users[0], 8, score_maximum=10), line_item=bench.item)
    results = bench.gradebook.results(line_item=bench.item)
    shares = {row.user_id: row.result and row.result.fraction async for row in join_results(bench.users, results)}
    assert shares == {bench.users[0]: 0.8} | dict.fromkeys(bench.users[1:])


async def test_reading_is_tried_again_after_a_failure(bench: Bench) -> None:
    await bench.gradebook.post_score(Score.graded(bench.users[0], 8, score_maximum=10), line_item=bench.item)
    bench.befall(lambda request: request.method == "GET", answered(502))
    result = await bench.gradebook.get_result(bench.users[0], line_item=bench.item)
    assert result is not None
    assert result.fraction == 0.8
