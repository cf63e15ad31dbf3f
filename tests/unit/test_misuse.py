"""
Values of the wrong kind and arguments in the wrong order: said before anything is sent, with what to write instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from aioags import Client, Endpoint, Pace, Registration, Result, RetryPolicy, Score, Timeouts, join_results
from aioags.launch import Tool, ToolSettings
from aioags.memberships import Memberships
from aioags.outbox import MemoryStore, Outbox
from tests.fakes import CONTAINER, ITEM, PaperPlatform, endpoint, registration

CLAIM = endpoint().to_claim()
CLAIMS = {"iss": "https://lms.example", "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint": CLAIM}
WITHOUT = {"iss": "x", "https://purl.imsglobal.org/spec/lti/claim/version": "1.3.0"}


async def listen(_: object) -> None:
    """
    A listener that nobody would await.
    """


class Listener:
    async def __call__(self, _: object) -> None: ...


class Launched:
    """
    As much of a launch as matters here.
    """

    registration = registration()
    endpoint = endpoint()


def paper() -> Client:
    return PaperPlatform().client()


SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "retry": ({"retry": 3}, r"retry must be a RetryPolicy, got 3: write retry=RetryPolicy\(attempts=3\)"),
    "retry none": ({"retry": None}, "retry must be a RetryPolicy, got NoneType: leave it out"),
    "retry class": ({"retry": RetryPolicy}, "got the class RetryPolicy"),
    "retry pace": ({"retry": Pace()}, "retry must be a RetryPolicy, got Pace"),
    "pace": ({"pace": 10}, r"pace must be a Pace, got 10: write pace=Pace\(ceiling=10\)"),
    "timeouts": ({"timeouts": 2.5}, r"got 2.5: write timeouts=Timeouts\(total=2.5\)"),
    "timeouts aiohttp": ({"timeouts": aiohttp.ClientTimeout()}, "timeouts must be a Timeouts, got ClientTimeout"),
    "runtime": ({"runtime": 1}, "runtime must be a Runtime, got int"),
    "on_event text": ({"on_event": "x"}, "on_event must be a function that takes an Event, got str"),
    "on_event async": ({"on_event": listen}, "on_event must be a plain function"),
    "on_event async object": ({"on_event": Listener()}, "on_event must be a plain function"),
    "session text": ({"session": "x"}, "session must be an aiohttp.ClientSession, got str"),
    "session class": ({"session": aiohttp.ClientSession}, "got the class ClientSession"),
    "session transport": ({"session": PaperPlatform()}, "got PaperPlatform: give it as transport="),
    "transport text": ({"transport": 3}, "transport must have the methods send and aclose of a Transport, got int"),
    "transport class": ({"transport": PaperPlatform}, "got the class PaperPlatform"),
}


@pytest.mark.parametrize("settings, said", SETTINGS.values(), ids=SETTINGS)
def test_a_client(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        Client(**settings)


async def test_a_clients_session() -> None:
    session = aiohttp.ClientSession()
    with pytest.raises(TypeError, match="give it as session="):
        Client(transport=session)
    with pytest.raises(ValueError, match="not both"):
        Client(session=session, transport=PaperPlatform())
    await session.close()
    with pytest.raises(ValueError, match="session is closed already"):
        Client(session=session)


def test_what_serves_is_taken() -> None:
    Client(retry=RetryPolicy(), pace=Pace(), timeouts=Timeouts(), on_event=print, transport=PaperPlatform())


MISUSES: dict[str, tuple[Callable[[], Any], str]] = {
    "gradebook swapped": (
        lambda: paper().gradebook(endpoint(), registration()),
        "registration must be a Registration, got Endpoint: the registration comes first",
    ),
    "gradebook launch": (lambda: paper().gradebook(Launched(), endpoint()), "got Launched: pass its .registration"),
    "gradebook launch as endpoint": (
        lambda: paper().gradebook(registration(), Launched()),
        "endpoint must be an Endpoint, got Launched: pass its .endpoint",
    ),
    "gradebook claims": (lambda: paper().gradebook(registration(), CLAIMS), "Endpoint.from_launch reads the claims"),
    "gradebook none": (lambda: paper().gradebook(registration(), None), "does the launch offer grades?"),
    "gradebook url": (lambda: paper().gradebook(registration(), ITEM), r"Endpoint.from_launch\(claims\) makes one"),
    "service swapped": (
        lambda: paper().service(ITEM, registration(), scopes=["a"]),
        "got str: the registration comes first",
    ),
    "memberships endpoint": (
        lambda: paper().memberships(endpoint()),
        r"memberships takes a Launch, or Memberships\(registration, memberships_url, endpoint\) in a job; got Endpoint",
    ),
    "memberships registration": (lambda: paper().memberships(registration()), "got Registration"),
    "memberships url": (lambda: paper().memberships("https://lms.example/members"), "got str"),
    "memberships made wrong": (lambda: Memberships(endpoint(), ITEM), "registration"),
    "memberships swapped": (lambda: Memberships(registration(), endpoint()), "memberships_url must be a str or None"),
    "claims as claim": (lambda: Endpoint.from_claim(CLAIMS), r"whole launch: write Endpoint.from_launch\(claims\)"),
    "claims without": (lambda: Endpoint.from_claim(WITHOUT), "whole launch"),
    "no claim": (lambda: Endpoint.from_claim(None), "got NoneType: a launch without it offers no AGS"),
    "text as claim": (lambda: Endpoint.from_claim("{}"), "got str: decode it first"),
    "endpoint as claim": (lambda: Endpoint.from_claim(endpoint()), "it is one already"),
    "claim as claims": (lambda: Endpoint.from_launch(CLAIM), "AGS claim alone, not a launch: write"),
    "id_token": (lambda: Endpoint.from_launch("ey.J0.x"), "only after its signature was checked"),
    "launch": (lambda: Endpoint.from_launch(Launched()), "its .endpoint is what you want"),
    "user int": (lambda: Score.graded(41, 1, score_maximum=1), "user_id must be a str, got int 41: write '41'"),
    "user none": (lambda: Score.graded(None, 1, score_maximum=1), "user_id must be a str, got NoneType None"),
    "attempts": (lambda: RetryPolicy(attempts=-1), "attempts must be at least 1, got -1"),
    "wait": (lambda: RetryPolicy(first_wait=-0.5), "first_wait must be more than 0 seconds and finite, got -0.5"),
    "pace upside down": (lambda: Pace(floor=8, ceiling=2), "floor must not be above ceiling, got floor=8, ceiling=2"),
    "outbox registration": (
        lambda: Outbox(MemoryStore(), paper(), registration()),
        'got one Registration: write {"your-name": registration}',
    ),
    "outbox swapped": (lambda: Outbox(paper(), MemoryStore(), {}), "store must be a store such as SQLiteStore"),
    "outbox path": (lambda: Outbox("grades.db", paper(), {}), r"SQLiteStore\(path\), got str"),
    "outbox retry": (lambda: Outbox(MemoryStore(), paper(), {}, backoff=RetryPolicy()), "backoff must be a Backoff"),
    "tool registration": (
        lambda: ToolSettings(registrations=registration(), redirect_uri=ITEM),
        r"got one: write \[registration\]",
    ),
    "tool swapped": (lambda: Tool(PaperPlatform(), settings()), "settings must be ToolSettings, got PaperPlatform"),
    "tool client": (lambda: Tool(settings(), paper()), "transport must have the methods send and aclose"),
    "one score": (
        lambda: gradebook().post_scores(Score.graded("u", 1, score_maximum=1)),
        "takes an iterable of Scores, got Score: post_score takes one",
    ),
}  # fmt: skip


def settings() -> ToolSettings:
    return ToolSettings(registrations=[registration()], redirect_uri="https://tool.example/launch")


def gradebook() -> Any:
    return PaperPlatform().gradebook()


@pytest.mark.parametrize("misuse, said", MISUSES.values(), ids=MISUSES)
def test_a_misuse(misuse: Callable[[], Any], said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said) as caught:
        misuse()
    assert len(str(caught.value)) < 300


async def listed(source: Any) -> list[Any]:
    return [record async for record in source]


RESULT = Result(user_id="user-1", id=f"{ITEM}/results/1", score_of=ITEM)
JOINS: dict[str, tuple[Any, Any, str]] = {
    "swapped": ([RESULT], ["user-1"], "the roster comes first, then the results"),
    "swapped, empty roster": ([], ["user-1"], "results must hold Results, got str"),
    "swapped twice": (["user-1"], ["user-1"], "results must hold Results, got str"),
    "not called": (PaperPlatform().client().memberships, [RESULT], "got method: call it"),
    "one text": ("user-1", [RESULT], "roster must be an iterable, or an asynchronous one, got str"),
    "nothing": (["user-1"], None, "results must be an iterable"),
}


@pytest.mark.parametrize("roster, results, said", JOINS.values(), ids=JOINS)
async def test_join_results(roster: Any, results: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        await listed(join_results(roster, results))


async def test_join_results_with_a_key_of_its_own_takes_what_it_reads() -> None:
    assert await listed(join_results([RESULT], [RESULT], key=lambda person: person.user_id))
    with pytest.raises(TypeError, match="the roster comes first"):
        await listed(join_results([RESULT], [{"id": "user-1"}], key=lambda person: "user-1"))


def test_a_gateways_key_is_never_quoted() -> None:
    key, base = "df06d55e-3b0f-4121-b60f", "https://your.ltiaas.com"
    with pytest.raises(ValueError, match="api_key is a URL: the base_url comes first") as swapped:
        paper().ltiaas(key, base)
    with pytest.raises(ValueError, match="base_url must be a URL") as wrong:
        paper().ltiaas(key, "another-key")
    assert key not in str(swapped.value) + str(wrong.value)


def test_a_record_in_place_of_a_text_is_not_quoted() -> None:
    with pytest.raises(TypeError) as caught:
        Score.graded({"email": "ada@school.example"}, 1, score_maximum=1)
    assert str(caught.value) == "user_id must be a str, got dict"


def test_what_was_right_before_is_right_now() -> None:
    assert Endpoint.from_launch(CLAIMS) == Endpoint.from_claim(CLAIM) == endpoint()
    assert Endpoint.from_launch(WITHOUT) is None
    assert Endpoint.from_claim({"scope": [], "https://x.example/ext": 1}).lineitems is None
    assert isinstance(registration(), Registration)
    assert Endpoint.from_launch({}) is None
    assert endpoint().lineitems == CONTAINER
