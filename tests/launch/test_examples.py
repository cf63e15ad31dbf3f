"""
Each example, driven through complete launches over real HTTP: login initiation, OIDC authorization, form_post, the
handler, an answer, and the grade in the platform's gradebook.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from urllib.parse import quote, urlsplit

import aiohttp
import pytest

from aioags.emulator.traffic.faults import Fault
from aioags.launch import MemoryLoginStore, jwks_document
from aioags.launch.login_store import share_of
from tests.launch.examples import EXAMPLES as FOLDER
from tests.launch.examples import SERVERS, example
from tests.launch.surfer import data_of, surfer
from tests.rigs.ports import held_port

EXAMPLES = sorted(SERVERS)


@pytest.mark.parametrize("name", EXAMPLES)
async def test_from_the_course_through_the_quiz_into_the_gradebook(name: str) -> None:
    async with example(name) as stand, surfer() as browser:
        gradebook = await browser.open(stand.platform.launches.page_url)
        quiz = await browser.click(gradebook, "Launch Quiz one as Björn Brown")
        assert quiz.status == 200, quiz.text
        assert "6 times 7" in quiz.text
        done = await browser.submit(quiz, answer="42")
        assert "Right" in done.text
        result = stand.platform.result(None, "user-0001")
        assert result is not None
        assert (result["resultScore"], result["resultMaximum"]) == (100, 100)
        assert "100 / 100" in (await browser.open(stand.platform.launches.page_url)).text
    paths = [urlsplit(url).path for url in browser.visited]
    assert paths[:6] == ["/launch", "/launch/start", "/lti/login", "/lti/authorize", "/lti/launch", "/answers"]


@pytest.mark.parametrize("name", EXAMPLES)
async def test_the_cookie_comes_with_the_login_and_goes_with_the_launch(name: str) -> None:
    async with example(name) as stand, surfer() as browser:
        await browser.open(stand.platform.launches.url("user-0001"))
        assert browser.cookies == {"127.0.0.1": {}}


@pytest.mark.parametrize("name", EXAMPLES)
async def test_a_browser_without_cookies_is_told_what_to_do(name: str) -> None:
    async with example(name) as stand, surfer(keeps_cookies=False) as browser:
        page = await browser.open(stand.platform.launches.url("user-0001"))
        assert page.status == 400
        assert "kept no cookie" in page.text
        assert "Open the link in a new window" in page.text
        assert ("Cache-Control", "no-store") in page.headers


@pytest.mark.parametrize("name", EXAMPLES)
async def test_with_a_storage_the_login_is_a_page_and_the_launch_asks_it_before_it_is_refused(name: str) -> None:
    async with example(name) as stand, surfer(keeps_cookies=False) as browser:
        login = await browser.open(f"{stand.platform.launches.url('user-0001')}&framed=1")
        headers = dict(login.headers)
        assert headers["Content-Type"].startswith("text/html")
        assert headers["Cache-Control"] == "no-store"
        assert "X-Frame-Options" not in headers
        assert sum("Partitioned" in value for name, value in login.headers if name == "Set-Cookie") == 1
        assert sum(name == "Set-Cookie" for name, _ in login.headers) == 2
        refused = await browser.open(data_of(login.text)["url"])
        assert refused.status == 400
        assert "storage did not answer" in refused.text
    assert [urlsplit(url).path for url in browser.visited[-2:]] == ["/lti/launch", "/lti/launch"]


@pytest.mark.parametrize("name", EXAMPLES)
async def test_an_answer_counts_once(name: str) -> None:
    async with example(name) as stand, surfer() as browser:
        quiz = await browser.open(stand.platform.launches.url("user-0001"))
        await browser.submit(quiz, answer="41")
        assert (await browser.submit(quiz, answer="42")).status == 410
        assert len(stand.platform.history(None, "user-0001")) == 1


@pytest.mark.parametrize("name", EXAMPLES)
async def test_no_platform_fills_the_store_with_attempts(name: str) -> None:
    """
    Each attempt is in a share, its platform's, and in no other's.
    """
    kept = Counter[str]()

    class Counting(MemoryLoginStore):
        async def put(self, key: str, value: str, *, seconds: float) -> bool:
            kept[share_of(key)] += 1
            return await super().put(key, value, seconds=seconds)

    async with example(name, store=Counting()) as stand, surfer() as browser:
        for user in ("user-0001", "user-0002"):
            await browser.open(stand.platform.launches.url(user))
        known = stand.platform.registration_args()
        whose = quote(f"{known['issuer']} {known['client_id']}", safe="")
    assert kept[f"attempt {whose}"] == 2
    assert sorted(kept.values()) == [2, 2]


@pytest.mark.parametrize("name", EXAMPLES)
async def test_a_login_may_be_a_post(name: str) -> None:
    async with example(name) as stand, aiohttp.ClientSession() as session:
        fields = {"iss": stand.platform.base_url, "login_hint": "u", "target_link_uri": f"{stand.url}/x"}
        async with session.post(f"{stand.url}/lti/login", data=fields, allow_redirects=False) as answer:
            assert answer.status == 302
            assert answer.headers["Location"].startswith(f"{stand.platform.base_url}/lti/authorize?")
            assert {"Partitioned" in value for value in answer.headers.getall("Set-Cookie")} == {True, False}
        async with session.put(f"{stand.url}/lti/login", data=fields) as answer:
            assert answer.status == 405


@pytest.mark.parametrize("name", EXAMPLES)
async def test_refusals_are_plain_text_with_a_status(name: str) -> None:
    stranger = {"iss": "https://stranger.example/<script>", "login_hint": "u", "client_id": "c"}
    async with example(name) as stand, aiohttp.ClientSession() as session:
        params = stranger | {"target_link_uri": f"{stand.url}/x"}
        async with session.get(f"{stand.url}/lti/login", params=params) as answer:
            assert answer.status == 403
            assert answer.content_type == "text/plain"
            assert "no registration" in await answer.text()
        async with session.post(f"{stand.url}/lti/launch", data={"state": "x" * 43}) as answer:
            assert answer.status == 401
        async with session.post(f"{stand.url}/lti/launch", data={"state": "x" * 43, "id_token": "a.b.c"}) as answer:
            assert answer.status == 400
        async with session.post(f"{stand.url}/lti/launch", data={"id_token": "x" * 600_000}) as answer:
            assert answer.status in {400, 401, 413}


@pytest.mark.parametrize("name", EXAMPLES)
async def test_a_bad_id_token_over_http_is_401_and_no_launch(name: str) -> None:
    async with example(name) as stand, surfer() as browser:
        stand.platform.launches.tamper = lambda header, claims: claims.update(nonce="another")
        page = await browser.open(stand.platform.launches.url("user-0001"))
        assert page.status == 401
        assert "nonce" in page.text


@pytest.mark.parametrize("name", EXAMPLES)
async def test_platform_keys_that_cannot_be_had_are_503(name: str) -> None:
    async with example(name) as stand, surfer() as browser:
        stand.platform.faults.add(Fault.answer(500, operation="key_set"))
        page = await browser.open(stand.platform.launches.url("user-0001"))
        assert page.status == 503
        assert "keys cannot be had" in page.text
        assert stand.platform.counts["key_set"] == 3


@pytest.mark.parametrize("name", EXAMPLES)
async def test_the_tool_s_public_keys_are_served(name: str) -> None:
    async with (
        example(name) as stand,
        aiohttp.ClientSession() as session,
        session.get(f"{stand.url}/lti/jwks") as answer,
    ):
        assert await answer.json() == jwks_document(stand.settings.keys)
        assert answer.headers["Cache-Control"] == "public, max-age=3600"


async def test_deep_linking_places_links_with_columns_before_anybody_launches_them() -> None:
    async with example("fastapi_tool") as stand, surfer() as browser:
        gradebook = await browser.open(stand.platform.launches.page_url)
        page = await browser.click(gradebook, "Add links as Tea Cher")
        assert "2 links were added" in page.text, page.text
        assert [item["resourceId"] for item in stand.platform.line_items()[1:]] == ["quiz-1", "quiz-2"]
        gradebook = await browser.open(stand.platform.launches.page_url)
        quiz = await browser.click(gradebook, "Launch Quiz 2 as Björn Brown")
        await browser.submit(quiz, answer="goethe")
        assert stand.platform.result(3, "user-0001") is not None
        assert stand.platform.result(2, "user-0001") is None


async def test_a_teacher_sees_who_has_no_result() -> None:
    async with example("fastapi_tool") as stand, surfer() as browser:
        await browser.submit(await browser.open(stand.platform.launches.url("user-0002")), answer="42")
        page = await browser.open(stand.platform.launches.url("teacher-1"))
        assert page.text.count("<tr>") == 5
        assert page.text.count("–") == 4
        assert "Tea Cher" not in page.text
        assert stand.platform.tokens.issued == 1


@pytest.mark.parametrize("name", EXAMPLES)
async def test_an_example_is_a_program_that_names_its_page_and_ends_with_ctrl_c(name: str) -> None:
    with held_port() as port:
        command = [sys.executable, "-u", str(FOLDER / f"{name}.py"), str(port)]
        pipe = asyncio.subprocess.PIPE
        # Whoever runs the tests in the background of a shell has SIGINT ignored, and programs inherit that.
        heeding = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
        program = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, **heeding)
        assert program.stdout is not None
        assert program.stderr is not None
        try:
            said = (await program.stdout.readline()).decode()
            assert said.startswith("Open http://127.0.0.1:"), (await program.stderr.read()).decode()
            async with surfer() as browser:
                gradebook = await browser.open(said.split()[1])
                registered = await browser.click(gradebook, "Register this tool")
                assert "The tool is registered" in registered.text
                gradebook = await browser.open(said.split()[1])
                assert any(text.startswith("Launch Quiz as ") for text in gradebook.links)
        finally:
            program.send_signal(signal.SIGINT)
            _, complaints = await program.communicate()
    assert (program.returncode, complaints.decode()) == (0, "")
