"""
The pytest plugin, as a tool's own test suite would use it: in a run of its own.
"""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import json
import urllib.request

from pathlib import Path

import pytest

from aioags import Client, Score
from aioags.emulator import Fault


async def test_post_and_look(ags_gradebook, ags_platform, ags_roster):
    await ags_gradebook.post_score(Score.graded(ags_roster[0], 8, score_maximum=10))
    assert ags_platform.result(None, ags_roster[0])["resultScore"] == 80
    assert [exchange.operation for exchange in ags_platform.requests] == ["token", "post_score"]


def test_the_course_is_as_promised(ags_platform, ags_roster, ags_teacher):
    people = ags_platform.course.people
    assert len(ags_roster) == 30
    assert {people[user].role for user in ags_roster} == {"Learner"}
    assert people[ags_teacher].role == "Instructor"
    assert len(people) == 31
    before = list(people)
    ags_platform.reset()
    assert before == list(ags_platform.course.people)


async def test_a_launch(ags_launch, ags_server):
    async def app(scope, receive, send):
        seen.append(scope["path"])
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b"nothing here"})

    seen = []
    page = await ags_launch(app)
    assert (page.status, page.text) == (404, "nothing here")
    assert page.url.startswith("https://tool.example/lti/login?iss=http%3A%2F%2F127.0.0.1%3A" + str(ags_server.port))
    assert seen[-1] == "/lti/login"


def test_launch_claims(ags_launch_claims, ags_roster):
    assert ags_launch_claims(ags_roster[0])["sub"] == ags_roster[0]


async def test_over_a_socket(ags_registration, ags_endpoint, ags_server, ags_platform, ags_roster):
    assert ags_endpoint.lineitem.startswith(ags_server.url)
    async with Client() as client:
        gradebook = client.gradebook(ags_registration, ags_endpoint)
        await gradebook.post_score(Score.graded(ags_roster[0], 8, score_maximum=10))
    assert ags_platform.score(None, ags_roster[0])["scoreGiven"] == 8


def test_without_a_loop(ags_server):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(ags_server.url + "/lti/contexts/1/line_items")
    assert refused.value.code == 401
    refused.value.close()
    with urllib.request.urlopen(ags_server.url + "/control") as answer:
        assert json.load(answer)["counts"] == {"list_line_items": 1}


class TestMoodle:
    @pytest.fixture
    def ags_profile(self):
        return "moodle"

    async def test_another_platform(self, ags_gradebook, ags_platform, ags_roster):
        await ags_gradebook.post_score(Score.graded(ags_roster[0], 8, score_maximum=10))
        assert "type_id=" in ags_platform.requests[-1].request.url

    def test_its_teacher_has_an_id_of_that_platform(self, ags_teacher):
        assert ags_teacher == "31"
"""


def test_a_suite_that_uses_every_fixture(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess(
        "-o",
        "asyncio_mode=auto",
        "-o",
        "asyncio_default_fixture_loop_scope=function",
        "-q",
    )
    result.assert_outcomes(passed=8)


def test_the_fixtures_say_what_they_are(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--fixtures")
    result.stdout.fnmatch_lines(["ags_platform*", "*A platform with one course*"])


def test_the_documented_example(pytester: pytest.Pytester) -> None:
    for name in ("quiz_app.py", "test_quiz_app.py"):
        source = Path(__file__).parents[2] / "docs" / "examples" / "testing" / name
        pytester.path.joinpath(name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    result = pytester.runpytest_subprocess(
        "-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function", "-q"
    )
    result.assert_outcomes(passed=5)


def test_the_documented_launches(pytester: pytest.Pytester) -> None:
    examples = Path(__file__).parents[2] / "docs" / "examples"
    for source in (examples / "fastapi_tool.py", examples / "testing" / "test_fastapi_tool.py"):
        pytester.path.joinpath(source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    result = pytester.runpytest_subprocess(
        "-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function", "-q", "-W", "error"
    )
    result.assert_outcomes(passed=7)


@pytest.mark.parametrize("name", ["aiohttp_tool", "fastapi_tool", "django_tool"])
def test_an_application_is_shut_down_after_its_test(pytester: pytest.Pytester, name: str) -> None:
    source = Path(__file__).parents[2] / "docs" / "examples" / f"{name}.py"
    pytester.path.joinpath(source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    pytester.makepyfile(
        f"""
        import {name}
        from aioags.launch import ToolSettings

        async def test_a_launch(ags_launch, ags_registration):
            at = "http://127.0.0.1:9/lti"
            settings = ToolSettings(
                registrations=[ags_registration], redirect_uri=at + "/launch", keys=[ags_registration]
            )
            app = {name}.create_app(settings)
            page = await ags_launch(app, login_url=at + "/login", redirect_uri=at + "/launch")
            assert "6 times 7" in page.text
        """
    )
    # An unclosed session or socket would be a warning.
    result = pytester.runpytest_subprocess(
        "-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function", "-q", "-W", "error"
    )
    result.assert_outcomes(passed=1)
