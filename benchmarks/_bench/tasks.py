"""
Contestants of other disciplines than posting many scores: limits, listings, joins, a stampede, launches, small parts.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit

from .contestants import SCORE_TYPE, by_workers, gradebook, payload, tls
from .measuring import Job, Measure, user, users


async def retrying(job: Job, measure: Measure) -> None:
    """
    The hand-written loop with what people add after the first 429: wait as told, or twice as long each time, up to half
    a minute, again.
    """
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=job.in_flight, ssl=tls(job))) as session:
        async with session.post(job.token, data={"grant_type": "client_credentials"}) as answer:
            token = (await answer.json())["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": SCORE_TYPE}

        async def post(user_id: str, points: int) -> None:
            wait = 1.0
            while True:
                body = json.dumps(payload(user_id, points))
                async with session.post(job.scores, data=body, headers=headers) as answer:
                    if answer.status not in {403, 429}:
                        answer.raise_for_status()
                        return
                    wait = float(answer.headers.get("Retry-After", wait))
                await asyncio.sleep(wait)
                wait = min(2 * wait, 30.0)

        source = users(0, job.count)

        async def work() -> None:
            for user_id, points in source:
                await post(user_id, points)

        measure.begin(job.count)
        await asyncio.gather(*(work() for _ in range(job.in_flight)))
        measure.end()


async def paced(job: Job, measure: Measure) -> None:
    """
    aioags as it comes, nothing warm.
    """
    from aioags import Score

    async with gradebook(job) as book:
        measure.begin(job.count)
        report = await book.post_scores(
            Score.graded(who, points, score_maximum=100) for who, points in users(0, job.count)
        )
        measure.end()
    measure.figures["recorded"] = report.recorded


async def stampede(job: Job, measure: Measure) -> None:
    """
    So many requests of a web application at once, each with a score, on a client that has no token yet.
    """
    from aioags import Score

    async with gradebook(job) as book:
        measure.begin(job.count)
        await asyncio.gather(
            *(book.post_score(Score.graded(who, points, score_maximum=100)) for who, points in users(0, job.count))
        )
        measure.end()


async def cold(job: Job, measure: Measure) -> None:
    """
    One score, of a process that has just begun.
    """
    from aioags import Score

    measure.begin(1)
    async with gradebook(job) as book:
        await book.post_score(Score.graded(user(0), 1, score_maximum=100))
    measure.end()


async def coldhand(job: Job, measure: Measure) -> None:
    """
    The same by hand: sign, ask for a token, post.
    """
    import time
    import uuid

    import aiohttp
    from joserfc import jwt
    from joserfc.jwk import ECKey

    measure.begin(1)
    now = int(time.time())
    claims = {"iss": "tool", "sub": "tool", "aud": job.token, "iat": now, "exp": now + 60, "jti": uuid.uuid4().hex}
    assertion = jwt.encode({"alg": "ES256"}, claims, ECKey.generate_key("P-256", private=True))
    async with aiohttp.ClientSession() as session:
        form = {"grant_type": "client_credentials", "client_assertion": assertion}
        async with session.post(job.token, data=form) as answer:
            headers = {"Authorization": f"Bearer {(await answer.json())['access_token']}", "Content-Type": SCORE_TYPE}
        async with session.post(job.scores, data=json.dumps(payload(user(0), 1)), headers=headers) as answer:
            answer.raise_for_status()
    measure.end()


async def pages(session: Any, url: str, headers: dict[str, str]) -> AsyncIterator[list[dict[str, Any]]]:
    """
    Follow ``next`` by hand.
    """
    while url:
        async with session.get(url, headers=headers) as answer:
            answer.raise_for_status()
            yield await answer.json()
            url = str(answer.links["next"]["url"]) if "next" in answer.links else ""


async def handitems(job: Job, measure: Measure) -> None:
    """
    All line items, by hand.
    """
    import aiohttp

    async with aiohttp.ClientSession() as session:
        url = f"{job.origin}/courses/1/lineitems"
        for count in (1, job.count):
            if count > 1:
                measure.begin(count)
            seen = 0
            async with aclosing(pages(session, url, {})) as listing:  # type: ignore[type-var]
                async for page in listing:
                    seen += len(page)
                    if seen >= count:
                        break
        measure.end()


async def items(job: Job, measure: Measure) -> None:
    """
    All line items, by aioags.
    """
    async with gradebook(job) as book:
        for count in (1, job.count):
            if count > 1:
                measure.begin(count)
            seen = 0
            async with aclosing(book.line_items()) as listing:
                async for _ in listing:
                    seen += 1
                    if seen >= count:
                        break
        measure.end()


async def handjoined(job: Job, measure: Measure) -> None:
    """
    All results beside a roster of twice as many, by hand.
    """
    import aiohttp

    roster = [user(number) for number in range(2 * job.count)]
    async with aiohttp.ClientSession() as session:
        measure.begin(job.count)
        by_user = {}
        async with aclosing(pages(session, f"{job.item}/results", {})) as listing:  # type: ignore[type-var]
            async for page in listing:
                by_user |= {record["userId"]: record["resultScore"] for record in page}
        rows = [(who, by_user.get(who)) for who in roster]
        measure.end()
    assert sum(points is not None for _, points in rows) == job.count


async def joined(job: Job, measure: Measure) -> None:
    """
    The same by `join_results`.
    """
    from aioags import join_results

    roster = [user(number) for number in range(2 * job.count)]
    async with gradebook(job) as book:
        measure.begin(job.count)
        found = 0
        async for row in join_results(roster, book.results()):
            found += row.result is not None
        measure.end()
    assert found == job.count


class InPlace:
    """
    A transport without a network: every request is answered at once, with what is made once.
    """

    def __init__(self) -> None:
        from aioags.protocol.messages import Response

        token = b'{"access_token": "0123456789abcdef0123456789abcdef", "token_type": "Bearer", "expires_in": 3600}'
        self._token = Response(200, "OK", (("Content-Type", "application/json"),), token, "https://lms.example/token")
        self._taken = Response(204, "No Content", (), b"", "https://lms.example/courses/1/lineitems/1/scores")

    async def send(self, request: Any) -> Any:
        """
        Answer.
        """
        return self._token if request.url.endswith("/token") else self._taken

    async def aclose(self) -> None:
        """
        Do nothing: there is nothing to close.
        """


async def lane(job: Job, measure: Measure) -> None:
    """
    aioags's transport without anything above it: one body, sent again and again.
    """
    from aioags.calls.lane import LaneTransport
    from aioags.model.policy import Timeouts
    from aioags.protocol.messages import Request

    headers = (("Authorization", f"Bearer {'x' * 40}"), ("Content-Type", SCORE_TYPE))
    request = Request("POST", job.scores, headers, json.dumps(payload(user(0), 1)).encode())
    transport = LaneTransport(timeouts=Timeouts(), user_agent="aioags")

    async def post(_: str, __: int) -> None:
        assert (await transport.send(request)).status == 204

    await by_workers(post, job, measure)
    await transport.aclose()


class Answers(asyncio.Protocol):
    """
    A connection that takes what arrives next for the answer, and reads nothing of it.
    """

    def connection_made(self, transport: Any) -> None:
        """
        Keep the transport; asyncio's buffer of 256 KiB would cost page faults.
        """
        self.transport = transport
        if hasattr(transport, "max_size"):
            transport.max_size = 65536

    def data_received(self, data: bytes) -> None:
        """
        Wake the worker.
        """
        self.answer.set_result(data)

    async def ask(self, request: bytes) -> bytes:
        """
        Send, and wait for what comes.
        """
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.answer


async def bare(job: Job, measure: Measure) -> None:
    """
    asyncio alone, as the floor: one text, sent again and again, of whose answers the status is looked at.
    """
    host = urlsplit(job.scores)
    body = json.dumps(payload(user(0), 1)).encode()
    head = f"POST {host.path} HTTP/1.1\r\nHost: {host.netloc}\r\nAuthorization: Bearer {'x' * 40}\r\n"
    text = f"{head}Content-Type: {SCORE_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    loop = asyncio.get_running_loop()
    free = [(await loop.create_connection(Answers, host.hostname, host.port))[1] for _ in range(job.in_flight)]

    async def post(_: str, __: int) -> None:
        connection = free.pop()
        assert (await connection.ask(text)).startswith(b"HTTP/1.1 204")
        free.append(connection)

    await by_workers(post, job, measure)


async def alone(job: Job, measure: Measure) -> None:
    """
    `post_score`, awaited by as many workers as are in flight, in place of one `post_scores`.
    """
    from aioags import Score

    async with gradebook(job) as book:

        async def post(user_id: str, points: int) -> None:
            await book.post_score(Score.graded(user_id, points, score_maximum=100))

        await by_workers(post, job, measure)


async def tokenhit(job: Job, measure: Measure) -> None:
    """
    The token for a score, from the cache: as often as scores are posted.
    """
    async with gradebook(job) as book:
        await book.get_result(user(0))
        credential, scopes = (
            book._service.credential,
            ("https://purl.imsglobal.org/spec/lti-ags/scope/result.readonly",),
        )
        held = credential.held
        assert held(scopes) is not None
        measure.begin(job.count)
        for _ in range(job.count):
            held(scopes)
        measure.end()


async def above(job: Job, measure: Measure) -> None:
    """
    Everything of `post_scores` but the transport.
    """
    from joserfc.jwk import ECKey

    from aioags import Client, Endpoint, Pace, Registration, Scope, Score

    key = ECKey.generate_key("P-256", private=True)
    registration = Registration("https://lms.example", "tool", "https://lms.example/token", key)
    item = "https://lms.example/courses/1/lineitems/1"
    endpoint = Endpoint("https://lms.example/courses/1/lineitems", item, frozenset(Scope))
    pace = Pace(floor=job.in_flight, ceiling=job.in_flight)
    async with Client(transport=InPlace(), pace=pace) as client:
        book = client.gradebook(registration, endpoint)
        for begin, count in ((0, job.warm), (job.warm, job.count)):
            if begin:
                measure.begin(count)
            await book.post_scores(Score.graded(who, n, score_maximum=100) for who, n in users(begin, count))
        measure.end()


TASKS: dict[str, Callable[[Job, Measure], Coroutine[Any, Any, None]]] = {
    each.__name__: each
    for each in (
        *(retrying, paced, alone, stampede, cold, coldhand),
        *(handitems, items, handjoined, joined, tokenhit, above, lane, bare),
    )
}
