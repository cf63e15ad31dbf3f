"""
What is counted: each scene does one thing so many times, warm, and says how many calls of each room one of them took.

No load moves the figures: time stands still for the client, and the platform is asked in place. The score over HTTP has
a real connection and the outbox a thread, for which the loop may have to turn once or twice: of several times the one
with the fewest calls is taken, since load only adds.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from aioags import Client, Endpoint, Event, Gradebook, LineItem, Registration, Runtime, Score
from aioags.emulator import Platform, serve_in_thread
from aioags.launch import Tool, ToolSettings
from aioags.outbox import Outbox, SQLiteStore
from aioags.protocol.messages import Request, Response

from .counting import Calls

Rooms = dict[str, float]
Listener = Callable[[Event], None]
Scene = Callable[[], Awaitable[Rooms]]

TIMES = 40
RECORDS = 200
# A page that is just full may have been cut, and is asked for again.
ONE_PAGE = RECORDS + 1
TOOL = "https://tool.example"


def still() -> Runtime:
    """
    Return a client's time that stands still, and chance that always draws the same.
    """
    return Runtime(clock=lambda: 1000.0, jitter=lambda: 0.5)


class InPlace:
    """
    A transport to a platform in this process; what the platform calls does not count.
    """

    def __init__(self, platform: Platform, calls: Calls) -> None:
        self._platform = platform
        self._calls = calls

    async def send(self, request: Request) -> Response:
        """
        Let the platform answer, at once.
        """
        with self._calls.off():
            answer = self._platform.answer(request)
            return Response(answer.status, answer.phrase, answer.headers, answer.body, request.url)

    async def aclose(self) -> None:
        """
        Do nothing: there is nothing to close.
        """


def per_time(counted: list[Calls]) -> Rooms:
    """
    Return the rooms of the time with the fewest calls, the first few left out: they were not warm.
    """
    fewest = min((calls.rooms() for calls in counted[5:]), key=lambda rooms: rooms.total())
    return {name: float(number) for name, number in sorted(fewest.items())}


def per_record(calls: Calls) -> Rooms:
    """
    Share the calls among the records, the pages' own included.
    """
    return {name: round(number / RECORDS, 2) for name, number in sorted(calls.rooms().items())}


def open_course(client: Client, platform: Platform) -> Gradebook:
    """
    Return the gradebook of the platform's course.
    """
    return client.gradebook(
        Registration(**platform.registration_args()), Endpoint.from_claim(platform.endpoint_claim())
    )


@asynccontextmanager
async def in_place(calls: Calls, platform: Platform, listener: Listener | None = None) -> AsyncIterator[Gradebook]:
    """
    Open a gradebook that has posted once: it has its token.
    """
    async with Client(transport=InPlace(platform, calls), runtime=still(), on_event=listener) as client:
        gradebook = open_course(client, platform)
        await gradebook.post_score(score(platform, 0))
        yield gradebook


def score(platform: Platform, number: int) -> Score:
    """
    Return a score of one of the learners, in turn.
    """
    users = platform.users()
    return Score.graded(users[number % len(users)], number % 101, score_maximum=100)


async def score_over_http() -> Rooms:
    """
    Post one score after another on a kept connection; whoever answers is another thread, and does not count.
    """
    platform, counted = Platform.create(users=30), []
    with serve_in_thread(platform):
        async with Client(runtime=still()) as client:
            gradebook = open_course(client, platform)
            for number in range(TIMES):
                one, calls = score(platform, number), Calls()
                with calls.on():
                    await gradebook.post_score(one)
                counted.append(calls)
    return per_time(counted)


async def score_of_many(listener: Listener | None = None) -> Rooms:
    """
    Post many scores as one batch.
    """
    calls, platform = Calls(), Platform.create(users=RECORDS)
    async with in_place(calls, platform, listener) as gradebook:
        # Made after the one that warms up, or they would be older than it.
        scores = [score(platform, number) for number in range(RECORDS)]
        with calls.on():
            report = await gradebook.post_scores(scores)
    assert report.ok, report
    return per_record(calls)


async def score_of_many_told() -> Rooms:
    """
    Post many scores as one batch, with a listener; what it does itself does not count.
    """
    return await score_of_many(lambda _: None)


async def listed_item() -> Rooms:
    """
    List line items, all on one page.
    """
    calls, platform = Calls(), Platform.create()
    async with in_place(calls, platform) as gradebook:
        for number in range(RECORDS - 1):
            await gradebook.create_line_item(LineItem(f"Quiz {number}", 100, resource_id=f"quiz-{number}"))
        with calls.on():
            items = [item async for item in gradebook.line_items(limit=ONE_PAGE)]
    assert len(items) == RECORDS, len(items)
    return per_record(calls)


async def listed_result() -> Rooms:
    """
    List results, all on one page.
    """
    calls, platform = Calls(), Platform.create(users=RECORDS)
    async with in_place(calls, platform) as gradebook:
        report = await gradebook.post_scores(score(platform, number) for number in range(RECORDS))
        assert report.ok, report
        with calls.on():
            results = [result async for result in gradebook.results(limit=ONE_PAGE)]
    assert len(results) == RECORDS, len(results)
    return per_record(calls)


async def launch() -> Rooms:
    """
    Take launches of one platform, whose keys are known by then; the login before each does not count.
    """
    platform, counted = Platform.create(users=2), []
    platform.launches.connect(login_url=f"{TOOL}/login", redirect_uri=f"{TOOL}/launch", target_link_uri=f"{TOOL}/quiz")
    settings = ToolSettings(registrations=[Registration(**platform.registration_args())], redirect_uri=f"{TOOL}/launch")
    async with Tool(settings, InPlace(platform, Calls()), runtime=still()) as tool:
        for _ in range(TIMES):
            form, cookies = await logged_in(tool, platform)
            calls = Calls()
            with calls.on():
                await tool.launch(form, cookies)
            counted.append(calls)
    return per_time(counted)


async def logged_in(tool: Tool, platform: Platform) -> tuple[dict[str, str], dict[str, str]]:
    """
    Do what the browser of a learner does before a launch, and return the form that it posts then, and its cookies.
    """
    started = platform.answer(Request("GET", platform.launches.url(platform.users()[0]))).header("Location") or ""
    login = await tool.login({name: values[0] for name, values in parse_qs(urlsplit(started).query).items()})
    page = platform.answer(Request("GET", login.url)).body.decode()
    form = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page)}
    return form, {login.cookie.name: login.cookie.value}


async def put() -> Rooms:
    """
    Put scores into an outbox in a file, one after another.
    """
    platform, counted = Platform.create(users=30), []
    registration = Registration(**platform.registration_args())
    endpoint = Endpoint.from_claim(platform.endpoint_claim())
    async with Client(transport=InPlace(platform, Calls()), runtime=still()) as client:
        with tempfile.TemporaryDirectory() as folder:
            outbox = Outbox(SQLiteStore(Path(folder) / "outbox.sqlite3"), client, {"school": registration})
            for number in range(TIMES):
                one, calls = score(platform, number), Calls()
                with calls.on():
                    await outbox.put("school", endpoint, one)
                counted.append(calls)
            await outbox.aclose()
    return per_time(counted)


SCENES: dict[str, Scene] = {
    "score, over HTTP": score_over_http,
    "score of many": score_of_many,
    "score of many, with a listener": score_of_many_told,
    "listed line item": listed_item,
    "result": listed_result,
    "launch": launch,
    "outbox put": put,
}
