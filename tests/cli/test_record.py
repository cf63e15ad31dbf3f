"""
``aioags doctor --record``: a user's report becomes a profile that the emulator serves.
"""

from __future__ import annotations

import asyncio
import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from aioags import Client, Endpoint, Registration, Score
from aioags.config import Config
from aioags.emulator import PROFILES, InMemoryTransport, Platform, Profile, ProfileError, load_profile, serve_in_thread
from aioags.emulator.doors.config_file import update_table, write_config
from aioags.emulator.profiles.profile import SCOPES
from aioags.emulator.refusals import Kind
from tests.cli.conftest import Call

COMMENT = "Please see me, Zoë"
LMS = {"moodle-4.1": "moodle", "moodle-apache": "moodle", "spec": "other"}


async def graded(platform: Platform) -> None:
    """
    Grade two people, with a comment.
    """
    registration = Registration(**platform.registration_args())
    async with Client(transport=InMemoryTransport(platform)) as client:
        gradebook = client.gradebook(registration, Endpoint.from_claim(platform.endpoint_claim()))
        for user in platform.users()[:2]:
            await gradebook.post_score(Score.graded(user, 7, score_maximum=10, comment=COMMENT))


def recorded(profile: Profile, call: Call, name: str, *more: str, lms: str | None = None) -> tuple[Platform, str]:
    """
    Let the doctor record a platform in which there is something to see.
    """
    platform = Platform.create(profile, users=3)
    platform.add_line_item("Midterm", 100)
    platform.add_line_item("Final", 50, tag="exam")
    asyncio.run(graded(platform))
    # Canvas counts each token as a third of what a minute allows.
    platform.limiters.clear()
    with serve_in_thread(platform):
        write_config(Path("aioags.toml"), "it", platform)
        if lms is not None:
            update_table(Path("aioags.toml"), "it", {"lms": lms}, pem=None)
        done = call("doctor", "--record", name, *more)
    assert f"aioags emulator --profile {name}" in done.out, done.out + done.err
    return platform, Path(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("more", [(), ("--write",)], ids=["reading", "writing"])
@pytest.mark.parametrize("named", [True, False], ids=["named", "nameless"])
@pytest.mark.parametrize("name", list(PROFILES))
def test_what_was_recorded_answers_as_it_was_recorded(
    name: str, named: bool, more: tuple[str, ...], call: Call
) -> None:
    lms = LMS.get(name, name) if named else None
    _, first = recorded(PROFILES[name], call, "first.json", *more, lms=lms)
    profile = load_profile("first.json")
    _, second = recorded(profile, call, "second.json", *more, lms=lms)
    assert json.loads(second) == json.loads(first)
    if named:
        assert json.loads(first)["profile"] == (LMS.get(name, name) if name != "spec" else "spec")
        # Of those that nobody has seen the words are not known.
        assert {*json.loads(first)["switches"]} <= {"words"}
    assert len(json.loads(first)["answers"]) >= (10 if more else 8)


ODD: dict[str, Any] = {
    "token_lifetime": 600,
    "token_type": "bearer",
    "tool_scopes": list(SCOPES),
    "response_types": {"results": "application/json"},
    "paging": "cursor",
    "page_size": 2,
    "link_quotes": "none",
    "link_rels": ["next"],
    "user_filter": "ignored",
    "floats": False,
    "unset": "null",
    "item_extras": {"https://lms.example/archived": False, "note": "…"},
    "result_extras": {"rank": 0},
    "result_timestamp": True,
    "site_zone": 330,
    "throttle": "credits",
    "statuses": {"no_token": 403, "unknown_line_item": 410},
    "error_style": "brightspace",
    "challenge": True,
    "words": {"unknown_line_item": "Gone, says Deimos"},
}


LINKS: dict[str, Any] = {
    "page_size": 2,
    "link_quotes": "curly",
    "link_escape": True,
    "link_rels": ["current", "next"],
    "link_joiner": ", ",
    "link_relative": True,
}
SPLIT: dict[str, Any] = {"paging": "offset", "link_split": True, "link_rels": ["first", "next", "last"]}


@pytest.mark.parametrize("odd", [ODD, LINKS, SPLIT], ids=["all", "links", "split"])
def test_what_differs_is_recorded_as_switches(odd: dict[str, Any], call: Call) -> None:
    Path("odd.json").write_text(json.dumps({"profile": "canvas", "switches": odd}), encoding="utf-8")
    _, text = recorded(load_profile("odd.json"), call, "found.json", lms="canvas")
    told = json.loads(text)
    assert (told["profile"], told["name"]) == ("canvas", "canvas-recorded")
    assert told["switches"] == odd


@pytest.mark.parametrize("profile", ["spec", "moodle", "canvas", "openedx"])
def test_nothing_secret_and_nobody_is_in_the_file(profile: str, call: Call) -> None:
    words = {Kind.UNKNOWN_LINE_ITEM: "Nothing at 127.0.0.1 for Björn Brown (1@school.example), asked by tool-1"}
    odd = attrs.evolve(PROFILES[profile], words=words)
    platform, text = recorded(odd, call, "found.json", "--write")
    target = Config.load(Path("aioags.toml")).target()
    registration = target.registration
    people = list(platform.course.people.values())
    private = [word for person in people for word in (person.name, person.email, person.given_name, person.family_name)]
    users = [person.user_id for person in people if len(person.user_id) > 1]
    tokens = list(platform.tokens.grants)
    assert tokens
    addresses = [platform.base_url, platform.base_url.rpartition("/")[2], registration.client_id, "Midterm", "Final"]
    key = [str(value) for value in registration.key.as_dict(private=True).values() if len(str(value)) > 6]
    everything = [
        *private,
        *users,
        *tokens,
        *(token[::-1] for token in tokens),
        *addresses,
        *key,
        "PRIVATE",
        "eyJ",
        "127.0.0.1",
    ]
    assert [secret for secret in everything if secret and secret in text] == []
    assert stat.S_IMODE(Path("found.json").stat().st_mode) == 0o600


def test_a_person_has_the_same_name_everywhere(call: Call) -> None:
    _, text = recorded(PROFILES["spec"], call, "found.json")
    bodies = {answer["asked"]: answer["body"] for answer in json.loads(text)["answers"]}
    assert [one["userId"] for one in bodies["results"]] == ["person-1", "person-2"]
    assert COMMENT not in text
    assert [one["user_id"] for one in bodies["members"]["members"]] == ["person-1", "person-2", "person-3"]


def test_a_refused_token_is_recorded_too(call: Call) -> None:
    platform = Platform.create("brightspace", users=1)
    with serve_in_thread(platform):
        write_config(Path("aioags.toml"), "it", platform)
        update_table(Path("aioags.toml"), "it", {"client_id": "nobody", "lms": "brightspace"}, pem=None)
        done = call("doctor", "--record", "found.json")
    assert done.status == 3
    (answer,) = json.loads(Path("found.json").read_text(encoding="utf-8"))["answers"]
    assert (answer["asked"], answer["status"]) == ("token", 400)
    assert load_profile("found.json").name == "brightspace-recorded"


def test_a_place_that_cannot_be_written_is_told_before_anything_is_asked(call: Call) -> None:
    done = call("doctor", "--record", "nowhere/found.json")
    assert (done.status, done.out) == (2, "")
    assert "there is no folder nowhere" in done.err


def test_the_emulator_serves_a_recorded_profile(tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text(json.dumps({"profile": "moodle", "switches": {"token_lifetime": 77}}))
    program = [sys.executable, "-m", "aioags.cli"]
    command = [*program, "emulator", "--profile", "odd.json", "--users", "2", "--config", "aioags.toml"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as platform:
        assert platform.stdout is not None
        assert b"}\n" in iter(platform.stdout.readline, b"")
        try:
            done = subprocess.run([*program, "token", "--json"], cwd=tmp_path, capture_output=True, check=False)
        finally:
            platform.terminate()
    assert json.loads(done.stdout)["expires_in"] == 77


@pytest.mark.parametrize(
    "text, said",
    [
        ("{", "is no JSON"),
        ("[]", "it is no object with switches"),
        ('{"profile": "mudle"}', "profile is 'mudle'; it must be one of spec, moodle"),
        ('{"profile": "spec", "swiches": {}}', "there is no 'swiches' in a profile; there are profile, name, basis"),
        ('{"profile": "spec", "switches": {"pageing": 1}}', "there is no switch 'pageing'"),
        ('{"profile": "spec", "switches": {"name": "x"}}', "name is no switch: it stands beside them"),
        ('{"profile": "spec", "switches": {"paging": "odd"}}', "paging is 'odd'; it must be one of cursor, offset"),
        ('{"profile": "spec", "switches": {"page_size": true}}', "page_size is True; it must be a whole number"),
        ('{"profile": "spec", "switches": {"challenge": 1}}', "challenge is 1; it must be true or false"),
        (
            '{"profile": "spec", "switches": {"statuses": {"odd": 1}}}',
            "statuses is 'odd'; it must be one of no_token",
        ),
        ('{"profile": "spec", "switches": {"statuses": {"stale": "x"}}}', "statuses is 'x'; it must be a whole number"),
        ('{"profile": "spec", "switches": {"members": {"x": 1}}}', "there is no switch 'members.x'"),
        ('{"profile": "spec", "switches": {"link_rels": "next"}}', "link_rels is 'next'; it must be of another form"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "it.json"
    path.write_text(text)
    with pytest.raises(ProfileError) as refused:
        load_profile(path)
    assert str(refused.value).startswith(f"{path}")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_switches_of_every_form_are_read(tmp_path: Path) -> None:
    switches: dict[str, Any] = {
        "page_size": None,
        "leeway": 5,
        "link_rels": ["next", "last"],
        "page_headers": [["X-One", "1"]],
        "empty_bodies": ["stale"],
        "members": {"disclosure": {"name": ["name"]}, "window": {"begin": "from", "query": "from={next}"}},
        "launch": {"presentation": {"height": 7}},
        "addresses": {"token": "/token"},
    }
    (tmp_path / "it.json").write_text(json.dumps({"profile": "canvas", "name": "ours", "switches": switches}))
    read = load_profile(str(tmp_path / "it.json"))
    assert (read.name, read.page_size, read.leeway, read.link_rels) == ("ours", None, 5, ("next", "last"))
    assert (read.page_headers, read.empty_bodies) == ((("X-One", "1"),), frozenset({Kind.STALE}))
    assert (read.members.disclosure.name, read.members.page_size) == (("name",), 50)
    assert read.members.window is not None
    assert read.launch.presentation["height"] == 7
    assert read.launch.presentation["width"] == 1000
    assert (read.addresses.token, read.addresses.jwks) == ("/token", PROFILES["canvas"].addresses.jwks)
    assert read.throttle == "leaky_bucket"
