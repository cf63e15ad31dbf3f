"""
@lti-tool/core, a tool library in TypeScript, as a program of its own against the emulator.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aioags.emulator import PROFILES
from tests.interop.foreign import Desk, desk_at, refusals
from tests.interop.processes import ROOT, running_program
from tests.rigs.npm import installed

pytestmark = [pytest.mark.needs("node"), pytest.mark.interop]

CONTEXT = "https://purl.imsglobal.org/spec/lti/claim/context"
# What it cannot do, and a word of what it says. It has no audience but the token URL, and where it wants a text or
# nothing it reads no null, which the standard lets platforms write (AGS 3.2.12).
FAILS = {
    ("brightspace", "members"): "Token request failed: 400",
    ("brightspace", "items"): "Token request failed: 400",
    ("spec", "items"): "startDateTime",
    ("openedx", "items"): "endDateTime",
    ("openedx", "results"): "comment",
}


@pytest.fixture(scope="module")
def tool() -> Iterator[str]:
    """
    The tool, in one process for all tests.
    """
    folder = installed(ROOT / "tests" / "interop" / "lti_tool_core")
    with running_program(["node", "--import", "./hooks.mjs", "tool.mjs"], folder) as url:
        yield url


def ask(desk: Desk, page: str, **query: object) -> Any:
    """
    Ask the tool to do something at the platform. What fails comes back with ``error``.
    """
    return desk.browser.get(f"{desk.tool}/{page}", params={name: str(value) for name, value in query.items()}).json()


def identified(header: dict[str, Any], claims: dict[str, Any]) -> None:
    """
    Say who a person is, which the standard leaves to the platform (CORE 5.3.5) and this library does not.
    """
    del header
    for name in ("given_name", "family_name", "name", "email"):
        claims.setdefault(name, "Somebody")
    claims[CONTEXT].setdefault("label", "Somewhere")


@pytest.mark.parametrize("name", PROFILES)
def test_its_day_on_every_profile(tool: str, name: str) -> None:
    with desk_at(tool, name) as desk:
        desk.platform.launches.tamper = identified
        user = desk.users[1]
        shown = desk.launch(user).json()
        assert shown["user"]["id"] == user, shown
        here: dict[str, Any] = {"session": shown["session"]}
        seen = {page: ask(desk, page, **here) for page in ("members", "items")}
        if "lineitem" in shown["services"]["ags"]:
            assert ask(desk, "score", **here, user=user, points=8, maximum=10) is None
            seen["results"] = ask(desk, "results", **here)
        for page in [page for page in seen if (name, page) in FAILS]:
            assert FAILS[name, page] in seen.pop(page)["error"]
        if "members" in seen:
            assert [one["userId"] for one in seen["members"]] == desk.users
        if "items" in seen:
            assert [one["id"] for one in seen["items"]] == [one["id"] for one in desk.platform.line_items()]
        if "results" in seen:
            # Sakai has a result of everybody.
            (result,) = [one for one in seen["results"] if one["userId"] == user]
            assert result["resultScore"] / result["resultMaximum"] == 0.8
        assert refusals(desk) == [] or name == "brightspace"


@pytest.mark.parametrize("name", PROFILES)
def test_it_places_a_link(tool: str, name: str) -> None:
    with desk_at(tool, name) as desk:
        desk.platform.launches.tamper = identified
        assert "1 links were added" in desk.submit(desk.launch(deep_linking=True)).text
        assert desk.platform.line_items()[-1]["label"] == "Placed"


def test_it_refuses_a_launch_that_does_not_say_who_came(tool: str) -> None:
    with desk_at(tool, "spec") as desk:

        def nameless(header: dict[str, Any], claims: dict[str, Any]) -> None:
            identified(header, claims)
            del claims["email"]

        desk.platform.launches.tamper = nameless
        assert "Launch verification failed" in desk.launch().json()["error"]
