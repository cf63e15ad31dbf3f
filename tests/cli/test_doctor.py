"""
``aioags doctor``: green on each profile; of each broken set-up it names the fault, in one sentence.
"""

from __future__ import annotations

import asyncio
import json
import time
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from aioags.cli.command import Run, SharedOptions, World
from aioags.cli.doctor import examine
from aioags.cli.findings import Condition, Finding
from aioags.emulator import PROFILES, Fault, InMemoryTransport, Platform
from aioags.emulator.doors.config_file import update_table, write_config
from aioags.launch import dump_key, generate_key, jwks_document
from aioags.protocol.messages import Request, Response

OTHER_KEY = generate_key()
TOOL_KEYS = "https://tool.example/jwks"


class Elsewhere:
    """
    A transport to a platform, with answers of other hosts.
    """

    def __init__(self, platform: Platform, others: Mapping[str, Response]) -> None:
        self._inner = InMemoryTransport(platform)
        self._others = others

    async def send(self, request: Request) -> Response:
        """
        Answer as the URL's host would.
        """
        return self._others.get(request.url) or await self._inner.send(request)

    async def aclose(self) -> None:
        """
        Do nothing.
        """


@attrs.define
class Ward:
    """
    A platform, the file that names it, and what is broken.
    """

    platform: Platform
    config: Path
    others: dict[str, Response] = attrs.field(factory=dict)
    ahead: float = 0.0
    slept: list[float] = attrs.field(factory=list)

    def write(self, **values: Any) -> None:
        """
        Change the table; None takes a value away.
        """
        update_table(self.config, "it", values, pem=None)

    @property
    def table(self) -> dict[str, Any]:
        """
        What is written down.
        """
        found: dict[str, Any] = tomllib.loads(self.config.read_text())["it"]
        return found

    def answer(self, name: str, status: int, body: str, kind: str = "application/json") -> None:
        """
        Let somebody else answer at a URL of the table.
        """
        url = self.table[name]
        self.others[url] = Response(status, "", (("Content-Type", kind),), body.encode(), url)

    def examine(self, *, write: bool = False) -> list[Finding]:
        """
        Return what the doctor finds.
        """

        async def collect() -> list[Finding]:
            async def sleep(seconds: float) -> None:
                self.slept.append(seconds)

            here = Elsewhere(self.platform, self.others)
            world = World(transport=here, sleep=sleep, now=lambda: self.platform.site.clock() + self.ahead)
            run = Run("aioags doctor", SharedOptions(config=self.config), world)
            return [finding async for finding in examine(run, None, write=write)]

        return asyncio.run(collect())

    def faults(self) -> list[str]:
        """
        Return the sentences of what is at fault, each with its advice.
        """
        return [f"{one.step}: {one.said} -> {one.advice}" for one in self.examine() if one.state is Condition.FAULT]


def ward(tmp_path: Path, profile: str = "spec", **more: Any) -> Ward:
    """
    Make a platform that all is well with.
    """
    slept: list[float] = []
    platform = Platform.create(profile, users=3, clock=lambda: time.time() + sum(slept), **more)
    write_config(tmp_path / "aioags.toml", "it", platform)
    return Ward(platform, tmp_path / "aioags.toml", slept=slept)


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("profile", list(PROFILES))
def test_each_profile_is_green(profile: str, write: bool, tmp_path: Path) -> None:
    made = ward(tmp_path, profile)
    before = len(made.platform.course.items)
    findings = made.examine(write=write)
    assert [one for one in findings if one.state is Condition.FAULT] == []
    assert {"registration", "token", "scopes", "listing", "results", "members", "rate"} <= {
        one.step for one in findings
    }
    # Open edX lets no tool delete.
    assert len(made.platform.course.items) == before + (write and profile == "openedx")


def test_without_write_nothing_is_changed(tmp_path: Path) -> None:
    made = ward(tmp_path)
    made.examine()
    assert {exchange.request.method for exchange in made.platform.requests} <= {"GET", "POST"}
    assert {exchange.operation for exchange in made.platform.requests if exchange.request.method == "POST"} == {"token"}


def _wrong_key(made: Ward) -> None:
    update_table(made.config, "it", {}, pem=dump_key(OTHER_KEY))


