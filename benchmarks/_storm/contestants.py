"""
Who takes part, each by its documented best practice, none with a hand tied.

- ``hand``: what people write today, done well: one `aiohttp.ClientSession` for each process, the token kept until it
  ends, a column looked for before it is made and remembered, the score stamped with the time of the message, with the
  time of submission, every status checked, what failed logged. Sent in the handler; what fails is not repeated.
- ``retrying``: the same in a job queue as Celery's documentation advises for work over a network: `acks_late` (a job
  whose worker died is given to another), `autoretry_for` connection errors, 429 and 5xx, `retry_backoff`,
  `retry_backoff_max=600`, `retry_jitter`, ten retries instead of three; `Retry-After` followed where it is longer.
- ``pylti``: PyLTI1p3, `find_or_create_lineitem` and `put_grade`, in the handler; what it raises is logged. One
  connector for each process, made anew after a 401: one for each launch, as its README has it, asks for a token each
  time.
- ``pyltiretrying``: the same calls in the same job queue.
- ``aioags``: `Gradebook.post_score` in the handler; what it raises is logged.
- ``outbox``: `Outbox.put` in the handler, posted in the background.

The tool's own table of columns (quiz to line item) outlives its processes, for everybody.
"""

from __future__ import annotations

import asyncio
import json
import types
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from random import Random
from typing import Any, ClassVar

import aiohttp
import requests
from joserfc import jwt
from yarl import URL

from aioags import AGSError, Client, Endpoint, Gradebook, Registration, Runtime, Score, Submission
from aioags.outbox import Outbox
from aioags.outbox.memory import MemoryStore, Table
from tests.simulation.clock import EPOCH, Process

from .plan import Message
from .wires import Adapter, Connector, Line
from .world import MARK, Storm

ITEM, ITEMS, SCORE = (
    f"application/vnd.ims.lis.{kind}+json" for kind in ("v2.lineitem", "v2.lineitemcontainer", "v1.score")
)


class FailedError(Exception):
    """
    A request that failed: whether it may be repeated, and when.
    """

    def __init__(self, words: str, *, again: bool, after: float = 0.0) -> None:
        super().__init__(words)
        self.again, self.after = again, after


