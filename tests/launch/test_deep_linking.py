"""
The answer to a deep linking launch (DL 4.5, SEC 5.2), with columns declared in it (AGS 4.9).
"""

from __future__ import annotations

from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt

import aioags
from aioags import Client, Endpoint, LineItem, NotOfferedError, Score
from aioags.launch import DEEP_LINKING, DeepLinkingResponse, Launch, LinkItem, deep_linking_response
from tests.fakes import HOST, WALL, private_key
from tests.launch.emulated_course import Course
from tests.launch.paper_lms import DEPLOYMENT, DL, LTI, PaperLMS

SETTINGS = {
    "deep_link_return_url": f"{HOST}/return?course=1&x=2",
    "accept_types": ["ltiResourceLink", "html"],
    "accept_presentation_document_targets": ["iframe"],
    "accept_multiple": True,
    "accept_lineitem": True,
    "data": 'opaque "data" & more',
}


async def launched(**changes: Any) -> Launch:
    """
    Return a deep linking launch.
    """
    settings = {name: value for name, value in (SETTINGS | changes).items() if value is not None}
    return await PaperLMS().launch(**{"message_type": DEEP_LINKING, DL + "deep_linking_settings": settings})


def opened(response: DeepLinkingResponse) -> dict[str, Any]:
    """
    Check the signature with the tool's public key, as a platform does, and return the claims.
    """
    token = jwt.decode(response.jwt, private_key(), algorithms=["RS256"])
    assert token.header == {"typ": "JWT", "alg": "RS256", "kid": "tool-key-1"}
    return token.claims


async def test_5_2_the_jwt_is_from_the_client_to_the_issuer_and_lives_for_minutes() -> None:
    launch = await launched()
    one, other = (opened(deep_linking_response(launch, [], now=WALL + 0.7)) for _ in range(2))
    assert (one["iss"], one["aud"]) == ("tool-1", HOST)
    assert (one["iat"], one["exp"]) == (WALL - 5, WALL + 295)
    assert one["nonce"] != other["nonce"]


async def test_4_5_the_response_echoes_data_and_deployment() -> None:
    claims = opened(deep_linking_response(await launched(), [LinkItem(title="Quiz")], now=WALL))
    assert claims[LTI + "message_type"] == "LtiDeepLinkingResponse"
    assert claims[LTI + "version"] == "1.3.0"
    assert claims[LTI + "deployment_id"] == DEPLOYMENT
    assert claims[DL + "data"] == SETTINGS["data"]
    assert claims[DL + "content_items"] == [{"type": "ltiResourceLink", "title": "Quiz"}]


async def test_data_that_was_not_sent_is_not_made_up_and_messages_are_told() -> None:
    launch = await launched(data=None)
    bare = opened(deep_linking_response(launch, [], now=WALL))
    assert not {name for name in bare if name.startswith(DL)} - {DL + "content_items"}
    told = opened(deep_linking_response(launch, [], now=WALL, message="m", log="l", error_message="e", error_log="el"))
    assert [told[DL + name] for name in ("msg", "log", "errormsg", "errorlog")] == ["m", "l", "e", "el"]


async def test_ags_4_9_a_line_item_declared_in_the_link() -> None:
    item = LineItem("Quiz 1", Decimal("12.5"), resource_id="quiz-1", tag="grade", grades_released=True)
    link = LinkItem(
        title="Quiz 1",
        url="https://tool.example/quiz/1",
        text="Ten questions",
        line_item=item,
        custom={"chapter": "3"},
        extensions={"iframe": {"height": 600}},
    )
    claims = opened(deep_linking_response(await launched(), [link], now=WALL))
    assert claims[DL + "content_items"] == [
        {
            "type": "ltiResourceLink",
            "title": "Quiz 1",
            "url": "https://tool.example/quiz/1",
            "text": "Ten questions",
            "lineItem": {
                "label": "Quiz 1",
                "scoreMaximum": 12.5,
                "resourceId": "quiz-1",
                "tag": "grade",
                "gradesReleased": True,
            },
            "custom": {"chapter": "3"},
            "iframe": {"height": 600},
        }
    ]


async def test_other_content_items_pass_as_the_standard_writes_them() -> None:
    item = {"type": "html", "html": "<p>hello</p>"}
    assert opened(deep_linking_response(await launched(), [item], now=WALL))[DL + "content_items"] == [item]


