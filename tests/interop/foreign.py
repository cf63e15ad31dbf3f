"""
A tool that is not ours, in a process of its own, beside the emulator: registered, launched and looked through.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin

import attrs
import pytest
import requests
from joserfc.jwk import KeySet

from aioags.emulator import Platform, Profile, serve_in_thread
from tests.interop.processes import ask
from tests.launch.surfer import Page

REGISTRATION = ("issuer", "client_id", "deployment_id", "token_url", "audience", "authorization_url", "jwks_url")


@attrs.frozen
class Desk:
    """
    A platform, a tool that is registered at it, and the browser of one person.

    Attributes:
        tool: The tool's URL; its launches are at ``/launch``.
    """

    platform: Platform
    tool: str
    browser: requests.Session

    @property
    def users(self) -> list[str]:
        """
        The user ids of the course.
        """
        return self.platform.users()

    def rest(self) -> None:
        """
        Let a while go by: a person clicks now and then, and what Canvas counts of each caller leaks meanwhile.
        """
        self.platform.limiters.clear()

    def launch(self, user: str | None = None, **click: Any) -> requests.Response:
        """
        Click a link of the platform, and go where it leads: to what the tool shows. None: as the first person.
        """
        form = self.browser.get(self.platform.launches.url(user or self.users[0], **click))
        if form.url.startswith(f"{self.tool}/login"):
            # PyLTI1p3 lets a script find out whether cookies are kept, and come back.
            form = self.browser.get(f"{form.url}&lti1p3_new_window=1")
        assert form.ok, form.text
        return self.submit(form)

    def submit(self, shown: requests.Response) -> requests.Response:
        """
        Submit the form of a page, as its script does.
        """
        (form,) = Page(shown.url, shown.status_code, [], shown.text).forms
        return self.browser.post(urljoin(shown.url, form.action), data=form.fields)


@contextmanager
def desk_at(tool: str, profile: str | Profile, *, users: int = 3) -> Iterator[Desk]:
    """
    Run a platform, and let it and the tool know each other: what each needs of the other, and the tool's own keys.
    """
    platform = Platform.create(profile, users=users)
    with serve_in_thread(platform), requests.Session() as browser:
        browser.trust_env = False
        platform.launches.connect(login_url=f"{tool}/login", redirect_uri=f"{tool}/launch")
        told = platform.registration_args()
        ask(tool, "register", **{name: told[name] or "" for name in REGISTRATION})
        keys = browser.get(f"{tool}/keys")
        assert keys.ok, keys.text
        platform.tool.key_set = KeySet.import_key_set(keys.json())
        yield Desk(platform, tool, browser)


def refusals(desk: Desk) -> list[str]:
    """
    Say what the platform refused.
    """
    refused = [one for one in desk.platform.requests if one.answer is None or one.answer.status >= 400]
    return [f"{one.request.method} {one.request.url}: {one.refusal or one.answer}" for one in refused]


def needs_all_good(desk: Desk) -> None:
    """
    Fail a test in which the platform refused anything, and say why it did.
    """
    said = refusals(desk)
    if said:
        pytest.fail("\n".join(said))
