"""
Case 15: a platform that has forgotten a token says 400, not 401, and means the token all the same (facts K7).
"""

from __future__ import annotations

import asyncio

import pytest

from aioags import AGSError, ForbiddenError, LineItem, RefusedError, Score, StaleScoreError, UserNotGradableError
from aioags.protocol.messages import Request, Response
from tests.fakes import PaperPlatform, answer, header

CHALLENGES = [
    'Bearer error="invalid_token"',
    'Bearer realm="lms", error="invalid_token", error_description="unknown"',
    "bearer error=invalid_token",
    "Bearer error = 'invalid_token'",
    'Basic realm="lms", Bearer error="invalid_token"',
]


def challenged(challenge: str, status: int = 400) -> Response:
    return answer(status, b"", ("WWW-Authenticate", challenge))


def score(user: str = "user-1") -> Score:
    return Score.graded(user, 8, score_maximum=10)


def tokens(platform: PaperPlatform) -> list[str]:
    """
    Return the token that each request went out with.
    """
    return [header(request, "Authorization")[0].removeprefix("Bearer ") for request in platform.sent]


@pytest.mark.parametrize("challenge", CHALLENGES)
@pytest.mark.parametrize("status", [400, 403, 422])
async def test_a_token_that_is_called_invalid_is_renewed_once(challenge: str, status: int) -> None:
    platform = PaperPlatform([answer(200), challenged(challenge, status), answer(200), answer(200)])
    gradebook = platform.gradebook()
    for _ in range(3):
        await gradebook.post_score(score())
    assert tokens(platform) == ["token-1", "token-1", "token-2", "token-2"]


async def test_a_plain_400_for_a_token_from_the_cache_may_mean_it() -> None:
    """
    Chamilo says so in words only: "Authorization token expired."
    """
    platform = PaperPlatform([answer(200), answer(400, {"error": "Le jeton a expiré."}), answer(200)])
    gradebook = platform.gradebook()
    await gradebook.post_score(score())
    assert (await gradebook.post_score(score())).recorded
    assert tokens(platform) == ["token-1", "token-1", "token-2"]


async def test_a_plain_400_for_a_fresh_token_means_something_else() -> None:
    platform = PaperPlatform([answer(400, {"error": "no"})])
    with pytest.raises(RefusedError):
        await platform.gradebook().post_score(score())
    assert tokens(platform) == ["token-1"]


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("words", ["Authorization token expired.", "Unknown access token", "invalid_token"])
async def test_a_fresh_token_that_is_said_to_be_over_is_renewed_once(words: str, status: int) -> None:
    """
    It was granted, and the platform started anew before it was used.
    """
    said = answer(status, {"error": words})
    platform = PaperPlatform([said, answer(200), answer(200), said, said, said])
    gradebook = platform.gradebook()
    for _ in range(2):
        assert (await gradebook.post_score(score())).recorded
    assert tokens(platform) == ["token-1", "token-2", "token-2"]
    for user in ("user-2", "user-3"):
        with pytest.raises(RefusedError):
            await gradebook.post_score(score(user))
    assert tokens(platform)[3:] == ["token-2", "token-3", "token-3"]


@pytest.mark.parametrize("second", [400, 403])
async def test_one_that_was_renewed_for_another_status_is_not_acquitted(second: int) -> None:
    """
    401 was about a person, and while the next try travelled the platform forgot that token too.
    """
    gone = answer(second, {"error": "Le jeton a expiré."})
    platform = PaperPlatform([answer(200), answer(401), gone, gone, answer(200)])
    gradebook = platform.gradebook()
    await gradebook.post_score(score())
    with pytest.raises(RefusedError):
        await gradebook.post_score(score("user-2"))
    assert (await gradebook.post_score(score("user-3"))).recorded
    assert tokens(platform) == ["token-1", "token-1", "token-2", "token-2", "token-3"]


@pytest.mark.parametrize("refused", [challenged(CHALLENGES[0]), answer(400, {"error": "no"})], ids=["told", "plain"])
async def test_never_twice_and_not_for_every_score(refused: Response) -> None:
    """
    Where another token does not help it is not to blame, and the next scores do not ask for more.
    """
    platform = PaperPlatform([answer(200), *[refused] * 60])
    gradebook = platform.gradebook()
    await gradebook.post_score(score())
    for number in range(50):
        with pytest.raises(RefusedError):
            await gradebook.post_score(score(f"user-{number}"))
    assert tokens(platform)[:4] == ["token-1", "token-1", "token-2", "token-2"]
    assert len(platform.token_requests) == 2
    assert len(platform.sent) == 1 + 50 + 1


