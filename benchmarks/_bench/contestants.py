"""
The contestants: each as its own documentation advises for many requests to one host, none with a hand tied.

- ``hand``: what people write today: one `aiohttp.ClientSession`, so many workers that pull from one iterator, `json`.
- ``tuned``: the same by aiohttp's page on speed and what measuring showed: orjson, no timeout per request, headers on
  the session, a URL parsed once, no cookies.
- ``gather``: a task for every score behind a semaphore, as most answers on the net show it.
- ``httpx``: one `AsyncClient` with limits raised to what is in flight, workers.
- ``pylti``: PyLTI1p3's `put_grade` in a loop over one `requests.Session`; ``pylti16``: in 16 threads, a connector each.
- ``aioags``: `Gradebook.post_scores`, everything on; ``alone`` (`tasks.py`): `post_score`, awaited by each worker.
- ``undici`` (`undici.mjs`): one `Pool` with a connection for each in flight, `request`, each body drained.
- ``wrk`` (`contests.py`): one thread, as many connections as are in flight, a body made for each request by its script;
  it reads an answer's status only. It is no client of scores: it shows what the server costs.
- ``lane``, ``bare`` (`tasks.py`): aioags's transport without anything above it, and an `asyncio.Protocol` that reads
  nothing of an answer but its status: floors, not contestants.
- ``retrying`` (`tasks.py`): ``hand``, with what people add after the first 429; ``handitems``, ``handjoined``: ``next``
  followed by hand; ``coldhand``: sign, ask for a token, post.
- ``pyltilaunches`` (`launching.py`): PyLTI1p3's `MessageLaunch`, its keys and its session in memory.

Each asks for its token before it is measured, checks every answer's status, and stamps every score.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from .measuring import Job, Measure, users

SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"
SCORE_SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/score"


def payload(user_id: str, points: int) -> dict[str, Any]:
    """
    Return one score as the standard spells it.
    """
    return {
        "userId": user_id,
        "scoreGiven": points,
        "scoreMaximum": 100,
        "activityProgress": "Completed",
        "gradingProgress": "FullyGraded",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }


def tls(job: Job) -> ssl.SSLContext | bool:
    """
    Return how the server is verified.
    """
    return ssl.create_default_context(cafile=job.cafile) if job.cafile else True


async def by_workers(post: Callable[[str, int], Awaitable[None]], job: Job, measure: Measure) -> None:
    """
    Warm up, then post everything by workers that pull from one iterator.
    """
    for begin, count in ((0, job.warm), (job.warm, job.count)):
        source = users(begin, count)

        async def work(source: Any = source) -> None:
            for user_id, points in source:
                await post(user_id, points)

        if begin:
            measure.begin(count)
        await asyncio.gather(*(work() for _ in range(job.in_flight)))
    measure.end()


async def hand(job: Job, measure: Measure) -> None:
    """
    What people write today.
    """
    import aiohttp

    connector = aiohttp.TCPConnector(limit=job.in_flight, ssl=tls(job))
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.post(job.token, data={"grant_type": "client_credentials"}) as answer:
            token = (await answer.json())["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": SCORE_TYPE}

        async def post(user_id: str, points: int) -> None:
            body = json.dumps(payload(user_id, points))
            async with session.post(job.scores, data=body, headers=headers) as answer:
                answer.raise_for_status()

        await by_workers(post, job, measure)


async def tuned(job: Job, measure: Measure) -> None:
    """
    The same with everything that its documentation and measuring advise.
    """
    import aiohttp
    import orjson
    from yarl import URL

    connector = aiohttp.TCPConnector(limit=job.in_flight, ssl=tls(job))
    jar, unlimited = aiohttp.DummyCookieJar(), aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar, timeout=unlimited) as session:
        async with session.post(job.token, data={"grant_type": "client_credentials"}) as answer:
            token = (await answer.json())["access_token"]
        session.headers.update({"Authorization": f"Bearer {token}", "Content-Type": SCORE_TYPE})
        url = URL(job.scores, encoded=True)

        async def post(user_id: str, points: int) -> None:
            async with session.post(url, data=orjson.dumps(payload(user_id, points))) as answer:
                if answer.status >= 300:
                    answer.raise_for_status()

        await by_workers(post, job, measure)


async def gather(job: Job, measure: Measure) -> None:
    """
    A task for every score.
    """
    import aiohttp

    connector = aiohttp.TCPConnector(limit=job.in_flight, ssl=tls(job))
    turn = asyncio.Semaphore(job.in_flight)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.post(job.token, data={"grant_type": "client_credentials"}) as answer:
            token = (await answer.json())["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": SCORE_TYPE}

        async def post(user_id: str, points: int) -> None:
            async with turn:
                body = json.dumps(payload(user_id, points))
                async with session.post(job.scores, data=body, headers=headers) as answer:
                    answer.raise_for_status()

        await asyncio.gather(*(post(*each) for each in users(0, job.warm)))
        measure.begin(job.count)
        await asyncio.gather(*(post(*each) for each in users(job.warm, job.count)))
        measure.end()


async def httpx(job: Job, measure: Measure) -> None:
    """
    httpx, one client, workers.
    """
    import httpx as library

    limits = library.Limits(max_connections=job.in_flight, max_keepalive_connections=job.in_flight)
    async with library.AsyncClient(limits=limits, verify=tls(job)) as client:
        answer = await client.post(job.token, data={"grant_type": "client_credentials"})
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}", "Content-Type": SCORE_TYPE}

        async def post(user_id: str, points: int) -> None:
            body = json.dumps(payload(user_id, points))
            (await client.post(job.scores, content=body, headers=headers)).raise_for_status()

        await by_workers(post, job, measure)


def _service(job: Job) -> Any:
    import requests
    from pylti1p3.assignments_grades import AssignmentsGradesService
    from pylti1p3.registration import Registration
    from pylti1p3.service_connector import ServiceConnector

    registration = Registration().set_issuer(job.origin).set_client_id("tool").set_auth_token_url(job.token)
    registration.set_tool_private_key(_private_key())
    session = requests.Session()
    session.verify = job.cafile or True
    claim = {"lineitems": f"{job.origin}/courses/1/lineitems", "lineitem": job.item, "scope": [SCORE_SCOPE]}
    return AssignmentsGradesService(ServiceConnector(registration, session), claim)


def _private_key() -> str:
    from joserfc.jwk import RSAKey

    return RSAKey.generate_key(2048, private=True).as_pem(private=True).decode()


def _put(service: Any, user_id: str, points: int) -> None:
    from pylti1p3.grade import Grade

    stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
    grade = Grade().set_user_id(user_id).set_score_given(points).set_score_maximum(100).set_timestamp(stamp)
    service.put_grade(grade.set_activity_progress("Completed").set_grading_progress("FullyGraded"))


async def pylti(job: Job, measure: Measure) -> None:
    """
    PyLTI1p3 in a loop.
    """
    service = _service(job)
    for each in users(0, 5):
        _put(service, *each)
    measure.begin(job.count)
    for each in users(job.warm, job.count):
        _put(service, *each)
    measure.end()


async def pylti16(job: Job, measure: Measure) -> None:
    """
    PyLTI1p3 in 16 threads, each with a session of its own: a `requests.Session` is not promised to be safe in several.
    """
    from concurrent.futures import ThreadPoolExecutor
    from threading import local

    own = local()

    def begin() -> None:
        own.service = _service(job)
        _put(own.service, *next(users(0, 1)))

    def put(each: tuple[str, int]) -> None:
        _put(own.service, *each)

    with ThreadPoolExecutor(16, initializer=begin) as threads:
        list(threads.map(put, users(0, 160)))
        measure.begin(job.count)
        list(threads.map(put, users(job.warm, job.count)))
        measure.end()


@asynccontextmanager
async def gradebook(job: Job) -> AsyncIterator[Any]:
    """
    Open a client and the gradebook of a job.
    """
    from joserfc.jwk import ECKey

    from aioags import Client, Endpoint, Pace, Registration, Scope

    arguments: dict[str, Any] = {}
    if job.pace == "fixed":
        arguments["pace"] = Pace(floor=job.in_flight, ceiling=job.in_flight)
    registration = Registration(job.origin, "tool", job.token, ECKey.generate_key("P-256", private=True))
    endpoint = Endpoint(f"{job.origin}/courses/1/lineitems", job.item, frozenset(Scope))
    async with Client(**arguments) as client:
        yield client.gradebook(registration, endpoint)


async def aioags(job: Job, measure: Measure) -> None:
    """
    `Gradebook.post_scores`: validated, stamped, ordered, paced, repeated where need be, reported.
    """
    from aioags import Score

    async with gradebook(job) as book:
        for begin, count in ((0, job.warm), (job.warm, job.count)):
            if begin:
                measure.begin(count)
            report = await book.post_scores(
                Score.graded(user_id, points, score_maximum=100) for user_id, points in users(begin, count)
            )
            if report.recorded != count:
                raise RuntimeError(str(report))
        measure.end()


CONTESTANTS: dict[str, Callable[[Job, Measure], Coroutine[Any, Any, None]]] = {
    each.__name__: each for each in (hand, tuned, gather, httpx, pylti, pylti16, aioags)
}
