"""
A line item is made once: how often that is tried, and who waits for whom.
"""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs
import pytest

from aioags import Client, Gradebook, LineItem, LostAnswerError, RetryPolicy
from aioags.protocol.messages import Request, Response
from tests.fakes import CONTAINER, HOST, PaperPlatform, answer, endpoint, item_record, registration, sent_json
from tests.rigs.memory import until

NEW = LineItem("Quiz 1", 10, resource_id="quiz-1", tag="grade")
OTHER_CONTAINER = f"{HOST}/3/lineitems?type_id=1"
# More than any policy here allows; a tool that goes on fails by the script's end instead of hanging.
MANY = 400


@attrs.define
class Silent(PaperPlatform):
    """
    Nothing that is posted is ever answered, and no listing ever shows it.

    Attributes:
        posted: When each creation was sent, seconds.
    """

    posted: list[float] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.script = [self._hear] * MANY

    def _hear(self, request: Request) -> Response:
        if request.method == "GET":
            return answer(200, [])
        self.posted.append(self.time.now)
        raise LostAnswerError("gone", recorded=None, transient=True)

    def opened(self, retry: RetryPolicy) -> Gradebook:
        """
        Return a gradebook that tries as it is told.
        """
        return self.client(retry=retry).gradebook(registration(), endpoint())


@attrs.define
class Editor(PaperPlatform):
    """
    Makes line items in its own words, filters its listing by them, and does not answer the first creation.

    Attributes:
        edits: What it makes of what it is sent.
    """

    edits: dict[str, str | None] = attrs.field(factory=dict)
    columns: list[dict[str, Any]] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.script = [self._hear] * MANY

    def _hear(self, request: Request) -> Response:
        if request.method == "GET":
            asked = dict(parse_qsl(urlsplit(request.url).query))
            wanted = {field: asked[name] for name, field in FILTERS.items() if name in asked}
            shown = [one for one in self.columns if wanted.items() <= one.items()]
            return answer(200, shown)
        self.columns.append(sent_json(request) | {"id": f"{HOST}/2/lineitems/{len(self.columns)}"} | self.edits)
        if len(self.columns) == 1:
            raise LostAnswerError("gone", recorded=None, transient=True)
        return answer(201, self.columns[-1])


FILTERS = {"resource_id": "resourceId", "tag": "tag", "resource_link_id": "resourceLinkId"}
# What it does not keep, it does not keep recognisably: nobody knows, and nothing is made twice.
EDITS: dict[str, tuple[LineItem, dict[str, str | None], bool]] = {
    "nothing": (NEW, {}, True),
    "a link of its own": (NEW, {"resourceLinkId": "link-9"}, True),
    "a tag of its own": (attrs.evolve(NEW, tag=None), {"tag": "external"}, True),
    "a resource id of its own": (attrs.evolve(NEW, resource_id=None), {"resourceId": "r-1"}, True),
    "no tag": (NEW, {"tag": None}, False),
    "a tag without its marks": (attrs.evolve(NEW, tag="a|b"), {"tag": "ab"}, False),
    "a tag in capitals": (NEW, {"tag": "GRADE"}, False),
    "a shorter tag": (attrs.evolve(NEW, tag="g" * 100), {"tag": "g" * 40}, False),
}


@pytest.mark.parametrize("item, edits, known", EDITS.values(), ids=EDITS.keys())
@pytest.mark.parametrize("way", ["create", "find or create"])
async def test_what_a_platform_changes_of_a_line_item_makes_no_second_one(
    item: LineItem, edits: dict[str, str | None], known: bool, way: str
) -> None:
    platform = Editor(edits=edits)
    gradebook = platform.gradebook()
    fields = {"label": item.label, "score_maximum": item.score_maximum}
    fields |= {"resource_id": item.resource_id, "tag": item.tag}
    call = gradebook.create_line_item(item) if way == "create" else gradebook.find_or_create_line_item(**fields)
    # Whoever did not look before cannot tell it from an older one that has something more.
    if known and (way != "create" or not edits):
        assert (await call).id == f"{HOST}/2/lineitems/0"
    else:
        with pytest.raises(LostAnswerError) as caught:
            await call
        assert caught.value.recorded is None
    assert len(platform.columns) == 1


async def test_an_older_line_item_of_another_tag_is_not_taken_for_what_was_lost() -> None:
    older = item_record(label="Quiz 1", tag="time", scoreMaximum=10)
    lost = LostAnswerError("gone", recorded=None, transient=True)
    platform = PaperPlatform(script=[lost, answer(200, [older]), answer(201, item_record())])
    assert (await create(platform.gradebook())).tag == "grade"


async def create(gradebook: Gradebook) -> LineItem:
    """
    Create the quiz.
    """
    return await gradebook.create_line_item(NEW)


