"""
Case 1: two schools host the same product, with the same issuer and client id; `tests/launch/test_shared_issuer.py` says
more.
"""

from __future__ import annotations

import pytest

from aioags.errors import UnregisteredError
from tests.launch.test_shared_issuer import Schools, school


async def test_a_launch_is_taken_by_the_keys_of_the_school_that_its_login_chose() -> None:
    schools = Schools([school("a"), school("b")])
    login = await schools.login(lti_deployment_id="b:1")
    assert login.url.startswith("https://b.example/auth?")
    launch = await schools.post(login, "b", "b:1")
    assert launch.registration.token_url == "https://b.example/token"
    assert schools.asked == ["https://b.example/jwks"]


async def test_a_login_that_fits_both_is_refused_and_says_what_to_do() -> None:
    schools = Schools([school("a"), school("b")])
    with pytest.raises(UnregisteredError, match="login URL or redirect URI of its own"):
        await schools.login()
