"""
Whatever anybody sends: never an unhandled exception, never an accepted launch.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aioags.errors import AGSError, IdTokenRefusedError, LaunchError
from aioags.launch import Launch
from tests.fakes import HOST, WALL
from tests.launch.paper_lms import LTI, TOOL, PaperLMS, launch_claims, query, segment, sign

NAMES = ["state", "id_token", "error", "error_description", "JWT", "iss", "nonce", "client_id"]
VALUES = st.one_of(st.text(), st.binary(), st.none(), st.integers(), st.lists(st.text(), max_size=2))
TOKENS = st.one_of(
    st.text(),
    st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", fullmatch=True),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["alg", "kid", "x"]), inner),
    ).map(lambda header: f"{segment(json.dumps(header).encode())}.e30.AAAA"),
)
FORMS = st.dictionaries(st.sampled_from(NAMES) | st.text(), VALUES, max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


async def refused(lms: PaperLMS, form: dict[str, Any], cookies: dict[str, str]) -> LaunchError:
    """
    Post a form that must not be accepted, and return why it was not.
    """
    try:
        launch = await lms.tool.launch(form, cookies)
    except LaunchError as error:
        return error
    raise AssertionError(f"{launch!r} was accepted")


@given(form=FORMS, cookies=st.dictionaries(st.text(), st.text(), max_size=3))
def test_any_form_is_refused_with_a_reason(form: dict[str, Any], cookies: dict[str, str]) -> None:
    error = asyncio.run(refused(PaperLMS(), form, cookies))
    assert error.reason
    assert "\n" not in str(error)


@given(token=TOKENS, form=FORMS)
def test_any_token_in_answer_to_a_real_login_is_refused(token: str, form: dict[str, Any]) -> None:
    async def post() -> LaunchError:
        lms = PaperLMS()
        login = await lms.login()
        return await refused(lms, form | {"state": login.state, "id_token": token}, lms.cookies)

    error = asyncio.run(post())
    assert error.reason
    assert len(token) < 8 or token not in str(error)


@given(params=st.dictionaries(st.sampled_from(NAMES) | st.text(), VALUES, max_size=6))
def test_any_login_is_refused_or_sent_to_the_platform(params: dict[str, Any]) -> None:
    async def login() -> str:
        try:
            return (await PaperLMS().tool.login(params)).url
        except LaunchError as error:
            return f"refused for {error.reason}"

    assert asyncio.run(login()).startswith((f"{HOST}/authorize?", "refused for "))


@given(hint=st.text(min_size=1, max_size=200), target=st.text(max_size=200), message=st.text(max_size=50))
def test_a_login_with_odd_values_keeps_them_in_the_query(hint: str, target: str, message: str) -> None:
    async def login() -> None:
        try:
            begun = await PaperLMS().login(
                login_hint=hint, target_link_uri=TOOL + "/" + target, lti_message_hint=message
            )
        except LaunchError:
            return
        assert begun.url.isascii()
        assert begun.url.startswith(f"{HOST}/authorize?")
        assert query(begun.url)["login_hint"] == hint

    asyncio.run(login())


@given(claims=st.dictionaries(st.text(max_size=8), JSON, max_size=5))
def test_any_claims_well_signed_are_refused(claims: dict[str, Any]) -> None:
    async def post() -> LaunchError:
        lms = PaperLMS()
        login = await lms.login()
        return await refused(lms, {"state": login.state, "id_token": sign(claims)}, lms.cookies)

    assert isinstance(asyncio.run(post()), IdTokenRefusedError)


CHANGED = st.dictionaries(
    st.sampled_from(
        [
            *launch_claims("n"),
            "azp",
            "nbf",
            "given_name",
            f"{LTI}for_user",
            f"{LTI}launch_presentation",
            "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint",
            "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice",
            "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings",
        ]
    ),
    JSON | st.sampled_from(["LtiDeepLinkingRequest", "LtiSubmissionReviewRequest", WALL, f"{TOOL}/x"]),
    min_size=1,
    max_size=4,
)


@given(changes=CHANGED)
def test_a_good_launch_with_any_changes_is_a_launch_or_a_reason(changes: dict[str, Any]) -> None:
    async def post() -> Launch | AGSError:
        lms = PaperLMS()
        login = await lms.login()
        token = sign(launch_claims(login.pending.nonce) | changes)
        try:
            return await lms.post(login, token)
        except LaunchError as error:
            return error

    outcome = asyncio.run(post())
    if isinstance(outcome, Launch):
        assert outcome.claims["iss"] == HOST
        assert outcome.target_link_uri.startswith(TOOL + "/")
        assert repr(outcome)
    else:
        assert isinstance(outcome, LaunchError)
        assert outcome.reason