async def test_one_that_is_forgotten_again_after_a_minute_is_renewed_again() -> None:
    """
    A call that waits out an outage may meet it twice.
    """
    gone, later = answer(400, {"error": "no"}), answer(503, b"", ("Retry-After", "70"))
    platform = PaperPlatform([answer(200), gone, later, gone, answer(200)])
    gradebook = platform.gradebook()
    await gradebook.post_score(score())
    assert (await gradebook.post_score(score())).recorded
    assert tokens(platform) == ["token-1", "token-1", "token-2", "token-2", "token-3"]


async def test_one_that_served_since_it_was_renewed_is_not_acquitted() -> None:
    """
    A call that renewed it is refused later, with the same token: that may have been forgotten, and the next call asks.
    """
    gone, later = answer(400, {"error": "no"}), answer(503, b"", ("Retry-After", "20"))
    platform = PaperPlatform([answer(200), gone, later, gone, gone, answer(200)])
    gradebook = platform.gradebook()
    await gradebook.post_score(score())
    with pytest.raises(RefusedError):
        await gradebook.post_score(score())
    assert (await gradebook.post_score(score("user-2"))).recorded
    assert tokens(platform) == ["token-1", "token-1", "token-2", "token-2", "token-2", "token-3"]


async def test_what_is_called_invalid_for_good_is_a_matter_of_permission() -> None:
    platform = PaperPlatform([challenged(CHALLENGES[0])] * 2)
    with pytest.raises(ForbiddenError) as caught:
        await platform.gradebook().post_score(score())
    assert "access token" in str(caught.value)
    assert tokens(platform) == ["token-1", "token-2"]


@pytest.mark.parametrize(
    "said, kind",
    [
        (answer(400, "Provided timestamp of A before last updated timestamp of B"), StaleScoreError),
        (answer(400, {"message": "User could not be found"}), UserNotGradableError),
        (answer(404), AGSError),
        (answer(422, {"error": "unpublished"}), RefusedError),
    ],
)
async def test_what_is_told_otherwise_costs_no_token(said: Response, kind: type[AGSError]) -> None:
    platform = PaperPlatform([answer(200), said, answer(500), answer(500)])
    gradebook = platform.gradebook()
    await gradebook.post_score(score())
    with pytest.raises(kind):
        await gradebook.post_score(score("user-2"))
    assert len(platform.token_requests) == 1


async def test_a_batch_whose_token_is_forgotten_renews_it_once() -> None:
    class Forgetful(PaperPlatform):
        async def send(self, request: Request) -> Response:
            if header(request, "Authorization") == ["Bearer token-1"] and len(self.sent) > 20:
                self.sent.append(request)
                return answer(400, {"error": "unknown token"}, url=request.url)
            self.script.append(answer(200))
            said = await super().send(request)
            await asyncio.sleep(0)
            return said

    platform = Forgetful()
    report = await platform.gradebook().post_scores([score(f"user-{number}") for number in range(200)])
    assert report.recorded == 200
    assert len(platform.token_requests) == 2


@pytest.mark.parametrize("what", ["listing", "results", "create", "delete"])
async def test_so_it_is_for_every_call(what: str) -> None:
    item = {"id": "https://lms.example/2/lineitems/9/lineitem", "label": "Quiz", "scoreMaximum": 10}
    said = {"create": answer(201, item), "delete": answer(204)}.get(what, answer(200, []))
    platform = PaperPlatform([answer(200), challenged(CHALLENGES[0]), said])
    gradebook = platform.gradebook()
    await gradebook.post_score(score())
    match what:
        case "listing":
            assert [entry async for entry in gradebook.line_items()] == []
        case "results":
            assert [entry async for entry in gradebook.results()] == []
        case "create":
            assert (await gradebook.create_line_item(LineItem("Quiz", 10))).id == item["id"]
        case _:
            await gradebook.delete_line_item(item["id"])
    assert tokens(platform) == ["token-1", "token-1", "token-2"]
