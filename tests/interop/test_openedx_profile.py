"""
The emulator's ``openedx`` profile beside Open edX's own LTI consumer: the same requests, the same answers.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import attrs
import pytest

from aioags.emulator import Person, Platform, serve
from tests.interop.openedx import EdxBlock, EdxHost
from tests.interop.openedx_script import SCRIPT, USERS
from tests.interop.sides import Seen, Side

PAGE = Path(__file__).parents[2] / "docs" / "interop.md"

# Where the profile answers otherwise: the statuses of Open edX and of the profile. docs/interop.md says why.
DIFFERENT = {
    "token: empty scope": (200, 400),
    "token: other assertion type": (200, 400),
    "token: other content type": (200, 400),
    "list: Bearer alone": (403, 403),
    "list: two words": (403, 403),
    "list: resource_link_id=nowhere": (500, 200),
    "get: a word for a number": (404, 404),
    "patch": (200, 403),
    "results: a user with a dot": (404, 200),
}


@attrs.frozen
class Comparison:
    """
    What both sides answered, by step, and what reached their gradebooks in the end.
    """

    real: dict[str, Seen]
    emulated: dict[str, Seen]
    block: EdxBlock
    platform: Platform


async def compare(host: EdxHost) -> Comparison:
    """
    Walk both through the script.
    """
    block = host.add_block()
    people = [Person(user) for user in USERS]
    platform = Platform.create("openedx", key=host.key, people=people, coupled_line_item=False)
    async with aiohttp.ClientSession() as session, serve(platform):
        registration, endpoint = block.registration, block.endpoint
        assert endpoint.lineitems is not None
        args, claim = platform.registration_args(), platform.endpoint_claim()
        (link_id,) = platform.course.links
        ours = Side(session, args["token_url"], args["client_id"], host.key, claim["lineitems"], link_id)
        theirs = Side(
            session, registration.token_url, registration.client_id, host.key, endpoint.lineitems, block.link_id
        )
        return Comparison(await theirs.walk(SCRIPT), await ours.walk(SCRIPT), block, platform)


@pytest.fixture(scope="module")
def comparison(edx_host: EdxHost) -> Comparison:
    return asyncio.run(compare(edx_host))


def test_no_two_steps_have_one_name() -> None:
    assert len({step.name for step in SCRIPT}) == len(SCRIPT)
    assert set(DIFFERENT) <= {step.name for step in SCRIPT}


@pytest.mark.parametrize("name", [step.name for step in SCRIPT if step.name not in DIFFERENT])
def test_the_profile_answers_as_open_edx_does(name: str, comparison: Comparison) -> None:
    assert comparison.emulated[name] == comparison.real[name]


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_difference_is_as_documented(name: str, comparison: Comparison) -> None:
    real, emulated = comparison.real[name], comparison.emulated[name]
    assert (real.status, emulated.status) == DIFFERENT[name]
    assert real != emulated
    assert f"`{name}`" in PAGE.read_text(encoding="utf-8")


def test_the_same_grades_reach_the_gradebook(comparison: Comparison) -> None:
    published = {user: points / most for user, points, most in comparison.block.published()}
    (link_id,) = comparison.platform.course.links
    first = next(item for item in comparison.platform.course.items.values() if item.link_id == link_id)
    expected = {user: comparison.platform.published(first, user) for user in USERS}
    assert published == {user: points / 10 for user, points in expected.items() if points is not None}
    assert published[USERS[1]] == 0
    assert USERS[4] not in published
