"""
One column for one identity: several processes ask for it at once, and all get the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from aioags import AGSError, LineItem, LostAnswerError, MalformedError, NoticeEvent, RequestEvent, RetryPolicy, Score
from aioags.emulator import PROFILES, Exchange, Fault
from aioags.protocol.messages import Request, Response
from tests.fakes import CONTAINER, HOST, PaperPlatform, answer, endpoint, registration, sent_json
from tests.rigs.listening import keeping
from tests.rigs.memory import Stand, until
from tests.rigs.processes import World, processes

QUIZ: dict[str, Any] = {"label": "Quiz", "score_maximum": 10, "resource_id": "quiz-1", "tag": "grade"}
SEEDS = 25


async def ask_all(world: World, **changes: Any) -> list[LineItem]:
    """
    Let every process find or create the quiz at once.
    """
    wanted = QUIZ | changes
    return await asyncio.gather(*(stand.gradebook.find_or_create_line_item(**wanted) for stand in world.stands))


async def work(stand: Stand, user: str) -> tuple[str, bool]:
    """
    Do what a launch does: find or create the column, and post a score at once.

    Returns:
        The column's id, and whether the score was told as recorded.
    """
    item = await stand.gradebook.find_or_create_line_item(**QUIZ)
    try:
        await stand.gradebook.post_score(Score.graded(user, 8, score_maximum=10), line_item=item)
    except AGSError as error:
        return str(item.id), error.recorded is True
    return str(item.id), True


def on(world: World, operation: str, act: Callable[[], None]) -> None:
    """
    Do something once, after the platform applied the first request of this kind.
    """
    done = []

    def listen(exchange: Exchange) -> None:
        if exchange.operation == operation and exchange.applied and not done:
            done.append(exchange)
            act()

    world.platform.subscribe(listen)


# -- Whatever the order ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["spec", "moodle", "canvas", "openedx", "sakai", "blackboard", "brightspace"])
async def test_d11_all_get_the_same_and_no_recorded_score_is_lost(profile: str) -> None:
    for seed in range(SEEDS):
        async with processes(2 + seed % 4, profile, seed=seed, users=5) as world:
            users = world.platform.users()
            done = await asyncio.gather(*(work(stand, users[n]) for n, stand in enumerate(world.stands)))
            ids = {item for item, _ in done}
            assert len(ids) == 1, f"seed {seed}: {ids}"
            stays = len(world.columns(resourceId="quiz-1")) - 1
            assert stays == 0 or len(world.told) >= stays, f"seed {seed}: {stays} stay, told of {world.told}"
            for (item, recorded), user in zip(done, users, strict=False):
                assert not recorded or world.platform.history(item, user), f"seed {seed}: the score of {user} is gone"
            assert not [item for item in world.platform.line_items() if item["label"].startswith("unused")]


@pytest.mark.parametrize("profile", ["spec", "moodle", "canvas", "blackboard", "brightspace"])
async def test_d11_where_a_platform_lets_a_tool_delete_one_column_is_left(profile: str) -> None:
    for seed in range(SEEDS):
        async with processes(4, profile, seed=seed) as world:
            found = await ask_all(world)
            assert world.columns(resourceId="quiz-1") == [found[0].id], f"seed {seed}"
            assert world.told == [], f"seed {seed}"


async def test_d11_the_draw_does_make_several() -> None:
    made = 0
    for seed in range(SEEDS):
        async with processes(4, seed=seed) as world:
            await ask_all(world)
            made += world.platform.counts["create_line_item"] > 1
    assert made > SEEDS / 2


@pytest.mark.parametrize("applied", [True, False])
async def test_d11_lost_answers_in_between_change_nothing(applied: bool) -> None:
    for seed in range(SEEDS):
        async with processes(3, seed=seed, users=3) as world:
            for operation in ("create_line_item", "list_line_items", "update_line_item", "delete_line_item"):
                world.platform.faults.add(Fault.drop(operation=operation, applied=applied, probability=0.3))
            users = world.platform.users()
            done = await asyncio.gather(*(work(stand, users[n]) for n, stand in enumerate(world.stands)))
            assert len({item for item, _ in done}) == 1, f"seed {seed}"
            for (item, recorded), user in zip(done, users, strict=False):
                assert not recorded or world.platform.history(item, user), f"seed {seed}"
            columns = world.columns(resourceId="quiz-1")
            assert len(columns) == 1 or world.told, f"seed {seed}"


@pytest.mark.parametrize("lag", [0.5, 3.0, 10.0])
async def test_d11_lists_that_lag_are_waited_for(lag: float) -> None:
    for seed in range(5):
        async with processes(3, seed=seed) as world:
            world.platform.course.list_lag = lag
            found = await ask_all(world)
            assert len({item.id for item in found}) == 1
            world.time.now += lag
            assert world.columns(resourceId="quiz-1") == [found[0].id]


async def test_d11_a_listing_that_never_shows_it_is_told() -> None:
    async with processes(1) as world:
        world.platform.course.list_lag = 1e6
        (found,) = await ask_all(world)
        assert [found.id] == world.columns(resourceId="quiz-1")
        assert [text for text in world.told if "does not show it" in text]
        assert world.time.now < 60


async def test_d11_what_the_platform_did_not_keep_is_not_waited_for() -> None:
    async with processes(1, "blackboard") as world:
        link = next(iter(world.platform.course.links))
        (found,) = await ask_all(world, resource_link_id=link)
        assert found.id is not None and world.time.slept == []


# -- A twin that stays -------------------------------------------------------------------------------------------------


async def race(world: World, **changes: Any) -> list[LineItem]:
    """
    Let two processes create one column each.
    """
    found = await ask_all(world, **changes)
    assert world.platform.counts["create_line_item"] == 2
    assert found[0].id == found[1].id
    return found


async def test_d11_two_make_one_each_and_one_is_deleted() -> None:
    async with processes(2) as world:
        found = await race(world)
        assert world.columns(label="Quiz") == [found[0].id]
        assert len(world.platform.line_items()) == 2
        assert (world.told, world.platform.counts["delete_line_item"]) == ([], 1)


@pytest.mark.parametrize("operation", ["update_line_item", "delete_line_item", "results"])
async def test_d11_a_refusal_leaves_it_as_it_was_and_says_so(operation: str) -> None:
    async with processes(2) as world:
        refused = Fault.answer(403, operation=operation, skip=0)
        world.platform.faults.add(refused)
        await race(world)
        assert len(world.columns(label="Quiz", resourceId="quiz-1", tag="grade")) == 2
        (why,) = world.told
        assert "a second one stays: ForbiddenError" in why


async def test_d11_openedx_lets_nobody_delete() -> None:
    async with processes(2, "openedx") as world:
        await race(world)
        assert len(world.columns(label="Quiz", resourceId="quiz-1", tag="grade")) == 2
        assert len(world.told) == 1


async def test_d11_the_url_in_what_is_told_is_the_twins() -> None:
    async with processes(2, "openedx") as world:
        found = await race(world)
        (event,) = [event for event in world.events if isinstance(event, NoticeEvent)]
        assert event.url in world.columns(resourceId="quiz-1")
        assert event.url != found[0].id
        assert event.operation == "find_or_create_line_item"


async def test_d11_a_platform_that_keeps_the_fields_on_put_keeps_the_twin() -> None:
    async with processes(2) as world:

        def restore() -> None:
            for item in world.platform.course.items.values():
                if item.fields["label"].startswith("unused"):
                    item.fields |= {"resourceId": "quiz-1", "tag": "grade"}

        on(world, "update_line_item", restore)
        await race(world)
        assert len(world.columns(label="Quiz", resourceId="quiz-1")) == 2
        assert "keeps what it is recognised by" in world.told[0]


async def test_d11_recognised_by_its_link_alone_it_is_not_touched() -> None:
    async with processes(2, coupled_line_item=False) as world:
        link = next(iter(world.platform.course.links))
        await race(world, resource_id=None, tag=None, resource_link_id=link)
        assert len(world.columns(label="Quiz", resourceLinkId=link)) == 2
        assert "by its link alone" in world.told[0]
        assert world.platform.counts["update_line_item"] == world.platform.counts["delete_line_item"] == 0


@pytest.mark.parametrize("scope", ["result.readonly"])
async def test_d11_who_may_not_read_results_changes_nothing(scope: str) -> None:
    async with processes(2) as world:
        books = [
            stand.second_gradebook(scope=frozenset(one for one in stand.endpoint.scope if not one.endswith(scope)))
            for stand in world.stands
        ]
        found = await asyncio.gather(*(book.find_or_create_line_item(**QUIZ) for book in books))
        assert found[0].id == found[1].id
        assert "cannot be seen to be empty" in world.told[0]
        assert world.platform.counts["update_line_item"] == 0


@pytest.mark.parametrize("operation", ["update_line_item", "get_line_item", "delete_line_item"])
@pytest.mark.parametrize("skip", [0, 1])
async def test_d11_an_outage_in_between_hides_nothing_for_good(operation: str, skip: int) -> None:
    async with processes(2, client={"retry": RetryPolicy(attempts=1)}) as world:
        world.platform.faults.add(Fault.drop(operation=operation, skip=skip, times=1, applied=True))
        done = await asyncio.gather(
            *(stand.gradebook.find_or_create_line_item(**QUIZ) for stand in world.stands), return_exceptions=True
        )
        assert not [item for item in world.platform.line_items() if item["label"].startswith("unused")]
        assert all(isinstance(one, LineItem) or (isinstance(one, AGSError) and one.recorded) for one in done)
        columns = world.columns(label="Quiz", resourceId="quiz-1", tag="grade")
        assert len(columns) == 1 or len(world.told) == 1


async def test_d11_cancelled_while_it_is_hidden_it_says_so() -> None:
    async with processes(2) as world:
        calls = [asyncio.create_task(stand.gradebook.find_or_create_line_item(**QUIZ)) for stand in world.stands]
        await until(lambda: world.platform.counts["update_line_item"] == 1)
        for call in calls:
            call.cancel()
        sent = world.platform.counts.total()
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(one) for one in done if isinstance(one, BaseException)] == [asyncio.CancelledError]
        assert world.told == ["a second one stays: cancelled while it was hidden"]
        assert world.platform.counts.total() == sent


async def test_d11_a_score_that_came_onto_the_twin_keeps_it() -> None:
    async with processes(2, users=2) as world:
        user = world.platform.users()[0]

        def score_twin() -> None:
            (twin,) = [item for item in world.platform.course.items.values() if item.fields["label"] != "Quiz"][1:]
            twin.grade(user).points = 7
            twin.grade(user).statement = {"scoreGiven": 7}

        on(world, "update_line_item", score_twin)
        found = await race(world)
        columns = world.columns(label="Quiz", resourceId="quiz-1", tag="grade")
        assert len(columns) == 2
        (twin,) = set(columns) - {found[0].id}
        assert world.platform.result(twin, user)["resultScore"] == 7  # type: ignore[index]
        assert "it holds a result" in world.told[0]


async def test_d11_a_progress_that_moodle_recorded_keeps_it_too() -> None:
    async with processes(2, "moodle", users=2) as world:
        user = world.platform.users()[0]

        def touch_twin() -> None:
            (twin,) = [one for one in world.platform.course.items.values() if one.fields["label"].startswith("unused")]
            twin.grade(user).stamp = 5.0

        on(world, "update_line_item", touch_twin)
        await race(world)
        assert "it holds a result" in world.told[0]


async def test_d11_the_adopted_one_is_gone_and_all_begins_anew() -> None:
    async with processes(2) as world:

        def delete_first() -> None:
            numbers = [number for number, item in world.platform.course.items.items() if item.fields["label"] == "Quiz"]
            del world.platform.course.items[numbers[0]]

        on(world, "update_line_item", delete_first)
        found = await ask_all(world)
        # The other had returned before somebody deleted its column.
        left = max(str(item.id) for item in found)
        assert world.columns(label="Quiz", resourceId="quiz-1") == [left]
        # No score went there yet.
        assert [left in stand.client._shared.new for stand in world.stands] == [item.id == left for item in found]
        again = await ask_all(world)
        assert [item.id for item in again] == world.columns(resourceId="quiz-1") * 2
        assert "is gone" in world.told[0]


async def test_d11_a_platform_where_it_is_always_gone_ends() -> None:
    platform = PaperPlatform()
    made = [0]

    def respond(request: Request) -> Response:
        if request.method == "POST":
            made[0] += 1
            return answer(201, quiz(10 * made[0]))
        if request.method == "PUT":
            return answer(200, sent_json(request))
        if request.url.startswith(CONTAINER):
            lists = [one for one in platform.sent if one.method == "GET" and one.url.startswith(CONTAINER)]
            return answer(200, [quiz(3), quiz(10 * made[0])] if len(lists) % 2 == 0 else [])
        if request.url == quiz(3)["id"]:
            return answer(404)
        return answer(200, quiz(10 * made[0]) | {"tag": "hidden"})

    platform.script = [respond] * 1000
    with pytest.raises(MalformedError, match="is gone each time"):
        await platform.gradebook().find_or_create_line_item(**QUIZ)
    assert made[0] == 5
    assert "DELETE" not in {request.method for request in platform.sent}


# -- Ids that are no numbers -------------------------------------------------------------------------------------------


def quiz(name: object) -> dict[str, Any]:
    """
    Return the quiz as a platform writes it, with an id made of a name.
    """
    url = f"{HOST}/2/lineitems/{name}/lineitem"
    return {"id": url, "label": "Quiz", "scoreMaximum": 10, "resourceId": "quiz-1", "tag": "grade"}


class Turning(PaperPlatform):
    """
    A platform on paper that answers a turn of the loop later, so that others can ask meanwhile.
    """

    async def send(self, request: Request) -> Response:
        await asyncio.sleep(0)
        return await super().send(request)


@attrs.define
class Named:
    """
    A platform whose ids are names, drawn in an order that says nothing.

    Attributes:
        newest_first: How it lists them. None: otherwise each time.

        items: What it holds, oldest first.
    """

    newest_first: bool | None = False
    items: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    lists: int = 0
    names: list[str] = attrs.field(factory=lambda: ["fig", "date", "elder", "apple", "cherry", "banana"])

    def respond(self, request: Request) -> Response:
        """
        Answer one request.
        """
        url = request.url.partition("?")[0]
        if request.method == "POST":
            made = sent_json(request) | {"id": quiz(self.names.pop(0))["id"]}
            self.items[made["id"]] = made
            return answer(201, made)
        if url == CONTAINER.partition("?")[0]:
            self.lists += 1
            turned = self.lists % 2 if self.newest_first is None else self.newest_first
            return answer(200, list(self.items.values())[:: -1 if turned else 1])
        if url.endswith("/results"):
            return answer(200, [])
        if url not in self.items:
            return answer(404)
        if request.method == "PUT":
            self.items[url] = sent_json(request) | {"id": url}
        return answer(204) if request.method == "DELETE" and self.items.pop(url) else answer(200, self.items[url])

    async def ask(self, count: int, events: list[NoticeEvent]) -> list[LineItem]:
        """
        Let so many processes ask for the quiz at once.
        """
        papers = [Turning(script=[self.respond] * 200) for _ in range(count)]
        listen = keeping(events, NoticeEvent)
        books = [paper.client(on_event=listen).gradebook(registration(), endpoint()) for paper in papers]
        return list(await asyncio.gather(*(book.find_or_create_line_item(**QUIZ) for book in books)))


@pytest.mark.parametrize("newest_first", [False, True])
async def test_d11_without_numbers_the_platforms_order_decides(newest_first: bool) -> None:
    platform, events = Named(newest_first), list[NoticeEvent]()
    found = await platform.ask(3, events)
    assert len({item.id for item in found}) == 1
    assert [item["id"] for item in platform.items.values()] == [found[0].id]
    assert platform.names[0] == "apple"


async def test_d11_where_two_listings_disagree_all_take_the_same_and_nothing_is_deleted() -> None:
    platform, events = Named(None), list[NoticeEvent]()
    found = await platform.ask(3, events)
    assert {item.id for item in found} == {quiz("date")["id"]}
    assert len(platform.items) == 3
    told = [event.reason for event in events]
    assert told == ["a second one stays: nobody knows which was made first"] * 2


@pytest.mark.parametrize("newest_first, first", [(False, "fig"), (True, "elder")])
async def test_d11_of_several_that_were_there_the_first_listed_is_taken(newest_first: bool, first: str) -> None:
    platform = Named(newest_first)
    for _ in range(3):
        platform.items |= {quiz(name := platform.names.pop(0))["id"]: quiz(name)}
    found = await platform.ask(2, [])
    assert {item.id for item in found} == {quiz(first)["id"]}
    assert platform.names[0] == "apple"


# -- What was there before ---------------------------------------------------------------------------------------------


async def test_d11_of_existing_duplicates_everybody_takes_the_first_made() -> None:
    async with processes(3, attrs.evolve(PROFILES["spec"], page_size=1)) as world:
        first, *_ = [
            world.platform.add_line_item(f"Quiz {n}", 10, resource_id="quiz-1", tag="grade") for n in range(12)
        ]
        found = await ask_all(world)
        assert {item.label for item in found} == {"Quiz 0"}
        assert len(world.columns(resourceId="quiz-1")) == 12
        assert world.platform.item(found[0].id) is first
        assert world.platform.counts["create_line_item"] == world.platform.counts["delete_line_item"] == 0


@pytest.mark.parametrize("applied", [True, False])
async def test_d11_a_lost_creation_of_ones_own_makes_no_second(applied: bool) -> None:
    async with processes(1) as world:
        world.platform.faults.add(Fault.drop(operation="create_line_item", applied=applied, times=1))
        (found,) = await ask_all(world)
        assert world.columns(resourceId="quiz-1") == [found.id]
        assert world.told == []


async def test_d11_what_a_lost_answer_made_too_late_is_adopted_and_the_second_deleted() -> None:
    async with processes(1) as world:
        world.platform.course.list_lag = 2.0
        world.platform.faults.add(Fault.drop(operation="create_line_item", applied=True, times=1))
        (found,) = await ask_all(world)
        assert world.platform.counts["create_line_item"] == 2
        assert world.columns(resourceId="quiz-1") == [found.id]


async def test_d11_a_listing_that_fails_after_the_creation_says_that_it_was_made() -> None:
    async with processes(1) as world:
        world.platform.faults.add(Fault.answer(403, operation="list_line_items", skip=1))
        with pytest.raises(AGSError) as caught:
            await ask_all(world)
        assert caught.value.recorded is True
        assert len(world.columns(resourceId="quiz-1")) == 1


async def test_d11_within_one_client_nothing_is_made_in_vain() -> None:
    async with processes(1) as world:
        stand = world.stands[0]
        books = [stand.second_gradebook() for _ in range(20)]
        found = await asyncio.gather(*(book.find_or_create_line_item(**QUIZ) for book in books))
        assert len({item.id for item in found}) == 1
        assert world.platform.counts["create_line_item"] == 1


# -- Clearing up -------------------------------------------------------------------------------------------------------


async def test_d11_dedupe_shows_and_then_deletes_the_empty_ones_only() -> None:
    async with processes(1, users=2) as world:
        book, user = world.stands[0].gradebook, world.platform.users()[0]
        for n in range(4):
            world.platform.add_line_item(f"Quiz {n}", 10, resource_id="quiz-1", tag="grade")
        urls = world.columns(resourceId="quiz-1")
        await book.post_score(Score.graded(user, 5, score_maximum=10), line_item=urls[2])
        shown = await book.dedupe_line_items(resource_id="quiz-1")
        assert shown.kept is not None
        assert shown.kept.id == urls[0]
        assert [item.id for item in shown.empty] == [urls[1], urls[3]]
        assert [item.id for item in shown.in_use] == [urls[2]]
        assert shown.deleted == ()
        assert world.columns(resourceId="quiz-1") == urls
        done = await book.dedupe_line_items(resource_id="quiz-1", delete=True)
        assert [item.id for item in done.deleted] == [urls[1], urls[3]]
        assert world.columns(resourceId="quiz-1") == [urls[0], urls[2]]
        assert (await book.dedupe_line_items(resource_id="quiz-1", delete=True)).deleted == ()


async def test_d11_dedupe_of_nothing_and_of_one() -> None:
    async with processes(1) as world:
        book = world.stands[0].gradebook
        assert await book.dedupe_line_items(tag="none") == attrs.evolve(await book.dedupe_line_items(tag="none"))
        assert (await book.dedupe_line_items(tag="none")).kept is None
        (one,) = await ask_all(world)
        shown = await book.dedupe_line_items(tag="grade", delete=True)
        assert (shown.kept, shown.empty, shown.in_use, shown.deleted) == (one, (), (), ())
        with pytest.raises(ValueError, match="resource_id, tag or resource_link_id"):
            await book.dedupe_line_items()


async def test_d11_dedupe_leaves_what_came_with_a_link() -> None:
    async with processes(1) as world:
        course = world.platform.course
        world.platform.add_line_item("Made by a tool", 10, resource_id="quiz-1")
        link = world.platform.add_link("Placed by a teacher")
        world.platform.add_line_item("Its own", 10, link=link, resource_id="quiz-1")
        shown = await world.stands[0].gradebook.dedupe_line_items(resource_id="quiz-1", delete=True)
        assert [item.label for item in shown.in_use] == ["Its own"]
        assert (shown.empty, len(course.items)) == ((), 3)


async def test_d11_dedupe_never_deletes_the_coupled_one() -> None:
    async with processes(1) as world:
        link = next(iter(world.platform.course.links))
        for item in world.platform.course.items.values():
            item.fields["label"] = "The link's own"
        world.platform.add_line_item("Another on the link", 10).fields["resourceLinkId"] = link
        book = world.stands[0].gradebook
        shown = await book.dedupe_line_items(resource_link_id=link, delete=True)
        assert shown.kept is not None
        assert shown.kept.label == "The link's own"
        assert [item.label for item in shown.deleted] == ["Another on the link"]


async def test_d11_a_lost_deletion_is_done() -> None:
    async with processes(1) as world:
        for n in range(2):
            world.platform.add_line_item(f"Quiz {n}", 10, resource_id="quiz-1")
        world.platform.faults.add(Fault.drop(operation="delete_line_item", applied=True, times=1))
        done = await world.stands[0].gradebook.dedupe_line_items(resource_id="quiz-1", delete=True)
        assert len(done.deleted) == 1
        assert len(world.columns(resourceId="quiz-1")) == 1
        assert LostAnswerError.__name__ in [event.error for event in world.events if isinstance(event, RequestEvent)]
