"""
What a client, a gradebook and the line in front of a platform tell of themselves, and what they never tell.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from aioags import Client, LostAnswerError, Pace, Score, ThrottledError, Traffic
from aioags.calls.gates import Gate
from aioags.protocol.messages import Request, Response
from aioags.protocol.pace import Signal
from tests.fakes import (
    CONTAINER,
    HOST,
    ITEM,
    TOKEN_URL,
    WALL,
    PaperPlatform,
    PaperTime,
    answer,
    endpoint,
    private_key,
    registration,
)

ORIGIN = f"{HOST}:443"
START = datetime.fromtimestamp(WALL, UTC)


@attrs.define
class SlowPlatform:
    """
    A transport that answers service requests when it may.

    Attributes:
        open: Cleared, nobody is answered.
    """

    platform: PaperPlatform
    open: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def send(self, request: Request) -> Response:
        """
        Answer as the platform does, but not before.
        """
        if request.url != TOKEN_URL:
            await self.open.wait()
        return await self.platform.send(request)

    async def aclose(self) -> None:
        """
        Do nothing: there is nothing to close.
        """


def about(client: Client, name: str = "tool-1") -> Traffic:
    """
    Return what a client says of the requests of that name.
    """
    (one,) = [traffic for traffic in client.stats() if traffic.name == name]
    return one


async def turns(count: int = 20) -> None:
    """
    Let everybody else go on.
    """
    for _ in range(count):
        await asyncio.sleep(0)


def score(comment: str | None = None) -> Score:
    """
    Return a score for a user whose name is easily found.
    """
    return Score.graded("user-secret", 5, score_maximum=10, comment=comment)


# --- stats ---------------------------------------------------------------------------------------------------------


async def test_a_client_that_asked_nothing_has_nothing_to_tell() -> None:
    client = PaperPlatform().client()
    assert client.stats() == []
    assert repr(client) == "<Client: nothing asked yet>"


async def test_tokens_and_services_each_have_a_line_in_the_order_of_asking() -> None:
    platform = PaperPlatform([answer(204)])
    client = platform.client()
    await client.gradebook(registration(), endpoint()).post_score(score())
    assert [(one.origin, one.name) for one in client.stats()] == [(ORIGIN, "tool-1"), (ORIGIN, "token")]
    tool = about(client)
    assert (tool.window, tool.in_flight, tool.waiting) == (4, 0, 0)
    assert (tool.closed_until, tool.why) == (None, None)
    assert about(client, "token").token_until is None


async def test_it_counts_who_is_in_flight_and_who_waits() -> None:
    slow = SlowPlatform(PaperPlatform([answer(204)] * 5))
    client = Client(transport=slow, runtime=slow.platform.time.runtime(), pace=Pace(ceiling=2))
    gradebook = client.gradebook(registration(), endpoint())
    posting = [
        asyncio.create_task(gradebook.post_score(Score.graded(f"user-{number}", 1, score_maximum=1)))
        for number in range(5)
    ]
    await turns()
    tool = about(client)
    assert (tool.window, tool.in_flight, tool.waiting) == (2, 2, 3)
    assert str(tool) == f"tool-1 at {ORIGIN}: 2 of 2 in flight, 3 waiting"
    slow.open.set()
    await asyncio.gather(*posting)
    assert (about(client).in_flight, about(client).waiting) == (0, 0)


async def test_it_says_until_when_a_platform_is_closed_and_why() -> None:
    platform = PaperPlatform([answer(429, b"", ("Retry-After", "3600"))])
    client = platform.client()
    with pytest.raises(ThrottledError):
        await client.gradebook(registration(), endpoint()).post_score(score())
    tool = about(client)
    assert (tool.closed_until, tool.why) == (START + timedelta(hours=1), "ThrottledError")
    assert str(tool).endswith("0 waiting, closed until 10:00:00 (ThrottledError)")
    platform.time.now += 1000
    assert about(client).closed_until == START + timedelta(hours=1)
    platform.time.now += 2600
    assert (about(client).closed_until, about(client).why) == (None, None)


async def test_it_says_when_the_token_ends() -> None:
    platform = PaperPlatform([answer(204), answer(200, {})])
    client = platform.client()
    await client.gradebook(registration(), endpoint()).post_score(score())
    # Its end, not when it is renewed.
    assert about(client).token_until == START + timedelta(hours=1)
    platform.time.now += 600
    assert about(client).token_until == START + timedelta(hours=1)
    await client.service(registration(), f"{HOST}/groups", scopes=["groups"]).request("GET")
    assert about(client).token_until == START + timedelta(minutes=70)
    platform.time.now += 3600
    assert about(client).token_until is None


async def test_each_tool_of_a_platform_has_its_own_line() -> None:
    platform = PaperPlatform([answer(204), answer(204)])
    client = platform.client()
    for name in ("tool-1", "tool-2"):
        await client.gradebook(registration(client_id=name), endpoint()).post_score(score())
    assert [one.name for one in client.stats()] == ["tool-1", "token", "tool-2"]


async def test_a_closed_client_says_so() -> None:
    client = PaperPlatform().client()
    await client.aclose()
    assert repr(client) == "<Client: closed>"


# --- repr ----------------------------------------------------------------------------------------------------------


async def test_a_client_tells_in_one_line_how_it_stands() -> None:
    platform = PaperPlatform([answer(429, b"", ("Retry-After", "3600"))])
    client = platform.client()
    with pytest.raises(ThrottledError):
        await client.gradebook(registration(), endpoint()).post_score(score())
    assert repr(client) == (
        f"<Client: tool-1 at {ORIGIN}: 0 of 1 in flight, 0 waiting, closed until 10:00:00 (ThrottledError); "
        f"token at {ORIGIN}: 0 of 1 in flight, 0 waiting>"
    )


def test_a_gradebook_tells_whose_it_is_and_which_line_item() -> None:
    client = PaperPlatform().client()
    assert repr(client.gradebook(registration(), endpoint())) == f"<Gradebook of 'tool-1', line item {ITEM!r}>"
    several = client.gradebook(registration(), endpoint(lineitem=None))
    assert repr(several) == "<Gradebook of 'tool-1', line item None>"


def test_a_gate_tells_what_is_in_flight() -> None:
    time = PaperTime()
    gate = Gate(Pace(), clock=lambda: time.now, sleep=time.sleep)
    assert repr(gate) == "<Gate: 0 of 4 in flight, 0 waiting>"
    assert gate.why is None


async def test_a_gate_knows_why_it_was_closed() -> None:
    time = PaperTime()
    gate = Gate(Pace(), clock=lambda: time.now, sleep=time.sleep)
    begun = await gate.enter(1.0)
    assert repr(gate) == "<Gate: 1 of 4 in flight, 0 waiting>"
    gate.leave(begun, Signal(0.1, throttled=True, hold=60.0), ThrottledError("later", status=429))
    assert gate.why == "ThrottledError"
    time.now += 60.0
    assert gate.why is None


async def test_a_gate_that_only_spaces_names_no_throttle_that_is_over() -> None:
    time = PaperTime()
    gate = Gate(Pace(), clock=lambda: time.now, sleep=time.sleep)
    for _ in range(6):
        gate.leave(await gate.enter(9.0), Signal(0.1, throttled=True, hold=2.0), ThrottledError("later", status=429))
        time.now += 2.0
        for _ in range(3):
            gate.leave(await gate.enter(9.0), Signal(0.1))
            time.now += 0.5
    gate.leave(await gate.enter(9.0), Signal(0.1))
    assert gate.closed_for(time.now) > 0.0, "starts are spaced"
    assert gate.why is None
    # Nobody asked for silence: one's place in the line costs no patience.
    assert (await gate.enter(1e-3)).begun > 0.0


async def test_nothing_that_tells_tells_a_secret() -> None:
    urls = {
        "lineitems": f"{CONTAINER}&access_token=url-secret",
        "lineitem": f"{ITEM}&user_id=user-secret&access_token=url-secret",
    }
    lost = LostAnswerError("no whole answer", recorded=None, transient=True)
    platform = PaperPlatform([lost, answer(429, {"echo": "user-secret said comment-secret"}, ("Retry-After", "3600"))])
    client = platform.client()
    gradebook = client.gradebook(registration(), endpoint(**urls))
    service = client.service(registration(), f"{HOST}/groups?user_id=user-secret", scopes=["groups"])
    account = client.ltiaas("https://your.ltiaas.com", "api-key-secret")
    launched = account.gradebook(ltik="ltik-secret")
    for comment in ("comment-secret", None):
        with pytest.raises((LostAnswerError, ThrottledError)):
            await gradebook.post_score(score(comment))
    shown = [client, gradebook, service, account, launched, *client.stats(), *map(str, client.stats())]
    text = "\n".join(map(repr, shown))
    pem = private_key().as_pem(private=True).decode().splitlines()[1]
    for secret in ("token-1", "Bearer", "user-secret", "comment-secret", "url-secret", "api-key", "ltik-secret", pem):
        assert secret not in text
    assert "tool-1" in text
