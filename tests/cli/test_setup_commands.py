"""
``aioags init``, ``keys`` and ``listen``: from nothing to a gradebook.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
import pytest
from yarl import URL

from aioags.config import Config
from aioags.emulator.browser.html_reader import forms
from aioags.launch import load_keys
from aioags.launch.lms_fields import lms_guides, recognized_lms
from tests.cli.conftest import Call, Desk
from tests.rigs.ports import held_port

SITE = "https://lms.example"
MENDED = "others may read the key in mine.pem: chmod 600 mine.pem"
ANSWERS = ("--site", SITE, "--issuer", SITE, "--client-id", "tool-7", "--deployment-id", "3", "--block", "b1")
URLS = ("--token-url", f"{SITE}/t", "--authorization-url", f"{SITE}/a", "--jwks-url", f"{SITE}/j")


@pytest.mark.parametrize("kind", list(lms_guides()))
def test_init_writes_what_a_registration_needs(kind: str, call: Call, tmp_path: Path) -> None:
    done = call("init", "--lms", kind, *ANSWERS, *(URLS if kind == "other" else ()))
    assert (done.status, done.err) == (0, "")
    target = Config.load(tmp_path / "aioags.toml").target()
    registration = target.registration
    assert target.name == kind
    assert registration.client_id == "tool-7"
    assert registration.authorization_url is not None and registration.jwks_url is not None
    assert all("<" not in str(value) for value in target.values.values())
    assert f"http://localhost:8765/login   ->  {lms_guides()[kind].our_field('login_url').field}" in done.out
    assert done.out.endswith(f"Next: aioags listen {kind}, and launch it once.\n")
    assert "PRIVATE" not in done.out + (tmp_path / "aioags.toml").read_text()
    assert (tmp_path / f"aioags-{kind}.pem").stat().st_mode & 0o777 == 0o600
    assert recognized_lms(registration.issuer, registration.token_url) == kind


def test_brightspace_gets_its_own_audience(call: Call, tmp_path: Path) -> None:
    call("init", "d2l", "--lms", "brightspace", *ANSWERS)
    assert (
        Config.load(tmp_path / "aioags.toml").target().registration.audience == "https://api.brightspace.com/auth/token"
    )


@pytest.mark.parametrize("option", ["--site", "--token-url", "--authorization-url", "--jwks-url", "--tool-url"])
@pytest.mark.parametrize("given", ["lms.example", "http://lms.example", "https://"])
def test_init_writes_nothing_that_is_no_url(option: str, given: str, call: Call, tmp_path: Path) -> None:
    done = call("init", "--lms", "moodle", *ANSWERS, option, given)
    assert (done.status, done.err.count("\n"), list(tmp_path.iterdir())) == (2, 1, [])
    assert f"{option} must be " in done.err and repr(given.rstrip("/"))[:-1] in done.err


def test_init_writes_no_url_that_was_mistyped(call: Call, tmp_path: Path) -> None:
    done = call("init", "a school", "--lms", "moodle", terminal=True, ask=lambda _: "lms.example")
    assert (done.status, "--site must be an absolute URL" in done.err) == (2, True)
    assert "lms.example" not in (tmp_path / "aioags.toml").read_text()
    done = call("init", "a school", "--lms", "moodle")
    assert "Next: aioags init 'a school' --lms moodle --client-id" in done.out


def test_init_asks_only_for_what_it_does_not_know(call: Call, tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "answer-1"

    call("init", "school", "--lms", "moodle", "--site", SITE, terminal=True, ask=ask)
    assert [question.strip() for question in asked] == ["Client ID (15 characters):", "Deployment ID (a small number):"]
    table = tomllib.loads((tmp_path / "aioags.toml").read_text())["school"]
    assert (table["issuer"], table["client_id"], table["token_url"]) == (SITE, "answer-1", f"{SITE}/mod/lti/token.php")
    asked.clear()
    key = (tmp_path / "aioags-school.pem").read_text()
    call("init", "school", "--lms", "moodle", terminal=True, ask=ask)
    # Neither what it holds, nor the site, from which that came.
    assert asked == []
    assert (tmp_path / "aioags-school.pem").read_text() == key


def test_init_can_be_called_before_the_lms_has_shown_anything(call: Call) -> None:
    done = call("init", "school", "--lms", "moodle", "--site", SITE, terminal=True, ask=lambda _: "")
    assert "What Moodle shows then (Enter: not yet known):" in done.out
    assert done.out.endswith("Next: aioags init school --lms moodle --client-id … --deployment-id ….\n")


def test_without_a_terminal_init_says_what_is_missing(call: Call) -> None:
    done = call("init", "--lms", "canvas", "--json")
    assert done.status == 0
    assert done.records[0]["missing"] == ["client_id", "deployment_id"]


def test_init_takes_a_key_that_is_there(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call("keys", "new", "mine.pem")
    assert call("init", "--lms", "canvas", *ANSWERS, "--key-file", "mine.pem").status == 0
    (mine,) = load_keys((tmp_path / "mine.pem").read_text())
    assert Config.load(tmp_path / "aioags.toml").target().registration.key.kid == mine.kid
    (tmp_path / "mine.pem").chmod(0o644)
    refused = call("init", "--lms", "canvas", "--key-file", "mine.pem")
    assert (refused.status, refused.err) == (
        2,
        "aioags init: others may read the key in mine.pem: chmod 600 mine.pem\n",
    )
    environ = {"TOOL_KEY": (tmp_path / "mine.pem").read_text()}
    assert call("init", "--lms", "canvas", *ANSWERS, "--key-env", "TOOL_KEY", environ=environ).status == 0
    assert tomllib.loads((tmp_path / "aioags.toml").read_text())["canvas"]["key_env"] == "TOOL_KEY"


def test_a_folder_that_cannot_be_written_is_told_by_the_name_of_the_file(call: Call) -> None:
    refused = call("init", "--lms", "canvas", "--config", "nowhere/aioags.toml")
    assert (refused.status, refused.out) == (2, "")
    assert refused.err == "aioags init: cannot write nowhere/aioags-canvas.pem: No such file or directory\n"


def test_an_unknown_lms_is_one_line(call: Call) -> None:
    refused = call("init", "--lms", "mudle")
    assert refused.status == 2
    assert "there is no LMS 'mudle'; give one of canvas" in refused.err
    assert refused.err.count("\n") == 1


def test_keys_are_made_and_published(call: Call, tmp_path: Path) -> None:
    call("keys", "new", "one.pem")
    call("keys", "new", "two.pem")
    again = call("keys", "new", "one.pem")
    assert (again.status, again.err) == (2, "aioags keys new: cannot write one.pem: File exists\n")
    published = json.loads(call("keys", "jwks", "one.pem", "two.pem").out)
    assert len(published["keys"]) == 2
    assert all("d" not in key for key in published["keys"])
    assert os.stat("one.pem").st_mode & 0o777 == 0o600


async def launch(desk: Desk, tool: str) -> str:
    """
    Click the link as a browser does, and return what the tool's page says.
    """
    jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=URL(tool))
    async with aiohttp.ClientSession(cookie_jar=jar) as browser:
        url: str = desk.platform.launches.url(desk.platform.users()[0])
        async with browser.get(url) as answer:
            page, url = await answer.text(), str(answer.url)
        while found := forms(page):
            async with browser.post(urljoin(url, found[0].action), data=dict(found[0].fields)) as answer:
                page, url = await answer.text(), str(answer.url)
    return page


@pytest.mark.parametrize("profile", ["canvas", "moodle"])
def test_listen_takes_one_launch_and_writes_its_endpoint(desk: Desk) -> None:
    before = tomllib.loads(desk.config.read_text())[desk.platform.site.profile.name]
    lines = desk.config.read_text().splitlines(keepends=True)
    desk.config.write_text("".join(line for line in lines if not line.startswith(("line", "scope", "member"))))
    assert desk.call("items", "list").err.endswith("takes one launch and writes it\n")
    with held_port() as port:
        tool = f"http://localhost:{port}"
        desk.platform.launches.connect(login_url=f"{tool}/login", redirect_uri=f"{tool}/launch")
        command = [sys.executable, "-m", "aioags.cli", "listen", "--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
            assert program.stderr is not None
            assert program.stdout is not None
            assert program.stderr.readline().startswith(f"Listening on {tool}: ")
            assert "Taken. Look at the terminal." in asyncio.run(launch(desk, tool))
            assert "Next: aioags items list --to" in program.stdout.read()
            assert program.wait() == 0
    after = tomllib.loads(desk.config.read_text())[desk.platform.site.profile.name]
    assert after.pop("scope")
    before.pop("scope")
    assert after == before
    assert desk.call("items", "list").status == 0


def test_listen_says_what_it_lacks(desk: Desk) -> None:
    lines = desk.config.read_text().splitlines(keepends=True)
    desk.config.write_text("".join(line for line in lines if not line.startswith("jwks_url")))
    refused = desk.call("listen")
    assert (refused.status, refused.err.count("\n")) == (2, 1)
    assert "lacks authorization_url or jwks_url" in refused.err


def test_a_port_that_is_taken_is_one_line(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = desk.call("listen", "--port", str(taken.getsockname()[1]))
    assert refused.status == 2
    assert ": --port names another\n" in refused.err
