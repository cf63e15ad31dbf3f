"""
Another service of a platform, over sockets: its own server, and the platform's access tokens.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import attrs
import pytest

from aioags import Client, ForbiddenError, GrantRefusedError, PlatformService, Registration, RetryPolicy, Scope
from aioags.emulator import Platform, serve
from tests.rigs.course_groups import GROUPS, MEDIA_TYPE, SCOPE, course_groups
from tests.rigs.memory import new_platform, tool_key

pytestmark = pytest.mark.usefixtures("both_transports")


@attrs.frozen
class Course:
    """
    A platform whose course has groups, and a client of its tool.
    """

    platform: Platform
    client: Client
    url: str

    def service(self, *scopes: str) -> PlatformService:
        """
        Return the groups, as a launch that names these scopes would have them.
        """
        registration = Registration(**(self.platform.registration_args() | {"key": tool_key()}))
        return self.client.service(registration, self.url, scopes=scopes)


@pytest.fixture
async def course() -> AsyncIterator[Course]:
    """
    A course with groups.
    """
    platform = new_platform()
    async with (
        serve(platform),
        course_groups(platform) as offered,
        Client(retry=RetryPolicy(attempts=1)) as client,
    ):
        yield Course(platform, client, offered["context_groups_url"])


async def test_every_page_comes_with_one_token(course: Course) -> None:
    pages = [page["groups"] async for page in course.service(SCOPE).pages(accept=MEDIA_TYPE)]
    assert [len(page) for page in pages] == [2, 1]
    assert [group for page in pages for group in page] == GROUPS
    assert [grant.scopes for grant in course.platform.tokens.grants.values()] == [frozenset({SCOPE})]


async def test_a_token_for_grades_does_not_open_the_groups(course: Course) -> None:
    with pytest.raises(ForbiddenError):
        await course.service(Scope.SCORE).request("GET", accept=MEDIA_TYPE)


async def test_a_scope_that_the_tool_may_not_have_is_an_error_of_the_token(course: Course) -> None:
    course.platform.tool.scopes = (Scope.SCORE.value,)
    with pytest.raises(GrantRefusedError) as caught:
        await course.service(SCOPE).request("GET", accept=MEDIA_TYPE)
    assert caught.value.recorded is False


async def test_a_revoked_token_is_renewed(course: Course) -> None:
    service = course.service(SCOPE)
    await service.request("GET", accept=MEDIA_TYPE)
    course.platform.tokens.revoke()
    assert (await service.request("GET", accept=MEDIA_TYPE))["groups"] == GROUPS[:2]
    assert course.platform.tokens.issued == 2