def iso(seconds: float) -> str:
    """
    Write Unix time as the standard has it.
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record(storm: Storm, message: Message, stamp: float) -> dict[str, Any]:
    """
    Write a message as a score.
    """
    graded = message.points is not None
    fields: dict[str, Any] = {
        "userId": storm.users[message.learner],
        "activityProgress": "Completed" if graded else "Submitted",
        "gradingProgress": "FullyGraded" if graded else "Pending",
        "timestamp": iso(stamp),
        "submission": {"submittedAt": iso(EPOCH + message.handed_in)},
        MARK: message.number,
    }
    if graded:
        fields |= {"scoreGiven": message.points, "scoreMaximum": 100}
    return fields | ({"comment": message.comment} if message.comment else {})


def column(quiz: str) -> dict[str, Any]:
    """
    Return the line item that a quiz is to have.
    """
    return {"label": f"Quiz {quiz[-1]}", "scoreMaximum": 100, "resourceId": quiz, "tag": quiz}


class Base:
    """
    What all have in common.
    """

    def __init__(self, storm: Storm, process: Process) -> None:
        self.storm, self.process = storm, process
        self.claim = storm.platform.endpoint_claim()
        self.agreed = storm.platform.registration_args()

    async def begin(self) -> None:
        """
        Nothing is to be done.
        """


class ByHand(Base):
    """
    The calls of a hand-written client.
    """

    async def begin(self) -> None:
        """
        Open the session.
        """
        self._session = aiohttp.ClientSession(connector=Connector(self.storm))
        self.storm.left.append(self._session.close)
        self._granted, self._until = "", 0.0

    async def _ask(self, method: str, url: str, **more: Any) -> Any:
        try:
            # A URL that the platform wrote is sent as it wrote it.
            async with self._session.request(method, URL(url, encoded=True), **more) as answer:
                body = await answer.read()
                if answer.status >= 400:
                    hint = answer.headers.get("Retry-After", "0")
                    again = answer.status == 429 or answer.status >= 500
                    raise FailedError(f"HTTP {answer.status}", again=again, after=float(hint))
                return json.loads(body) if body else None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise FailedError(repr(error), again=True) from error

    async def _headers(self, **more: str) -> dict[str, str]:
        now = self.process.wall()
        if now >= self._until:
            claims = {"iss": self.agreed["client_id"], "sub": self.agreed["client_id"], "iat": int(now)}
            claims |= {"aud": self.agreed.get("audience") or self.agreed["token_url"]}
            claims |= {"exp": int(now) + 60, "jti": f"{self.process.name}-{now}"}
            key = self.storm.key
            form = {
                "grant_type": "client_credentials",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key),
                "scope": " ".join(self.claim["scope"]),
            }
            granted = await self._ask("POST", self.agreed["token_url"], data=form)
            self._granted, self._until = granted["access_token"], now + granted["expires_in"] - 60
        return {"Authorization": f"Bearer {self._granted}", **more}

    async def make_column(self, quiz: str) -> str:
        """
        Return the line item of a quiz, made if there is none.
        """
        if quiz in self.storm.columns:
            return self.storm.columns[quiz]
        listed = await self._ask("GET", self.claim["lineitems"], headers=await self._headers(Accept=ITEMS))
        found = next((item for item in listed if item.get("resourceId") == quiz), None)
        if found is None:
            headers = await self._headers(**{"Content-Type": ITEM, "Accept": ITEM})
            found = await self._ask("POST", self.claim["lineitems"], data=json.dumps(column(quiz)), headers=headers)
        self.storm.columns[quiz] = found["id"]
        return str(found["id"])

    async def post(self, quiz: str, score: dict[str, Any]) -> None:
        """
        Send one score.
        """
        url = URL(await self.make_column(quiz), encoded=True)
        scores = url.with_path(url.raw_path + "/scores", encoded=True, keep_query=True)
        headers = await self._headers(**{"Content-Type": SCORE})
        await self._ask("POST", str(scores), data=json.dumps(score), headers=headers)


class WithPyLTI(Base):
    """
    The calls of PyLTI1p3.
    """

    _kept: Any = None

    def _service(self) -> Any:
        if self._kept is not None:
            return self._kept
        from pylti1p3 import service_connector
        from pylti1p3.assignments_grades import AssignmentsGradesService
        from pylti1p3.registration import Registration as Theirs

        # Its assertions are of this world's time; its key is parsed already, which is not what is looked at here.
        service_connector.time = types.SimpleNamespace(time=self.process.wall)
        theirs = Theirs().set_issuer(self.agreed["issuer"]).set_client_id(self.agreed["client_id"])
        theirs.set_auth_token_url(self.agreed["token_url"]).set_tool_private_key(self.storm.key.private_key)
        theirs.set_auth_audience(self.agreed.get("audience"))
        theirs.get_kid = lambda: self.storm.key.kid
        session = requests.Session()
        session.mount("https://", Adapter(self.storm))
        self._kept = AssignmentsGradesService(service_connector.ServiceConnector(theirs, session), self.claim)
        return self._kept

    async def _calling(self, work: Callable[..., Any], *arguments: Any) -> Any:
        from pylti1p3.exception import LtiServiceException
        from sqlalchemy.util.concurrency import greenlet_spawn

        try:
            return await greenlet_spawn(work, *arguments)
        except LtiServiceException as error:
            status, hint = error.response.status_code, error.response.headers.get("Retry-After", "0")
            if status == 401:
                # It never asks for a second token by itself.
                self._kept = None
            again = status in (401, 429) or status >= 500
            raise FailedError(f"HTTP {status}", again=again, after=float(hint)) from error
        except requests.RequestException as error:
            raise FailedError(repr(error), again=True) from error

    async def make_column(self, quiz: str) -> str:
        """
        Return the line item of a quiz, made if there is none.
        """
        if quiz not in self.storm.columns:
            self.storm.columns[quiz] = await self._calling(self._found, quiz)
        return self.storm.columns[quiz]

    def _found(self, quiz: str) -> str:
        from pylti1p3.lineitem import LineItem

        wanted = LineItem().set_resource_id(quiz).set_tag(quiz).set_score_maximum(100).set_label(f"Quiz {quiz[-1]}")
        return str(self._service().find_or_create_lineitem(wanted, find_by="resource_id").get_id())

    async def post(self, quiz: str, score: dict[str, Any]) -> None:
        """
        Send one score.
        """
        url = await self.make_column(quiz)
        await self._calling(self._put, url, score)

    def _put(self, url: str, score: dict[str, Any]) -> None:
        from pylti1p3.grade import Grade
        from pylti1p3.lineitem import LineItem

        grade = Grade().set_user_id(score["userId"]).set_timestamp(score["timestamp"])
        grade.set_activity_progress(score["activityProgress"]).set_grading_progress(score["gradingProgress"])
        if "scoreGiven" in score:
            grade.set_score_given(score["scoreGiven"]).set_score_maximum(100)
        if "comment" in score:
            grade.set_comment(score["comment"])
        grade.set_extra_claims({MARK: score[MARK], "submission": score["submission"]})
        self._service().put_grade(grade, LineItem().set_id(url))


class InTheHandler(Base):
    """
    Sent where it arises; what fails is logged.
    """

    make_column: Callable[[str], Awaitable[str]]
    post: Callable[[str, dict[str, Any]], Awaitable[None]]

    async def want(self, quiz: str) -> None:
        """
        Make the column.
        """
        try:
            await self.make_column(quiz)
        except FailedError:
            return

    async def hand_in(self, message: Message, stamp: float) -> None:
        """
        Send the score.
        """
        try:
            await self.post(message.quiz, record(self.storm, message, stamp))
        except FailedError as error:
            self.storm.said[message.number] = str(error)


class Broker:
    """
    A job queue whose jobs outlive processes: at least once, to whoever has a free hand, eight at once in each.
    """

    HANDS, RETRIES = 8, 10

    def __init__(self, storm: Storm) -> None:
        self._storm = storm
        self._waiting: deque[Job] = deque()
        self._jitter = Random(f"{storm.seed} jitter")

    def offer(self, job: Job) -> None:
        """
        Give a job to the process that has least to do, or keep it until one has a free hand.
        """
        lives = [life for _, life in self._storm.lives.values()]
        free = [life for life in lives if len(life.jobs) < self.HANDS]  # type: ignore[attr-defined]
        if not free:
            self._waiting.append(job)
            return
        least: Any = min(free, key=lambda life: len(life.jobs))  # type: ignore[attr-defined]
        least.take(job)

    def done(self) -> None:
        """
        Somebody has a free hand, or came to life.
        """
        for _ in range(len(self._waiting)):
            self.offer(self._waiting.popleft())

    def again(self, job: Job, error: FailedError) -> bool:
        """
        Put a job back for later; False: it had its retries.
        """
        job.tries += 1
        if job.tries > self.RETRIES:
            return False
        wait = max(error.after, self._jitter.random() * min(600.0, 2.0 ** (job.tries - 1)))
        self._storm.later(self._storm.loop.now + wait, self.offer, job)
        return True


class Job:
    """
    One call to make, and the message that it is for; None: it is for a column.
    """

    def __init__(self, number: int | None, name: str, arguments: tuple[Any, ...]) -> None:
        self.number, self.name, self.arguments, self.tries = number, name, arguments, 0


class InAQueue(Base):
    """
    Put into a job queue where it arises; sent by whoever takes the job.
    """

    brokers: ClassVar[dict[int, Broker]] = {}

    def __init__(self, storm: Storm, process: Process) -> None:
        super().__init__(storm, process)
        self.jobs: set[Job] = set()
        self.broker = self.brokers.setdefault(id(storm), Broker(storm))

    async def begin(self) -> None:
        """
        Take what waits.
        """
        await super().begin()
        self.broker.done()

    async def want(self, quiz: str) -> None:
        """
        Put the column into the queue.
        """
        self.broker.offer(Job(None, "make_column", (quiz,)))

    async def hand_in(self, message: Message, stamp: float) -> None:
        """
        Put the score into the queue.
        """
        self.broker.offer(Job(message.number, "post", (message.quiz, record(self.storm, message, stamp))))

    def take(self, job: Job) -> None:
        """
        Begin a job.
        """
        self.jobs.add(job)
        self.storm.start(self.process, self._work(job))

    async def _work(self, job: Job) -> None:
        try:
            await getattr(self, job.name)(*job.arguments)
            self.storm.said.pop(job.number or 0, None)
        except FailedError as error:
            if not (error.again and self.broker.again(job, error)) and job.number is not None:
                self.storm.said[job.number] = str(error)
        self.jobs.discard(job)
        self.broker.done()

    def died(self) -> None:
        """
        Hand what was not acknowledged to others.
        """
        for job in sorted(self.jobs, key=lambda job: job.number or 0):
            self.storm.later(self.storm.loop.now + 1, self.broker.offer, job)


class hand(InTheHandler, ByHand):
    """
    A hand-written loop.
    """


class retrying(InAQueue, ByHand):
    """
    The same in a job queue that repeats.
    """


class pylti(InTheHandler, WithPyLTI):
    """
    PyLTI1p3.
    """


class pyltiretrying(InAQueue, WithPyLTI):
    """
    PyLTI1p3 in a job queue that repeats.
    """


class aioags(Base):
    """
    aioags without its outbox.
    """

    async def begin(self) -> None:
        """
        Open the client.
        """
        dice = Random(f"{self.storm.seed} {self.process.name}")
        self.runtime = Runtime(self.storm.loop.time, self.process.wall, asyncio.sleep, dice.random)
        self.client = Client(transport=Line(self.storm), runtime=self.runtime)
        self.registration = Registration(**self.agreed | {"key": self.storm.key})
        self.endpoint = Endpoint.from_claim(self.claim)
        self.gradebook: Gradebook = self.client.gradebook(self.registration, self.endpoint)

    async def want(self, quiz: str) -> None:
        """
        Make the column; until it is there, if only the platform is away.
        """
        while quiz not in self.storm.columns:
            try:
                item = await self.gradebook.find_or_create_line_item(
                    label=f"Quiz {quiz[-1]}", score_maximum=100, resource_id=quiz
                )
            except AGSError as error:
                if not error.transient:
                    return
                await asyncio.sleep(error.retry_after or 5.0)
            else:
                self.storm.columns[quiz] = str(item.id)

    def score(self, message: Message) -> Score:
        """
        Write a message as a score, which stamps itself.
        """
        user, handed_in = self.storm.users[message.learner], datetime.fromtimestamp(EPOCH + message.handed_in, UTC)
        more: dict[str, Any] = {"submission": Submission(submitted_at=handed_in), "extensions": {MARK: message.number}}
        if message.points is None:
            return Score.progress(user, "Submitted", grading_progress="Pending", **more)
        return Score.graded(user, message.points, score_maximum=100, comment=message.comment, **more)

    async def hand_in(self, message: Message, stamp: float) -> None:
        """
        Send the score.
        """
        score = self.score(message)
        await self.want(message.quiz)
        try:
            await self.gradebook.post_score(score, line_item=self.storm.columns[message.quiz])
        except AGSError as error:
            self.storm.said[message.number] = str(error)


class outbox(aioags):
    """
    aioags with its outbox.
    """

    tables: ClassVar[dict[int, Table]] = {}

    async def begin(self) -> None:
        """
        Open the client and the outbox.
        """
        await super().begin()
        self.store = MemoryStore(self.tables.setdefault(id(self.storm), Table()))
        self.outbox = Outbox(
            self.store,
            self.client,
            {"school": self.registration},
            runtime=self.runtime,
            on_refused=self._told,
            on_unknown=self._told,
            on_recorded=lambda _, delivery: self.storm.said.pop(delivery.score.extensions[MARK], None),
        )
        await self.outbox.__aenter__()

    def _told(self, _: Any, delivery: Any) -> None:
        self.storm.said[delivery.score.extensions[MARK]] = str(delivery.error)

    def died(self) -> None:
        """
        Lose the lock that its death frees.
        """
        if self.store.leads:
            self.tables[id(self.storm)].led = False

    async def hand_in(self, message: Message, stamp: float) -> None:
        """
        Store the score.
        """
        score = self.score(message)
        await self.want(message.quiz)
        await self.outbox.put("school", self.endpoint, score, line_item=self.storm.columns[message.quiz])


CONTESTANTS: dict[str, Callable[[Storm, Process], Any]] = {
    each.__name__: each for each in (hand, retrying, pylti, pyltiretrying, aioags, outbox)
}
