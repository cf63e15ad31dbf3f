"""
aioags.blocking over sockets: threads, cursors of theirs, Ctrl-C, forks and the end of the program.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest

import aioags
from aioags import Endpoint, LineItem, NotFoundError, Registration, Score, blocking
from aioags.emulator import Platform, serve_in_thread
from aioags.grading.plan import Plan
from aioags.grading.posting import ScorePosting


@pytest.fixture
def platform() -> Iterator[Platform]:
    platform = Platform.create("spec", users=30)
    with serve_in_thread(platform):
        yield platform


@pytest.fixture
def ags(both_transports: str) -> Iterator[blocking.Client]:
    with blocking.Client() as client:
        yield client


def opened(ags: blocking.Client, platform: Platform) -> blocking.Gradebook:
    registration = Registration(**platform.registration_args())
    return ags.gradebook(registration, Endpoint.from_claim(platform.endpoint_claim()))


@pytest.fixture
def book(ags: blocking.Client, platform: Platform) -> blocking.Gradebook:
    return opened(ags, platform)


def scores(platform: Platform, points: float = 8) -> list[Score]:
    return [Score.graded(user, points, score_maximum=10) for user in platform.users()]


# The signatures


def parameters(call: Any) -> list[tuple[str, Any, Any]]:
    return [(one.name, one.kind, one.default) for one in inspect.signature(call).parameters.values()]


# Sources are pulled in the caller's thread: what they may be differs, so annotations are not compared.
@pytest.mark.parametrize("name", sorted(name for name in dir(aioags.Gradebook) if not name.startswith("_")))
def test_a_gradebook_has_the_same_verbs(name: str) -> None:
    theirs, ours = getattr(aioags.Gradebook, name), getattr(blocking.Gradebook, name)
    if isinstance(theirs, property):
        assert isinstance(ours, property)
        return
    assert parameters(ours) == parameters(theirs)
    assert not inspect.iscoroutinefunction(ours)
    assert not inspect.isasyncgenfunction(ours)


@pytest.mark.parametrize("name", ["gradebook", "memberships", "stats"])
def test_a_client_has_the_same_verbs(name: str) -> None:
    assert parameters(getattr(blocking.Client, name)) == parameters(getattr(aioags.Client, name))


def test_what_a_client_has_besides_is_run() -> None:
    """
    A verb that is new in the asynchronous client must be thought of here.
    """
    theirs = {name for name in dir(aioags.Client) if not name.startswith("_")}
    assert theirs - set(dir(blocking.Client)) == {"aclose", "ltiaas", "service"}


def test_a_plan_and_deliveries_have_what_the_asynchronous_ones_have() -> None:
    public = {name for name in dir(Plan) if not name.startswith("_")}
    # What is to be sent goes to somebody in the loop: an outbox.
    assert public - set(dir(blocking.Plan)) == {"to_send"}
    assert parameters(blocking.Plan.apply) == parameters(Plan.apply)
    assert {name for name in dir(ScorePosting) if not name.startswith("_")} <= {"report"}
    assert parameters(blocking.Gradebook.stream_scores) == parameters(aioags.Gradebook.post_scores)


# The verbs


def test_a_day(book: blocking.Gradebook, ags: blocking.Client, platform: Platform) -> None:
    item = book.find_or_create_line_item(label="Essay", score_maximum=20, resource_id="essay-1")
    assert book.get_line_item(item).label == "Essay"
    assert [one.label for one in book.line_items()] == ["Quiz one", "Essay"]
    assert book.post_score(Score.graded(platform.users()[0], 7, score_maximum=10)).recorded
    assert book.coupled == platform.line_items()[0]["id"]
    report = book.post_scores(scores(platform), line_item=item)
    assert (report.recorded, report.ok) == (30, True)
    assert {result.fraction for result in book.results(line_item=item)} == {0.8}
    one = book.get_result(platform.users()[0], line_item=item)
    assert one is not None and one.fraction == 0.8
    renamed = book.update_line_item(LineItem("Another", 20, id=item.id, resource_id="essay-1"))
    assert renamed.label == "Another"
    assert not book.dedupe_line_items(resource_id="essay-1").deleted
    book.delete_line_item(item)
    with pytest.raises(NotFoundError):
        book.get_line_item(item)
    assert {one.name for one in ags.stats()} == {"tool-1", "token"}
    assert "in flight" in repr(ags)


def test_deliveries_come_one_by_one(book: blocking.Gradebook, platform: Platform) -> None:
    with book.stream_scores(scores(platform)) as deliveries:
        assert sum(delivery.recorded is True for delivery in deliveries) == 30
    assert deliveries.report.recorded == 30


def test_leaving_early_starts_no_more_and_loses_none(book: blocking.Gradebook, platform: Platform) -> None:
    made = scores(platform) * 20
    pulled: list[Score] = []

    def source() -> Iterator[Score]:
        for score in made:
            pulled.append(score)
            yield score

    with book.stream_scores(source()) as deliveries:
        for _ in deliveries:
            break
    assert len(pulled) < len(made)
    report = deliveries.report
    assert report.total + len(deliveries.unsent) == len(pulled)
    assert report.recorded >= 1


def test_a_plan_is_made_and_applied(book: blocking.Gradebook, platform: Platform) -> None:
    sent = scores(platform)
    plan = book.plan(iter(sent), members=iter(platform.users()))
    assert (len(plan.new), plan.not_in_course) == (30, ())
    assert plan.apply().recorded == 30
    assert str(book.plan(sent)).startswith("0 new, 0 changed, 30 unchanged")


def test_other_calls_are_awaited_in_the_background(ags: blocking.Client, platform: Platform) -> None:
    registration = Registration(**platform.registration_args())
    endpoint = Endpoint.from_claim(platform.endpoint_claim())
    item = ags.run(lambda client: client.gradebook(registration, endpoint).get_line_item())
    assert item.label == "Quiz one"
    book = ags.open_gradebook(lambda client: client.gradebook(registration, endpoint))
    assert book.get_line_item() == item


# Threads


def test_sources_are_pulled_in_the_callers_thread(book: blocking.Gradebook, platform: Platform) -> None:
    seen: set[int] = set()

    def cursor() -> Iterator[Score]:
        for score in scores(platform):
            seen.add(threading.get_ident())
            yield score

    assert book.post_scores(cursor()).recorded == 30
    with book.stream_scores(cursor()) as deliveries:
        assert sum(1 for _ in deliveries) == 30
    book.plan(cursor())
    assert seen == {threading.get_ident()}


def test_what_a_source_raises_comes_out_bare_after_what_was_pulled(
    book: blocking.Gradebook, platform: Platform
) -> None:
    def cursor() -> Iterator[Score]:
        yield from scores(platform)[:5]
        raise LookupError("the cursor is gone")

    with pytest.raises(LookupError, match="the cursor is gone") as caught:
        book.post_scores(cursor())
    assert "5 of 5 scores recorded" in "".join(caught.value.__notes__)


def test_ctrl_c_ends_a_batch_and_the_client_goes_on(book: blocking.Gradebook, platform: Platform) -> None:
    def cursor() -> Iterator[Score]:
        yield from scores(platform)[:3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        book.post_scores(cursor())
    assert book.post_scores(scores(platform)).recorded == 30


def test_threads_share_one_client_and_one_token(book: blocking.Gradebook, platform: Platform) -> None:
    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(lambda _: book.post_scores(scores(platform)), range(8)))
    assert sum(report.total for report in reports) == 240
    assert not any(report.failed and not report.failed[0].error for report in reports)
    tokens = [one for one in platform.requests if "token" in one.request.url]
    assert len(tokens) == 1


def test_a_listing_that_is_left_is_closed(book: blocking.Gradebook, platform: Platform) -> None:
    for n in range(30):
        platform.add_line_item(f"Item {n}", 10)
    items = book.line_items(limit=2)
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert len(list(book.line_items())) == 31


async def test_a_thread_that_runs_a_loop_is_refused(book: blocking.Gradebook) -> None:
    with pytest.raises(RuntimeError, match=r"await the calls of aioags\.Client"):
        book.get_line_item()
    assert (await asyncio.to_thread(book.get_line_item)).label == "Quiz one"


@pytest.mark.parametrize(
    "module, name", [("gevent.monkey", "is_module_patched"), ("eventlet.patcher", "is_monkey_patched")]
)
def test_green_threads_are_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, book: blocking.Gradebook, module: str, name: str
) -> None:
    # Theirs, not ours: neither is a dependency.
    patched = ModuleType(module)
    setattr(patched, name, lambda what: what in {"threading", "thread"})
    with monkeypatch.context() as replaced:
        replaced.setitem(sys.modules, module, patched)
        with pytest.raises(RuntimeError, match=rf"{module.partition('.')[0]} has replaced the threads.*outbox"):
            book.get_line_item()


def test_wrong_arguments_are_told_at_once(ags: blocking.Client, book: blocking.Gradebook) -> None:
    with pytest.raises(TypeError, match="session belongs to an event loop"):
        blocking.Client(session=object())
    with pytest.raises(TypeError, match="registration must be a Registration"):
        ags.gradebook("x", None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="iterables, got Score"):
        book.post_scores(Score.progress("1", "Started"))  # type: ignore[arg-type]

    async def stream() -> Any:
        yield 1

    with pytest.raises(TypeError, match=r"that is for aioags\.Client"):
        book.post_scores(stream())  # type: ignore[arg-type]


def test_a_closed_client_refuses_and_can_be_closed_twice(ags: blocking.Client, book: blocking.Gradebook) -> None:
    book.get_line_item()
    ags.close()
    ags.close()
    with pytest.raises(RuntimeError, match="the Client is closed"):
        book.get_line_item()


# Processes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_a_loop_of_its_own_and_leaves_the_parents(
    book: blocking.Gradebook, platform: Platform
) -> None:
    assert book.get_line_item().label == "Quiz one"
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            recorded = book.post_scores(scores(platform, 5)).recorded
            os.write(theirs, str(recorded).encode())
        finally:
            os._exit(0)
    os.close(theirs)
    assert os.read(ours, 10) == b"30"
    os.close(ours)
    assert os.waitpid(child, 0)[1] == 0
    assert book.post_scores(scores(platform, 6)).recorded == 30


PROGRAM = """
from aioags import Endpoint, Registration, Score, blocking
from aioags.emulator import Platform, serve_in_thread

platform = Platform.create("moodle", users=3)
with serve_in_thread(platform):
    ags = blocking.Client()
    book = ags.gradebook(Registration(**platform.registration_args()), Endpoint.from_claim(platform.endpoint_claim()))
    print(book.get_line_item().label, flush=True)
    {then}
"""


@pytest.mark.usefixtures("both_transports")
@pytest.mark.parametrize("then", ["pass", "raise SystemExit(0)"])
def test_a_program_that_closes_nothing_ends_without_a_word(then: str) -> None:
    command = [sys.executable, "-W", "error", "-c", PROGRAM.format(then=then)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Quiz one\n", "")
