"""
ltijs, the tool library of Node, as a program of its own against the emulator: with keys that it made itself.

It keeps nothing on disk: its database is one in memory (tests/interop/ltijs_tool/memory.js), not MongoDB.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from aioags.emulator import PROFILES
from aioags.emulator.launching.desk import Tamper
from tests.interop.foreign import Desk, desk_at, needs_all_good
from tests.interop.processes import ROOT, running_program
from tests.rigs.npm import installed

pytestmark = pytest.mark.needs("node")

# Other versions and hosts of Moodle differ in none of what ltijs does; each platform costs it a key of 4096 bits.
PLATFORMS = [name for name in PROFILES if not name.startswith("moodle-")]


@pytest.fixture(scope="module")
def tool() -> Iterator[str]:
    """
    The tool, in one process for all tests.
    """
    folder = installed(ROOT / "tests" / "interop" / "ltijs_tool")
    with running_program(["node", "tool.js"], folder) as url:
        yield url


@attrs.frozen
class Session:
    """
    What one launch opened: the tool's pages, which are to be asked with the launch's token.
    """

    desk: Desk
    shown: dict[str, Any]

    def ask(self, page: str, **query: object) -> Any:
        """
        Ask the tool to do something at the platform. What fails comes back with ``error``.
        """
        self.desk.rest()
        return self.ask_at_once(page, **query)

    def ask_at_once(self, page: str, **query: object) -> Any:
        """
        Ask without a pause.
        """
        answer = self.desk.browser.get(f"{self.desk.tool}/{page}", params={"ltik": self.shown["ltik"], **query})
        return answer.json()


def launched(desk: Desk, user: str | None = None, **click: Any) -> Session:
    answer = desk.launch(user, **click)
    assert answer.ok, answer.text
    return Session(desk, answer.json())


@pytest.fixture(scope="module")
def running(tool: str) -> Iterator[Desk]:
    with desk_at(tool, "spec") as desk:
        yield desk


@pytest.fixture
def desk(running: Desk) -> Desk:
    """
    The platform with no grades and one line item; the tool stays registered.
    """
    for item in running.platform.line_items()[1:]:
        del running.platform.course.items[running.platform.item(item).number]
    running.platform.course.items[1].grades.clear()
    running.platform.requests.clear()
    running.platform.launches.tamper = None
    return running


# Every platform


def created(session: Session) -> dict[str, Any]:
    made: dict[str, Any] = session.ask("create", label="Essay", maximum=20, tag="essay", resource="essay-1")
    assert made.get("label") == "Essay", made
    (found,) = session.ask("items", tag="essay")["lineItems"]
    assert found["id"] == made["id"]
    return made


@pytest.mark.parametrize("name", PLATFORMS)
def test_it_gets_through_its_day_on_every_profile(tool: str, name: str) -> None:
    with desk_at(tool, name) as desk:
        user = desk.users[1]
        session = launched(desk, user)
        assert session.shown["user"] == user
        # The item that came with the link, where ltijs cannot make one.
        item = desk.platform.line_items()[0] if name == "openedx" else created(session)
        listed = session.ask("items")["lineItems"]
        assert [one["id"] for one in listed] == [one["id"] for one in desk.platform.line_items()]
        assert session.ask("item", item=item["id"])["label"] == item["label"]
        renamed = session.ask("rename", item=item["id"], label="Another")
        assert renamed.get("label") == "Another", renamed
        assert session.ask("score", item=item["id"], points=8, maximum=10).get("userId") == user
        results = session.ask("results", item=item["id"])["scores"]
        # Sakai has a result of everybody.
        (result,) = [one for one in results if one["userId"] == user]
        assert result["resultScore"] / result["resultMaximum"] == 0.8
        members = session.ask("members")["members"]
        assert [member["user_id"] for member in members] == desk.users
        needs_all_good(desk)


def test_canvas_slows_it_down_for_asking_a_token_for_each_scope(tool: str) -> None:
    with desk_at(tool, "canvas") as desk:
        session = launched(desk)
        item = session.ask_at_once("items")["lineItems"][0]["id"]
        pages = [("score", {"points": 8, "maximum": 10}), ("results", {}), ("members", {})]
        said = [session.ask_at_once(page, item=item, **query) for page, query in pages]
        door = desk.platform.registration_args()["token_url"]
        tokens = [one for one in desk.platform.requests if one.request.url == door]
        assert len(tokens) > 2
        assert 429 in [one.get("status") for one in said]


def test_it_asks_open_edx_for_json_of_a_new_line_item_and_gets_none(tool: str) -> None:
    with desk_at(tool, "openedx") as desk:
        said = launched(desk).ask("create", label="Essay", maximum=20, resource="essay-1")
        assert said["status"] == 406
        refused = desk.platform.requests[-1]
        assert ("accept", "application/json") in refused.request.headers


# Launches


def test_a_launch_says_who_came_to_what(desk: Desk) -> None:
    shown = launched(desk, desk.users[2]).shown
    person = desk.platform.course.people[desk.users[2]]
    assert shown["info"]["name"] == person.name
    assert shown["resource"] == {"id": "1", "title": "Quiz one"}
    assert shown["context"]["title"] == "Course one"
    assert [role.rpartition("#")[2] for role in shown["roles"]] == ["Learner"]
    assert shown["endpoint"] == desk.platform.endpoint_claim()


def claimed(name: str, value: object) -> Tamper:
    def tamper(header: dict[str, Any], claims: dict[str, Any]) -> None:
        del header
        claims[name] = value

    return tamper


@pytest.mark.parametrize(
    "name, value, says",
    [
        ("exp", 1_000_000_000, "jwt expired"),
        ("iat", 1_000_000_000, "TOKEN_TOO_OLD"),
        ("aud", "somebody-else", "UNREGISTERED_PLATFORM"),
        ("iss", "https://elsewhere.example", "ISS_CLAIM_DOES_NOT_MATCH"),
        ("https://purl.imsglobal.org/spec/lti/claim/version", "1.1", "WRONG_LTI_VERSION_CLAIM"),
    ],
)
def test_it_refuses_an_id_token_that_the_platform_spoilt(desk: Desk, name: str, value: object, says: str) -> None:
    desk.platform.launches.tamper = claimed(name, value)
    answer = desk.launch()
    assert answer.status_code == 401
    assert answer.json()["details"]["message"] == says


def test_a_link_that_it_places_is_launched_with_its_column(desk: Desk) -> None:
    shown = desk.submit(desk.launch(deep_linking=True))
    assert "1 links were added" in shown.text
    link = list(desk.platform.course.links.values())[-1]
    column = desk.platform.line_items()[-1]
    assert (column["label"], column["scoreMaximum"], column["tag"]) == ("Placed", 20, "placed")
    session = launched(desk, link=link)
    assert session.shown["resource"] == {"id": link.id, "title": "Placed"}
    assert session.shown["custom"]["chapter"] == "3"
    assert session.shown["endpoint"]["lineitem"] == column["id"]
    session.ask("score", points=15)
    assert desk.platform.score(column, desk.users[0])["scoreMaximum"] == 20


# Grades


def test_a_score_arrives_as_it_was_sent(desk: Desk) -> None:
    sent = launched(desk).ask("score", points=8, maximum=10, comment="Well done")
    assert desk.platform.score(None, desk.users[0]) == sent
    assert sent["comment"] == "Well done"


def test_one_token_serves_all_scores(desk: Desk) -> None:
    session = launched(desk)
    session.ask("score", points=1, maximum=10)
    before = desk.platform.counts["token"]
    for points in (2, 3):
        session.ask("score", points=points, maximum=10)
    assert desk.platform.counts["token"] == before
    assert [score["scoreGiven"] for score in desk.platform.history(None, desk.users[0])] == [1, 2, 3]


def test_a_refusal_comes_out_with_its_status_and_words(desk: Desk) -> None:
    said = launched(desk).ask("score", points=1, maximum=10, user="nobody")
    assert said["status"] == 422
    assert "nobody" in said["body"]


def test_results_are_read_page_by_page(desk: Desk) -> None:
    session = launched(desk)
    for points, user in enumerate(desk.users):
        session.ask("score", points=points, maximum=10, user=user)
    (one,) = session.ask("results", user=desk.users[1])["scores"]
    assert one["resultScore"] == 10
    first = session.ask("results", limit=2)
    rest = session.ask("results", url=first["next"])
    assert [result["userId"] for result in first["scores"] + rest["scores"]] == desk.users
    assert "next" not in rest


def test_members_are_read_page_by_page(desk: Desk) -> None:
    members = launched(desk).ask("members", limit=1)["members"]
    assert [member["user_id"] for member in members] == desk.users


def test_a_line_item_is_deleted(desk: Desk) -> None:
    session = launched(desk)
    made = session.ask("create", label="Essay", maximum=20)
    assert session.ask("delete", item=made["id"]) is True
    assert len(desk.platform.line_items()) == 1
