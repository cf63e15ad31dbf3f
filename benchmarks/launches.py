"""
How many launches one core takes, here and in PyLTI1p3, and what it costs to parse a key.

Both check the same launch of the emulated platform, turn by turn, with its key set in memory. First the id_token
alone: signature, issuer, audience, times, deployment, message. Then all of the launch, with state, nonce and cookie.
Nothing is sent; PyLTI1p3's session and cookies are a dict. The figure is the median of the ratios of neighbours, by CPU
time.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import time
from collections.abc import Callable, Mapping
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs
import requests
from joserfc.jwk import RSAKey
from pylti1p3.message_launch import MessageLaunch
from pylti1p3.session import SessionService
from pylti1p3.tool_config.dict import ToolConfDict

from aioags import Registration
from aioags.emulator import Platform
from aioags.emulator.doors.in_memory import InMemoryTransport
from aioags.launch import Login, PendingLogin, Tool, ToolSettings, finish_login, read_form, read_header
from aioags.launch.keys import load_keys
from aioags.launch.login import Cookie
from aioags.launch.public_keys import PublicKeys
from aioags.launch.registrations import platform_of
from aioags.protocol.messages import Request

TOOL = "https://tool.example"
BAR = 2.4


@attrs.frozen
class Posted:
    """
    One launch as a browser posts it.
    """

    form: dict[str, str]
    pending: PendingLogin
    cookie: Cookie


class Bench:
    """
    A tool, the platform that launches it, and PyLTI1p3 set up for the same.
    """

    def __init__(self) -> None:
        self.platform = Platform.create(users=1)
        self.platform.launches.connect(login_url=f"{TOOL}/login", redirect_uri=f"{TOOL}/launch")
        registration = Registration(**self.platform.registration_args())
        settings = ToolSettings(registrations=[registration], redirect_uri=f"{TOOL}/launch")
        self.tool = Tool(settings, InMemoryTransport(self.platform))
        self.keys = self.platform.launches.key.public_set.as_dict()
        self.issuer, self.held = registration.issuer, PublicKeys(self.keys["keys"])
        self.peer = peer_settings(registration, self.keys)
        self.session = requests.Session()

    async def posted(self) -> Posted:
        """
        Click a link, log in, and return what the browser posts.
        """
        started = self.platform.answer(request(self.platform.launches.url(self.platform.users()[0])))
        login: Login = await self.tool.login(query(started.header("Location") or ""))
        fields = form_fields(self.platform.answer(request(login.url)).body.decode())
        return Posted(fields, login.pending, login.cookie)

    async def ours(self, launches: list[Posted]) -> None:
        """
        Take launches here.
        """
        for one in launches:
            await self.tool.launch(one.form, {one.cookie.name: one.cookie.value})

    async def our_tokens(self, launches: list[Posted]) -> None:
        """
        Check id_tokens alone here.
        """
        settings = self.tool.settings
        candidates = await settings.registrations.find(self.issuer, None)
        platform = platform_of(candidates[0])
        assert platform is not None
        for one in launches:
            form = read_form(one.form)
            header = read_header(form.id_token, settings)
            key = self.held.find(header.kid, header.alg)
            assert key is not None
            finish_login(form, one.pending, platform, candidates, header, key, settings, now=time.time())

    async def their_tokens(self, launches: list[Posted]) -> None:
        """
        Check id_tokens alone in PyLTI1p3.
        """
        for one in launches:
            peer = PeerRequest(one.form)
            launch = PeerLaunch(peer, self.peer, SessionService(peer), PeerCookies(""), requests_session=self.session)
            launch._validated = True
            launch.validate_jwt_format().validate_registration().validate_jwt_signature()
            launch.validate_deployment().validate_message()

    async def theirs(self, launches: list[Posted]) -> None:
        """
        Take launches in PyLTI1p3.
        """
        for one in launches:
            peer = PeerRequest(one.form)
            sessions = SessionService(peer)
            sessions.save_nonce(one.pending.nonce)
            cookies = PeerCookies(one.form["state"])
            PeerLaunch(peer, self.peer, sessions, cookies, requests_session=self.session).validate()


@attrs.define
class PeerRequest:
    """
    A request as PyLTI1p3 sees it.
    """

    form: Mapping[str, str]
    session: dict[str, Any] = attrs.field(factory=dict)

    def is_secure(self) -> bool:
        """
        Say that it came by https.
        """
        return True

    def get_param(self, key: str) -> str | None:
        """
        Return a field of the form.
        """
        return self.form.get(key)


@attrs.frozen
class PeerCookies:
    """
    The one cookie that PyLTI1p3 asks for.
    """

    state: str

    def get_cookie(self, name: str) -> str:
        """
        Return the state.
        """
        return self.state


class PeerLaunch(MessageLaunch):  # type: ignore[misc]
    """
    PyLTI1p3's launch, of no framework.
    """

    def _get_request_param(self, key: str) -> Any:
        return self._request.get_param(key)


def peer_settings(registration: Registration, keys: Any) -> ToolConfDict:
    """
    Set PyLTI1p3 up for the same platform.
    """
    settings = {
        "client_id": registration.client_id,
        "auth_login_url": registration.authorization_url,
        "auth_token_url": registration.token_url,
        "key_set_url": registration.jwks_url,
        "key_set": keys,
        "deployment_ids": [registration.deployment_id],
    }
    return ToolConfDict({registration.issuer: settings})


def request(url: str) -> Any:
    """
    Return a GET.
    """
    return Request("GET", url)


def query(url: str) -> dict[str, str]:
    """
    Return the parameters of a URL.
    """
    return dict(parse_qsl(urlsplit(url).query))


def form_fields(page: str) -> dict[str, str]:
    """
    Return the fields of the form in a page.
    """
    return {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page)}


async def cpu_each(take: Callable[[list[Posted]], Any], launches: list[Posted]) -> float:
    """
    Return CPU seconds for each launch.
    """
    begun = time.process_time()
    await take(launches)
    return (time.process_time() - begun) / len(launches)


async def compare(rounds: int, each: int) -> None:
    """
    Take turns, and say the ratios.
    """
    bench = Bench()
    tokens: list[tuple[float, float]] = []
    wholes: list[tuple[float, float]] = []
    async with bench.tool:
        for _ in range(rounds + 1):
            launches = [await bench.posted() for _ in range(each)]
            tokens.append((await cpu_each(bench.our_tokens, launches), await cpu_each(bench.their_tokens, launches)))
            wholes.append((await cpu_each(bench.ours, launches), await cpu_each(bench.theirs, launches)))
    # The first round fetches the key set and warms up.
    tell(f"an id_token (to be {BAR} or more)", tokens[1:])
    tell("a whole launch", wholes[1:])


def tell(what: str, measured: list[tuple[float, float]]) -> None:
    """
    Say one comparison.
    """
    ratios = sorted(theirs / ours for ours, theirs in measured)
    ours, theirs = (statistics.median(pair[column] for pair in measured) * 1e6 for column in (0, 1))
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}, {len(ratios)} rounds"
    print(f"{what}: {statistics.median(ratios):.2f} x PyLTI1p3 ({spread}), {ours:.0f} µs beside {theirs:.0f}")


def parsing(rounds: int) -> None:
    """
    Parse keys that nobody has seen, and one of them again.
    """
    texts = [RSAKey.generate_key(2048).as_pem(private=True).decode() for _ in range(rounds)]
    for name, parse in (("joserfc", RSAKey.import_key), ("aioags", load_keys), ("aioags, again", load_keys)):
        taken = []
        for text in texts:
            begun = time.process_time()
            parse(text)
            taken.append((time.process_time() - begun) * 1e3)
        print(f"an RSA key of 2,048 bits, {name}: {statistics.median(taken):.3f} ms (at most {max(taken):.3f})")


def main() -> None:
    """
    Measure, and say it.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--launches", type=int, default=200, help="in a round")
    told = parser.parse_args()
    asyncio.run(compare(told.rounds, told.launches))
    parsing(told.rounds)


if __name__ == "__main__":
    main()