async def test_what_the_platform_does_not_take_is_not_sent() -> None:
    items = [LinkItem(), LinkItem()]
    with pytest.raises(ValueError, match="takes one item, got 2"):
        deep_linking_response(await launched(accept_multiple=False), items, now=WALL)
    with pytest.raises(NotOfferedError, match="'file'"):
        deep_linking_response(await launched(), [{"type": "file"}], now=WALL)
    with pytest.raises(NotOfferedError, match="no line items"):
        deep_linking_response(
            await launched(accept_lineitem=False), [LinkItem(line_item=LineItem("Quiz", 10))], now=WALL
        )
    assert deep_linking_response(await launched(accept_lineitem=None), [LinkItem(line_item=LineItem("Q", 1))], now=WALL)


async def test_another_launch_takes_no_links() -> None:
    with pytest.raises(ValueError, match="LtiResourceLinkRequest"):
        deep_linking_response(await PaperLMS().launch(), [], now=WALL)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "https://lms.example/item"},
        {"resource_link_id": "link-1"},
        {"submission_review": {"label": "x"}},
    ],
)
def test_dl_3_2_a_declared_line_item_has_five_fields_only(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        LinkItem(line_item=LineItem("Quiz", 10, **changes))


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"title": 5}, TypeError),
        ({"line_item": {"scoreMaximum": 1}}, TypeError),
        ({"custom": {"a": 1}}, TypeError),
        ({"custom": {"": "x"}}, ValueError),
        ({"extensions": {"lineItem": {}}}, ValueError),
        ({"extensions": {"icon": object()}}, ValueError),
        ({"text": "\ud800"}, ValueError),
    ],
)
def test_wrong_links_are_refused_when_they_are_made(fields: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        LinkItem(**fields)


class Form(HTMLParser):
    """
    Reads the form of a page as a browser does.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.method = ""
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """
        Note what a tag says.
        """
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action, self.method = said["action"], said["method"]
        elif tag == "input":
            self.fields[said["name"]] = said["value"]


async def test_the_page_posts_itself_to_the_platform() -> None:
    launch = await launched(deep_link_return_url=f'{HOST}/return?a=1&b="x"'.replace('"', "%22") + "'")
    response = deep_linking_response(launch, [], now=WALL)
    form = Form(response.html)
    assert (form.method, form.action) == ("post", response.url)
    assert form.fields == {"JWT": response.jwt}
    assert response.jwt not in repr(response)


async def test_without_its_script_the_person_sees_a_button() -> None:
    page = deep_linking_response(await launched(), [], now=WALL).html
    assert "<button>" in page
    # A content security policy that forbids the script leaves scripts on, and so hides what is in there.
    assert "<noscript>" not in page


async def test_a_return_url_of_http_is_one_of_https_where_the_registration_knows_the_host() -> None:
    plain = f"{HOST}/return?a=1".replace("https:", "http:")
    assert deep_linking_response(await launched(deep_link_return_url=plain), [], now=WALL).url == f"{HOST}/return?a=1"


@pytest.mark.parametrize("behind", [0, 5])
@pytest.mark.parametrize("profile", ["spec", "moodle", "openedx"])
async def test_whatever_the_tool_signs_is_taken_by_a_platform_whose_clock_is_5_s_behind(
    profile: str, behind: int
) -> None:
    """
    Moodle and Open edX allow none in their future. The answer to deep linking, and the assertion for a token.
    """
    course = Course(profile=profile)
    course.platform.site.skew = -behind
    launch = await course.launch(deep_linking=True)
    assert course.hand_back(deep_linking_response(launch, [], now=course.clock())).status == 200
    async with Client(transport=course.transport, runtime=course.runtime) as ags:
        gradebook = ags.gradebook(course.registration, Endpoint.from_claim(course.platform.endpoint_claim()))
        user = next(iter(course.platform.course.people))
        await gradebook.post_score(Score.graded(user, 8, score_maximum=10))


def test_one_place_dates_what_the_tool_signs() -> None:
    package = Path(aioags.__file__).parent
    sources = {path.relative_to(package).as_posix(): path.read_text() for path in package.rglob("*.py")}
    signing = {name for name, text in sources.items() if "jwt.encode(" in text and not name.startswith("emulator/")}
    assert signing == {"protocol/signed.py"}