def _weak_key(made: Ward) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 1024)
    kinds = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    update_table(made.config, "it", {}, pem=key.private_bytes(*kinds).decode())


def _public_key(made: Ward) -> None:
    update_table(made.config, "it", {}, pem=json.dumps(jwks_document([OTHER_KEY])["keys"][0]))


def _published(*keys: Any) -> Callable[[Ward], None]:
    def break_it(made: Ward) -> None:
        made.write(tool_jwks_url=TOOL_KEYS)
        made.answer("tool_jwks_url", 200, json.dumps({"keys": list(keys)}))

    return break_it


def _other_key_same_id(made: Ward) -> None:
    from aioags.config import Config

    kid = Config.load(made.config).target().registration.key.kid
    _published({**jwks_document([OTHER_KEY])["keys"][0], "kid": kid})(made)


def _private_published(made: Ward) -> None:
    from aioags.config import Config

    _published(Config.load(made.config).target().registration.key.as_dict(private=True))(made)


def _unreachable_keys(made: Ward) -> None:
    made.write(tool_jwks_url=TOOL_KEYS)
    made.answer("tool_jwks_url", 404, "")


def _readable_key(made: Ward) -> None:
    (made.config.parent / made.table["key_file"]).chmod(0o644)


def _narrow(made: Ward) -> None:
    made.platform.tool.scopes = tuple(
        scope for scope in made.platform.tool.scopes if not scope.endswith("result.readonly")
    )


def _offered_less(made: Ward) -> None:
    made.write(scope=[scope for scope in made.table["scope"] if not scope.endswith("/score")])


def _away(made: Ward) -> None:
    made.platform.maintenance = True


def _throttled(made: Ward) -> None:
    made.platform.faults.add(Fault(effect="throttle", operation="token"))


def _off_site(made: Ward) -> None:
    url = made.table["lineitems"]
    link = ("Link", '<https://elsewhere.example/page2>; rel="next"')
    kind = ("Content-Type", "application/vnd.ims.lis.v2.lineitemcontainer+json")
    made.others[url] = Response(200, "", (kind, link), b"[]", url)


def _deleted(made: Ward) -> None:
    made.platform.course.items.clear()


def _deployment(made: Ward) -> None:
    made.write(deployment_id="no-such-deployment")


