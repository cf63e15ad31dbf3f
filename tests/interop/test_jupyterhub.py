"""
jupyterhub-ltiauthenticator, which lets people into a JupyterHub by launches, as a hub of its own against the emulator.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from aioags import Endpoint
from aioags.emulator import PROFILES, Platform, serve_in_thread
from tests.interop.foreign import Desk, refusals
from tests.interop.processes import running

pytestmark = pytest.mark.interop

TOLD = ("issuer", "client_id", "authorization_url", "jwks_url")


@contextmanager
def hub_at(profile: str, **settings: str) -> Iterator[Desk]:
    """
    Run a platform, and a hub that knows it: a hub knows one.
    """
    platform = Platform.create(profile, users=3)
    with serve_in_thread(platform), requests.Session() as browser:
        browser.trust_env = False
        told = platform.registration_args()
        environment = {name.upper(): str(told[name]) for name in TOLD} | settings
        with running("tests.interop.jupyterhub_host", **environment) as hub:
            login, callback = f"{hub}/lti13/oauth_login", f"{hub}/lti13/oauth_callback"
            platform.launches.connect(login_url=login, redirect_uri=callback, target_link_uri=f"{hub}/home")
            yield Desk(platform, hub, browser)


@pytest.mark.parametrize("name", PROFILES)
def test_a_launch_lets_somebody_in_and_keeps_what_grades_need(name: str) -> None:
    with hub_at(name) as desk:
        user = desk.users[1]
        shown = desk.launch(user)
        assert (shown.status_code, shown.url) == (200, f"{desk.tool}/home"), shown.text
        # A hub writes names of people in lower case.
        assert user.lower() in shown.text
        claims: dict[str, Any] = desk.browser.get(f"{desk.tool}/seen").json()
        assert claims["sub"] == user
        assert Endpoint.from_launch(claims) == Endpoint.from_claim(desk.platform.endpoint_claim())
        assert refusals(desk) == []


def test_somebody_without_an_address_is_called_by_the_users_id() -> None:
    with hub_at("moodle", USERNAME_KEY="email") as desk:
        desk.platform.tool.privacy = "anonymous"
        assert desk.users[1] in desk.launch(desk.users[1]).text


def test_a_launch_of_another_tool_is_refused() -> None:
    with hub_at("spec", CLIENT_ID="another") as desk:
        assert desk.launch().status_code == 401
