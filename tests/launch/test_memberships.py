"""
Names and roles (NRPS 2.0): every page, one access token with the grades, and who has no result.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest

from aioags import (
    Client,
    Endpoint,
    GrantRefusedError,
    MalformedError,
    NotOfferedError,
    Registration,
    Score,
    UntrustedURLError,
    join_results,
)
from aioags.emulator import PROFILES, Platform
from aioags.emulator.doors.in_memory import InMemoryTransport
from aioags.launch.claims import Launch, read_launch
from aioags.launch.settings import ToolSettings
from aioags.memberships import Memberships
from aioags.model.member import Member
from aioags.model.progress import MEMBERSHIPS_SCOPE
from aioags.protocol.memberships import DirectMemberships
from aioags.protocol.messages import Request
from aioags.wire.members import load_member
from aioags.wire.scalars import NotReadableError
from tests.fakes import CONTAINER, HOST, PaperPlatform, answer, registration

LEARNER = "http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"
MEMBERS = f"{HOST}/members?course=2"
TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"


def launch_of(platform: Platform, user: str) -> Launch:
    """
    Return the launch that an id_token of the platform would make.
    """
    own = Registration(**platform.registration_args())
    settings = ToolSettings(registrations=[own], redirect_uri="https://tool.example/launch")
    return read_launch(platform.launch_claims(user), own, settings)


@pytest.fixture
def platform() -> Platform:
    """
    A platform with seven learners and a teacher, two members on a page.
    """
    platform = Platform.create(attrs.evolve(PROFILES["spec"], page_size=2), users=7)
    platform.course.enroll("teacher-1", "Tea Cher", "Instructor")
    return platform


@pytest.fixture
async def ags(platform: Platform) -> AsyncIterator[Client]:
    """
    A client of that platform.
    """
    async with Client(transport=InMemoryTransport(platform)) as client:
        yield client


async def test_2_4_2_all_pages_each_asked_for_as_the_platform_wrote_it(platform: Platform, ags: Client) -> None:
    members = [member async for member in ags.memberships(launch_of(platform, "user-0001"))]
    assert [member.user_id for member in members] == sorted(platform.users())
    assert platform.counts["memberships"] == 4


async def test_a_member_has_what_the_platform_shows_and_does_not_print_it(platform: Platform, ags: Client) -> None:
    first = await anext(ags.memberships(launch_of(platform, "user-0001")))
    assert first.user_id == "teacher-1"
    assert (first.name, first.email, first.status) == ("Tea Cher", "teacher-1@school.example", "Active")
    assert "Tea" not in repr(first)
    assert "school.example" not in repr(first)


async def test_2_4_1_only_one_role(platform: Platform, ags: Client) -> None:
    launch = launch_of(platform, "user-0001")
    assert [one.user_id async for one in ags.memberships(launch, role="Instructor")] == ["teacher-1"]
    assert len([one async for one in ags.memberships(launch, role=LEARNER)]) == 7
    asked = [exchange.request.url for exchange in platform.requests if exchange.operation == "memberships"]
    assert "role=http%3A%2F%2Fpurl.imsglobal.org%2Fvocab%2Flis%2Fv2%2Fmembership%23Instructor" in asked[0]


async def test_3_the_members_of_one_link_with_their_messages(platform: Platform, ags: Client) -> None:
    members = ags.memberships(launch_of(platform, "user-0001"), resource_link_id=next(iter(platform.course.links)))
    assert (await anext(members)).message


async def test_who_is_no_longer_active_is_told_not_left_out(platform: Platform, ags: Client) -> None:
    platform.course.people["user-0003"].active = False
    members = {one.user_id: one async for one in ags.memberships(launch_of(platform, "user-0001"))}
    assert not members["user-0003"].is_active
    assert members["user-0001"].is_active


@pytest.mark.parametrize("first", ["grades", "members"])
async def test_one_token_for_both_services(platform: Platform, ags: Client, first: str) -> None:
    launch = launch_of(platform, "user-0001")
    assert launch.endpoint is not None
    gradebook = ags.gradebook(launch.registration, launch.endpoint)
    if first == "grades":
        await gradebook.post_score(Score.graded("user-0001", 1, score_maximum=1))
    assert await anext(ags.memberships(launch))
    await gradebook.get_result("user-0001")
    assert platform.tokens.issued == 1


@pytest.mark.parametrize("policy", ["strict", "intersect"])
async def test_a_platform_that_grants_no_memberships_still_takes_grades(policy: Any) -> None:
    platform = Platform.create(attrs.evolve(PROFILES["spec"], scope_policy=policy))
    launch = launch_of(platform, "user-0001")
    assert launch.endpoint is not None
    platform.tool.scopes = tuple(scope for scope in platform.tool.scopes if scope != MEMBERSHIPS_SCOPE)
    async with Client(transport=InMemoryTransport(platform)) as ags:
        gradebook = ags.gradebook(launch.registration, launch.endpoint)
        await gradebook.post_score(Score.graded("user-0001", 1, score_maximum=1))
        with pytest.raises(GrantRefusedError):
            await anext(ags.memberships(launch))
    assert platform.score(None, "user-0001") is not None


async def test_join_results_shows_who_has_no_result_and_who_is_absent(platform: Platform, ags: Client) -> None:
    launch = launch_of(platform, "user-0001")
    assert launch.endpoint is not None
    gradebook = ags.gradebook(launch.registration, launch.endpoint)
    for user in ("user-0002", "user-0005"):
        await gradebook.post_score(Score.graded(user, 5, score_maximum=10))
    joined = [row async for row in join_results(ags.memberships(launch, role="Learner"), gradebook.results())]
    assert {row.user_id for row in joined if row.result is None} == {
        "user-0001",
        "user-0003",
        "user-0004",
        "user-0006",
        "user-0007",
    }
    assert all(isinstance(row.person, Member) for row in joined)


async def test_a_job_needs_the_url_and_the_registration_only(platform: Platform, ags: Client) -> None:
    launch = launch_of(platform, "user-0001")
    assert launch.endpoint is not None
    stored = json.dumps({"memberships_url": launch.memberships_url, "endpoint": launch.endpoint.to_claim()})
    job = json.loads(stored)
    roster = Memberships(launch.registration, job["memberships_url"], Endpoint.from_claim(job["endpoint"]))
    assert len([member async for member in ags.memberships(roster)]) == 8


@pytest.mark.parametrize("profile", PROFILES)
async def test_every_platform_of_the_emulator_lists_its_members(profile: str) -> None:
    platform = Platform.create(profile, users=25)
    async with Client(transport=InMemoryTransport(platform)) as ags:
        members = [one async for one in ags.memberships(launch_of(platform, platform.users()[0]))]
    assert {one.user_id for one in members} == set(platform.users())


class TestOnPaper:
    """
    What the emulator does not do: other origins, broken pages, filters ignored.
    """

    def roster(self, url: str | None = MEMBERS) -> Memberships:
        """
        Return where the paper platform's members are.
        """
        return Memberships(registration(), url)

    def page(self, *user_ids: str, roles: Any = (LEARNER,), next_url: str | None = None) -> Any:
        """
        Return one page of members.
        """
        body = {
            "id": MEMBERS,
            "context": {"id": "2"},
            "members": [{"user_id": one, "roles": roles} for one in user_ids],
        }
        links = [("Link", f'<{next_url}>; rel="next"')] if next_url else []
        return answer(200, body, *links)

    async def test_2_2_the_request_keeps_the_query_and_names_the_media_type(self) -> None:
        platform = PaperPlatform([self.page("u1")])
        async with Client(transport=platform, runtime=platform.time.runtime()) as ags:
            assert [one.user_id async for one in ags.memberships(self.roster(), limit=50, resource_link_id="a b")] == [
                "u1"
            ]
        (request,) = platform.sent
        assert request.url == f"{MEMBERS}&rlid=a%20b&limit=50"
        assert dict(request.headers)["Accept"] == TYPE

    async def test_a_filter_that_the_platform_ignores_is_applied_here(self) -> None:
        platform = PaperPlatform([self.page("u1", roles=["Learner"])])
        async with Client(transport=platform, runtime=platform.time.runtime()) as ags:
            assert [one async for one in ags.memberships(self.roster(), role="Instructor")] == []

    async def test_a_next_page_of_another_origin_gets_no_token(self) -> None:
        platform = PaperPlatform([self.page("u1", next_url="https://evil.example/members")])
        async with Client(transport=platform, runtime=platform.time.runtime()) as ags:
            with pytest.raises(UntrustedURLError):
                _ = [one async for one in ags.memberships(self.roster())]
        assert len(platform.sent) == 1

    async def test_a_listing_that_does_not_end_is_an_error(self) -> None:
        platform = PaperPlatform([self.page("u1", next_url=MEMBERS)])
        async with Client(transport=platform, runtime=platform.time.runtime()) as ags:
            with pytest.raises(MalformedError, match="does not end"):
                _ = [one async for one in ags.memberships(self.roster())]

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"{}", b'{"members": {}}', b'{"members": [{}]}', b'{"members": [1]}', b"<html>"]
    )
    async def test_a_page_that_cannot_be_read_is_an_error_never_an_end(self, body: bytes) -> None:
        platform = PaperPlatform([answer(200, body)])
        async with Client(transport=platform, runtime=platform.time.runtime()) as ags:
            with pytest.raises(MalformedError):
                _ = [one async for one in ags.memberships(self.roster())]

    async def test_3_6_1_a_launch_without_members(self) -> None:
        platform = PaperPlatform()
        async with Client(transport=platform) as ags:
            with pytest.raises(NotOfferedError):
                await anext(ags.memberships(self.roster(None)))
        assert platform.token_requests == []

    @pytest.mark.parametrize("url", ["http://lms.example/members", "/members", "ftp://lms.example/m"])
    def test_no_token_goes_to_a_url_that_is_not_https(self, url: str) -> None:
        with pytest.raises(UntrustedURLError):
            DirectMemberships(url)

    @pytest.mark.parametrize("arguments", [{"limit": 0}, {"role": ""}, {"resource_link_id": " "}])
    async def test_wrong_arguments_send_nothing(self, arguments: dict[str, Any]) -> None:
        platform = PaperPlatform()
        async with Client(transport=platform) as ags:
            with pytest.raises(ValueError):
                await anext(ags.memberships(self.roster(), **arguments))

    async def test_the_scopes_of_the_endpoint_are_asked_for_together(self) -> None:
        platform = PaperPlatform([self.page("u1")])
        source = Memberships(registration(), MEMBERS, Endpoint(CONTAINER, None, ["https://x.example/foreign"]))
        async with Client(transport=platform, runtime=platform.time.runtime()) as ags:
            await anext(ags.memberships(source))
        (asked,) = platform.token_requests
        assert MEMBERSHIPS_SCOPE.rpartition("/")[2].encode() in (asked.body or b"")
        assert b"foreign" not in (asked.body or b"")


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {},
        {"user_id": None},
        {"user_id": ""},
        {"user_id": ["u"]},
    ],
)
def test_2_3_a_member_that_cannot_be_read(record: Any) -> None:
    with pytest.raises(NotReadableError):
        load_member(record)


@pytest.mark.parametrize(
    "name, odd, kept",
    [
        ("picture", ["x"], {}),
        ("name", [], {}),
        ("email", False, {}),
        ("status", {}, {}),
        ("roles", [None], {}),
        ("roles", {}, {}),
        ("roles", [1, "Learner"], {"roles": ("Learner",)}),
        ("message", "x", {}),
        ("message", [None, {"a": 1}], {"message": ({"a": 1},)}),
    ],
)
def test_2_3_a_field_that_cannot_be_read_stays_as_it_came(name: str, odd: Any, kept: dict[str, Any]) -> None:
    assert load_member({"user_id": "u", name: odd}) == Member("u", **kept, extensions={name: odd})


def test_2_3_one_role_may_come_without_an_array() -> None:
    assert load_member({"user_id": "u", "roles": "Learner"}) == Member("u", ("Learner",))


def test_2_3_a_member_is_active_unless_the_platform_says_otherwise_and_unknown_keys_survive() -> None:
    member = load_member(
        {"user_id": 7, "roles": None, "name": None, "https://vendor.example/x": 1, "message": {"a": 1}}
    )
    assert member == Member("7", message=({"a": 1},), extensions={"https://vendor.example/x": 1})
    assert member.is_active
    inactive = load_member({"user_id": "7", "status": "http://purl.imsglobal.org/vocab/lis/v2/status#Inactive"})
    assert not inactive.is_active
    assert isinstance(DirectMemberships(MEMBERS).members().request, Request)