async def find_or_create(gradebook: Gradebook, resource_id: str = "quiz-1") -> LineItem:
    """
    Find the quiz, or create it.
    """
    return await gradebook.find_or_create_line_item(label="Quiz 1", score_maximum=10, resource_id=resource_id)


@pytest.mark.parametrize("make", [create, find_or_create])
@pytest.mark.parametrize("attempts", [1, 2, 4])
async def test_a_creation_is_tried_as_often_as_the_policy_says_and_looked_for_in_between(
    make: Any, attempts: int
) -> None:
    platform = Silent()
    with pytest.raises(LostAnswerError) as caught:
        await make(platform.opened(RetryPolicy(attempts=attempts)))
    assert caught.value.recorded is None
    assert len(platform.posted) == attempts
    methods = [request.method for request in platform.sent]
    assert ("POST", "POST") not in list(pairwise(methods))


@pytest.mark.parametrize("make", [create, find_or_create])
async def test_a_creation_ends_with_the_time_of_the_policy(make: Any) -> None:
    platform = Silent()
    policy = RetryPolicy(attempts=MANY, first_wait=1.0, longest_wait=4.0, total_time=60.0)
    with pytest.raises(LostAnswerError):
        await make(platform.opened(policy))
    # Waits of 2 s, once they are longest: about thirty fit.
    assert 20 <= len(platform.posted) <= 35
    assert platform.posted[-1] <= 60.0 + 4.0


# -- Who waits for whom ------------------------------------------------------------------------------------------------


@attrs.define
class Stuck:
    """
    A platform with many containers, of which one does not answer until it is told.

    Attributes:
        stuck: Its URL, without the query.

        items: What was created, by container.
    """

    stuck: str
    go: asyncio.Event = attrs.field(factory=asyncio.Event)
    items: dict[str, list[dict[str, Any]]] = attrs.field(factory=dict)
    listed: list[str] = attrs.field(factory=list)
    _paper: PaperPlatform = attrs.field(factory=PaperPlatform)

    async def send(self, request: Request) -> Response:
        """
        Answer, or wait.
        """
        if "lineitems" not in request.url:
            return await self._paper.send(request)
        if request.method == "GET":
            self.listed.append(request.url)
        if request.url.startswith(self.stuck):
            await self.go.wait()
        return self._answer(request)

    def _answer(self, request: Request) -> Response:
        items = self.items.setdefault(request.url.partition("?")[0], [])
        if request.method == "GET":
            return answer(200, list(items))
        items.append(item_record(id=f"{request.url.partition('?')[0]}/{len(items)}/lineitem", tag=None))
        return answer(201, items[-1])

    async def aclose(self) -> None:
        """
        Nothing to close.
        """

    def client(self) -> Client:
        """
        Return a client that talks to this platform.
        """
        return Client(transport=self, runtime=self._paper.time.runtime())


async def test_the_same_item_of_another_course_does_not_wait_for_this_one() -> None:
    """
    Resource ids are the tool's, and the same in every copy of a course: one container that hangs must not hold up all.
    """
    platform = Stuck(stuck=CONTAINER.partition("?")[0])
    client = platform.client()
    waiting = asyncio.create_task(find_or_create(client.gradebook(registration(), endpoint())))
    await until(lambda: platform.listed != [])
    other = asyncio.create_task(find_or_create(client.gradebook(registration(), endpoint(lineitems=OTHER_CONTAINER))))
    await until(other.done)
    assert not waiting.done()
    platform.go.set()
    assert (await waiting).id != (await other).id


async def test_another_item_of_the_same_course_does_not_wait_for_this_one() -> None:
    platform = Stuck(stuck=f"{CONTAINER}&resource_id=quiz-1")
    gradebook = platform.client().gradebook(registration(), endpoint())
    waiting = asyncio.create_task(find_or_create(gradebook))
    await until(lambda: platform.listed != [])
    other = asyncio.create_task(find_or_create(gradebook, "quiz-2"))
    await until(other.done)
    assert not waiting.done()
    platform.go.set()
    await waiting


async def test_the_same_item_of_the_same_course_is_made_once_also_by_two_gradebooks() -> None:
    platform = Stuck(stuck=CONTAINER.partition("?")[0])
    client = platform.client()
    both = [asyncio.create_task(find_or_create(client.gradebook(registration(), endpoint()))) for _ in range(2)]
    for _ in range(100):
        await asyncio.sleep(0)
    # The second waits for the first, and looks after it.
    assert len(platform.listed) == 1
    platform.go.set()
    one, other = await asyncio.gather(*both)
    assert one.id == other.id
    assert [len(items) for items in platform.items.values()] == [1]