BROKEN: list[tuple[str, str, Callable[[Ward], Any], str]] = [
    ("a missing client id", "spec", lambda it: it.write(client_id=None), "lacks client_id"),
    ("blanks", "spec", lambda it: it.write(client_id=" tool-1"), "client_id has blanks around it -> take them out"),
    ("http", "spec", lambda it: it.write(token_url="http://lms.example/token"), "token_url must be https"),
    ("no key", "spec", lambda it: it.write(key_file=None), "names no key: key_file = a path, or key_env"),
    ("a lost key", "spec", lambda it: it.write(key_file="lost.pem"), "cannot read the key"),
    ("an inline key", "spec", lambda it: it.write(key="-----BEGIN"), "a key must not stand in it"),
    ("a key for all", "spec", _readable_key, "others may read the key in"),
    ("a public key", "spec", _public_key, "key must hold the private part"),
    ("a weak key", "spec", _weak_key, "key must be RSA of 2048 bits or more"),
    (
        "the wrong URL of two",
        "spec",
        lambda it: it.write(token_url=it.table["authorization_url"]),
        "token_url is the same as authorization_url -> take the access token URL",
    ),
    ("keys unpublished", "spec", _unreachable_keys, f"the tool's key set cannot be had: {TOOL_KEYS} answers 404"),
    (
        "another key published",
        "spec",
        _published(jwks_document([OTHER_KEY])["keys"][0]),
        "tool's keys: the tool's key set holds no key",
    ),
    ("another key of this id", "spec", _other_key_same_id, "of the tool's key set is another one"),
    ("a private key published", "spec", _private_published, "the tool's key set holds a private key"),
    (
        "no platform keys",
        "spec",
        lambda it: it.answer("jwks_url", 404, ""),
        "the platform's key set cannot be had: https://lms.example",
    ),
    (
        "a page for platform keys",
        "spec",
        lambda it: it.answer("jwks_url", 200, "<html>", "text/html"),
        "answers something else than a key set",
    ),
    (
        "no token endpoint",
        "spec",
        lambda it: it.answer("token_url", 404, "<html>Not found</html>", "text/html"),
        "token: this is no token endpoint",
    ),
    (
        "a login page",
        "spec",
        lambda it: it.answer("token_url", 200, "<html>Log in</html>", "text/html"),
        "token: this is no token endpoint",
    ),
    (
        "Moodle's other token URL",
        "moodle",
        lambda it: it.answer("token_url", 200, '{"token": "x"}'),
        "is it the token URL for LTI?",
    ),
    (
        "an unknown client",
        "canvas",
        lambda it: it.write(client_id="10000000000099"),
        "Client ID: the long number in the column Details of Developer Keys",
    ),
    ("an unknown client at Moodle", "moodle", lambda it: it.write(client_id="nobody"), "client_id in"),
    ("the wrong key", "spec", _wrong_key, "the platform does not know the key that this tool signs with"),
    ("the wrong key at Moodle", "moodle", _wrong_key, "token: the platform"),
    ("the wrong key at Canvas", "canvas", _wrong_key, "by URL or pasted; JWK Method: Public JWK"),
    (
        "the wrong audience at Canvas",
        "canvas",
        lambda it: it.write(audience="https://canvas.example/other"),
        "the audience is wrong: this platform wants https://lms.example/login/oauth2/token -> no line audience",
    ),
    (
        "a slash too many",
        "canvas",
        lambda it: it.write(audience=it.table["token_url"] + "/"),
        "the audience is wrong: this platform wants https://lms.example/login/oauth2/token",
    ),
    (
        "no audience at Brightspace",
        "brightspace",
        lambda it: it.write(audience=None),
        "the audience is wrong: this platform wants https://api.brightspace.com/auth/token -> audience =",
    ),
    (
        "a clock that is ahead",
        "canvas",
        lambda it: setattr(it, "ahead", 900.0),
        "the clock of this machine is 15 min ahead -> set it by NTP",
    ),
    (
        "a clock that is behind",
        "spec",
        lambda it: setattr(it, "ahead", -9000.0),
        "the clock of this machine is 2 h behind -> set it by NTP",
    ),
    ("maintenance", "spec", _away, "token: the platform asks for patience"),
    ("a platform that is ill", "spec", lambda it: it.answer("token_url", 500, "Oops"), "token: the platform is ill"),
    ("throttled", "spec", _throttled, "the platform asks for patience"),
    ("fewer scopes granted", "moodle", _narrow, "scopes: not granted: result.readonly -> Services:"),
    (
        "a scope that is refused",
        "canvas",
        _narrow,
        "the platform does not allow this tool result.readonly -> the services; all four",
    ),
    ("fewer scopes offered", "spec", _offered_less, "the launch did not offer score"),
    (
        "a deleted course",
        "spec",
        lambda it: it.answer("lineitems", 404, ""),
        "listing: the list of line items is not there any more",
    ),
    (
        "a forbidden list",
        "spec",
        lambda it: it.answer("lineitems", 403, "{}"),
        "listing: the list of line items is forbidden to this tool",
    ),
    (
        "a page for a list",
        "spec",
        lambda it: it.answer("lineitems", 200, "<html>Log in</html>", "text/html"),
        "listing: the list of line items is not what the standard says",
    ),
    ("a next page elsewhere", "spec", _off_site, "listing: the list of line items leads to another host"),
    ("a deleted item", "spec", _deleted, "results: the results is not there any more"),
    (
        "a closed roster",
        "spec",
        lambda it: it.answer("memberships_url", 403, "{}"),
        "members: the roster is forbidden to this tool",
    ),
]


@pytest.mark.parametrize("profile, break_it, sentence", [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_set_up_is_named(profile: str, break_it: Callable[[Ward], Any], sentence: str, tmp_path: Path) -> None:
    made = ward(tmp_path, profile)
    break_it(made)
    faults = made.faults()
    assert any(sentence in fault for fault in faults), faults
    assert all("\n" not in fault and "BEGIN" not in fault for fault in faults)
