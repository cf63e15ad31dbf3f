"""
Launches: how many id_tokens a second are checked, state and nonce included, the platform's keys known.
"""

from __future__ import annotations

from html import unescape
from re import findall
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .measuring import Job, Measure

TOOL = "https://tool.example"


def platform() -> Any:
    """
    Make a platform that launches a tool.
    """
    from aioags.emulator import Platform

    made = Platform.create(users=2)
    made.launches.connect(login_url=f"{TOOL}/login", redirect_uri=f"{TOOL}/launch", target_link_uri=f"{TOOL}/quiz")
    return made


class Asked:
    """
    A transport to a platform in this process.
    """

    def __init__(self, made: Any) -> None:
        self._platform = made

    async def send(self, request: Any) -> Any:
        """
        Let the platform answer.
        """
        from aioags.protocol.messages import Response

        answer = self._platform.answer(request)
        return Response(answer.status, answer.phrase, answer.headers, answer.body, request.url)

    async def aclose(self) -> None:
        """
        Do nothing: there is nothing to close.
        """


async def logged_in(tool: Any, made: Any) -> tuple[dict[str, str], dict[str, str]]:
    """
    Do what a browser does before a launch; the form that it posts then, and its cookies.
    """
    from aioags.protocol.messages import Request

    started = made.answer(Request("GET", made.launches.url(made.users()[0]))).header("Location") or ""
    login = await tool.login({name: values[0] for name, values in parse_qs(urlsplit(started).query).items()})
    page = made.answer(Request("GET", login.url)).body.decode()
    form = {name: unescape(value) for name, value in findall(r'name="(\w+)" value="([^"]*)"', page)}
    return form, {login.cookie.name: login.cookie.value} if login.cookie else {}


async def launches(job: Job, measure: Measure) -> None:
    """
    By `aioags.launch.Tool`.
    """
    from aioags import Registration
    from aioags.launch import Tool, ToolSettings

    made = platform()
    settings = ToolSettings(registrations=[Registration(**made.registration_args())], redirect_uri=f"{TOOL}/launch")
    async with Tool(settings, Asked(made)) as tool:
        ready = [await logged_in(tool, made) for _ in range(job.count + 20)]
        for form, cookies in ready[:20]:
            await tool.launch(form, cookies)
        measure.begin(job.count)
        for form, cookies in ready[20:]:
            await tool.launch(form, cookies)
        measure.end()


async def pyltilaunches(job: Job, measure: Measure) -> None:
    """
    By PyLTI1p3's `MessageLaunch`, with session and cookies in dictionaries and the key set at hand.
    """
    import json

    from aioags import Registration
    from aioags.launch import Tool, ToolSettings
    from aioags.protocol.messages import Request

    made = platform()
    arguments = made.registration_args()
    settings = ToolSettings(registrations=[Registration(**arguments)], redirect_uri=f"{TOOL}/launch")
    keys = json.loads(made.answer(Request("GET", arguments["jwks_url"])).body)
    async with Tool(settings, Asked(made)) as tool:
        forms = [(await logged_in(tool, made))[0] for _ in range(job.count + 20)]
    configuration = _pylti_configuration(arguments, keys)
    take = _pylti_launch()
    ready = [take(form, configuration) for form in forms]
    for launch in ready[:20]:
        launch.validate()
    measure.begin(job.count)
    for launch in ready[20:]:
        launch.validate()
    measure.end()


def _pylti_configuration(arguments: dict[str, Any], keys: Any) -> Any:
    from pylti1p3.tool_config import ToolConfDict

    entry = {
        "default": True,
        "client_id": arguments["client_id"],
        "auth_login_url": arguments["authorization_url"],
        "auth_token_url": arguments["token_url"],
        "key_set": keys,
        "deployment_ids": [arguments["deployment_id"]],
    }
    return ToolConfDict({arguments["issuer"]: [entry]})


def _pylti_launch() -> Any:
    import base64
    import json

    from pylti1p3.cookie import CookieService
    from pylti1p3.message_launch import MessageLaunch
    from pylti1p3.request import Request
    from pylti1p3.session import SessionService

    class Posted(Request):
        def __init__(self, form: dict[str, str]) -> None:
            self.form, self.session_values = form, {}

        @property
        def session(self) -> dict[str, Any]:
            return self.session_values

        def is_secure(self) -> bool:
            return True

        def get_param(self, key: str) -> str:
            return self.form[key]

    class Cookies(CookieService):
        def __init__(self, form: dict[str, str]) -> None:
            self._form = form

        def get_cookie(self, name: str) -> str | None:
            return self._form["state"] if name.endswith(self._form["state"]) else None

        def set_cookie(self, name: str, value: str | int, exp: int | None = 3600) -> None:
            pass

    class Launch(MessageLaunch):
        def _get_request_param(self, key: str) -> str:
            return self._request.get_param(key)

    def take(form: dict[str, str], configuration: Any) -> Any:
        request = Posted(form)
        session = SessionService(request)
        segment = form["id_token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
        session.save_nonce(claims["nonce"])
        return Launch(request, configuration, session, Cookies(form))

    return take


LAUNCHES = {each.__name__: each for each in (launches, pyltilaunches)}
