"""
Case 3: a key is published and cannot be used: read what can mean only one thing, else say that it is there and why not.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from aioags.errors import IdTokenRefusedError
from aioags.launch import ToolSettings
from tests.launch.paper_lms import REDIRECT, PaperLMS, elliptic_key, lms_registration, platform_key, public


def published(**changes: Any) -> dict[str, Any]:
    """
    Return the platform's key as it publishes it, changed.
    """
    return public(platform_key())[0] | changes


def digits(name: str, *, zeros: int = 0) -> bytes:
    """
    Return a number of the platform's key as bytes, with zeros before it.
    """
    text = published()[name]
    return b"\0" * zeros + base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


READABLE: dict[str, dict[str, Any]] = {
    "padded": {"n": base64.urlsafe_b64encode(digits("n")).decode()},
    "padded though it needs none": {"e": published()["e"] + "=="},
    "plain base64": {"n": base64.b64encode(digits("n")).decode()},
    "plain base64 without padding": {"n": base64.b64encode(digits("n")).decode().rstrip("=")},
    "zeros before the number": {"n": base64.urlsafe_b64encode(digits("n", zeros=3)).decode()},
    "a line end": {"n": published()["n"] + "\n"},
}


@pytest.mark.parametrize("changes", READABLE.values(), ids=READABLE)
async def test_case_3_numbers_that_can_mean_only_one_thing_are_read(changes: dict[str, Any]) -> None:
    lms = PaperLMS()
    lms.keys.keys = [published(**changes)]
    assert (await lms.launch()).user_id == "user-1"


async def test_case_3_a_kid_that_is_a_number_is_its_digits() -> None:
    key = RSAKey.generate_key(2048, {"kid": "1"})
    lms = PaperLMS()
    lms.keys.keys = [public(key)[0] | {"kid": 1}]
    assert await lms.launch(key=key)
    with pytest.raises(IdTokenRefusedError, match="does not publish"):
        await lms.launch(key=key, header={"kid": "True"})


async def test_case_3_a_curve_s_point_is_read_as_leniently() -> None:
    lms = PaperLMS(ToolSettings(registrations=[lms_registration()], redirect_uri=REDIRECT, algorithms=["ES256"]))
    entry = public(elliptic_key())[0]
    lms.keys.keys = [entry | {"x": entry["x"] + "=", "y": entry["y"].replace("-", "+").replace("_", "/")}]
    assert await lms.launch(key=elliptic_key(), header={"alg": "ES256"})


UNUSABLE: dict[str, tuple[dict[str, Any], str]] = {
    "alg": ({"alg": "RSA256"}, r"has the algorithm \(alg\) 'RSA256', and the id_token RS256"),
    "alg of no type": ({"alg": ["RS256"]}, r"has the algorithm \(alg\) a list"),
    "use": ({"use": "enc"}, r"has the use 'enc', and not 'sig'"),
    "kty": ({"kty": "rsa"}, r"is of the type \(kty\) 'rsa', and RS256 needs RSA"),
    "n missing": ({"n": None}, "has no value n"),
    "n not base64": ({"n": "not base64!"}, "has a value n that is not base64url"),
    "n a number": ({"n": 5}, "has a value n that is not base64url"),
    "n short": ({"n": "AQAB"}, r"has 17 bits, and must have 2048 to 16384 \(RFC 7518 3.3\)"),
    "n huge": ({"n": "_" * 200_000}, "has 1200000 bits, and must have 2048 to 16384"),
    "e huge": ({"e": published()["n"]}, "has an exponent"),
    "e even": ({"e": "Ag"}, "has numbers that make no RSA key"),
}


@pytest.mark.parametrize("changes, why", UNUSABLE.values(), ids=UNUSABLE)
async def test_case_3_else_the_refusal_says_that_the_key_is_there_and_why_it_will_not_do(
    changes: dict[str, Any], why: str
) -> None:
    lms = PaperLMS()
    lms.keys.keys = [published(**changes)]
    with pytest.raises(
        IdTokenRefusedError, match=f"publishes the key .kid. that the id_token names, but.*{why}"
    ) as caught:
        await lms.launch()
    assert caught.value.reason == "kid"
    assert len(str(caught.value)) < 300


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
async def test_case_3_zeros_before_a_short_number_do_not_make_it_long() -> None:
    key = RSAKey.generate_key(1024, {"kid": "short"})
    text = public(key)[0]["n"]
    padded = b"\0" * 200 + base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    lms = PaperLMS()
    lms.keys.keys = [public(key)[0] | {"n": base64.urlsafe_b64encode(padded).decode()}]
    with pytest.raises(IdTokenRefusedError, match="has 1024 bits"):
        await lms.launch(key=key)


async def test_case_3_a_bad_namesake_does_not_hide_the_good_key_and_the_fault_of_the_right_type_is_told() -> None:
    lms = PaperLMS()
    curve = public(ECKey.generate_key("P-256", {"kid": "platform-1"}))[0]
    lms.keys.keys = [curve, published(use="enc"), published()]
    assert await lms.launch()
    other = PaperLMS()
    other.keys.keys = [curve, published(use="enc")]
    with pytest.raises(IdTokenRefusedError, match="has the use 'enc'"):
        await other.launch()


async def test_case_3_what_a_hostile_set_says_is_shown_short_and_on_one_line() -> None:
    lms = PaperLMS()
    lms.keys.keys = [published(use="x\n" * 10_000)]
    with pytest.raises(IdTokenRefusedError) as caught:
        await lms.launch()
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


async def test_case_3_a_key_is_parsed_once_for_each_set() -> None:
    lms = PaperLMS()
    found = [await lms.tool._key_sets.key(lms_registration().jwks_url, "platform-1", "RS256") for _ in range(3)]
    assert found[0] is found[1] is found[2]


async def test_case_3_a_thousand_namesakes_cost_a_bounded_number_of_tries() -> None:
    lms = PaperLMS()
    junk = [{"kid": "platform-1", "kty": "RSA", "n": n} for n in range(1_000)]
    lms.keys.keys = [*junk, published()]
    with pytest.raises(IdTokenRefusedError, match="has a value n"):
        await lms.launch()
