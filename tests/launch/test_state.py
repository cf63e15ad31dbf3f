"""
The state: sealed by the tool, good once and for ten minutes, and nothing kept for whoever only knocks.
"""

from __future__ import annotations

import asyncio
import base64
import json
import string
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey

from aioags.errors import LaunchError, LoginLostError, UnregisteredError
from aioags.launch import LoginStore, MemoryLoginStore, SQLiteLoginStore, ToolSettings
from aioags.launch.state import claimed_login, is_state, seal
from tests.fakes import HOST, private_key
from tests.launch.paper_lms import REDIRECT, PaperLMS, launch_claims, lms_registration, sign


@attrs.define
class CountedStore:
    """
    A store that counts what is put.
    """

    inner: LoginStore = attrs.field(factory=MemoryLoginStore)
    puts: list[str] = attrs.field(factory=list)

    async def put(self, key: str, value: str, *, seconds: float) -> bool:
        """
        Count, and put.
        """
        self.puts.append(key)
        return await self.inner.put(key, value, seconds=seconds)

    async def take(self, key: str) -> str | None:
        """
        Launches take nothing.
        """
        raise AssertionError("nothing is taken")


def tool_with(**changes: Any) -> PaperLMS:
    """
    Return a tool and its platform with other settings.
    """
    return PaperLMS(ToolSettings(**({"registrations": [lms_registration()], "redirect_uri": REDIRECT} | changes)))


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_flood_of_logins_from_nobody_takes_no_room_and_costs_nobody_s_login(kind: str, tmp_path: Path) -> None:
    inner = MemoryLoginStore(most=1) if kind == "memory" else SQLiteLoginStore(tmp_path / "logins.db", most=1)
    store = CountedStore(inner)
    lms = tool_with(store=store)
    real = await lms.login()
    for _ in range(500):
        flood = await lms.login()
        lms.cookies.pop(flood.cookie.name)
    assert store.puts == []
    assert await lms.post(real, sign(launch_claims(real.pending.nonce)))
    assert len(store.puts) == 1
    if isinstance(inner, SQLiteLoginStore):
        inner.close()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_flood_of_launches_that_one_platform_signed_costs_no_other_s_launch(kind: str, tmp_path: Path) -> None:
    store = MemoryLoginStore(most=40) if kind == "memory" else SQLiteLoginStore(tmp_path / "logins.db", most=40)
    hostile = {"client_id": "hostile", "authorization_url": f"{HOST}/other/auth", "jwks_url": f"{HOST}/other/jwks"}
    lms = tool_with(registrations=[lms_registration(), lms_registration(**hostile)], store=store)

    async def launch(client_id: str) -> None:
        login = await lms.login(client_id=client_id)
        await lms.post(login, sign(launch_claims(login.pending.nonce, aud=client_id)))
        lms.cookies.clear()

    for _ in range(20):
        await launch("hostile")
    for _ in range(10):
        with pytest.raises(LaunchError, match="one registration holds 20 of the 40"):
            await launch("hostile")
        await launch("tool-1")
    if isinstance(store, SQLiteLoginStore):
        store.close()


async def test_what_is_noted_names_the_platform_and_is_the_same_for_its_deployments() -> None:
    store = CountedStore()
    others = [lms_registration(deployment_id="d2"), lms_registration(client_id="tool-2")]
    lms = tool_with(registrations=[lms_registration(), *others], store=store)
    for claims in ({}, {"deployment_id": "d2"}, {"aud": "tool-2"}):
        login = await lms.login(client_id=claims.get("aud", "tool-1"))
        await lms.post(login, sign(launch_claims(login.pending.nonce, **claims)))
    first, second, third = (key.split("/")[0] for key in store.puts)
    assert first == second != third
    assert len(set(store.puts)) == 3


async def test_nothing_is_noted_of_a_launch_that_is_refused() -> None:
    store = CountedStore()
    lms = tool_with(store=store)
    forger = RSAKey.generate_key(2048, {"kid": "platform-1"})
    for _ in range(20):
        login = await lms.login()
        for token in ("a.b.c", sign(launch_claims(login.pending.nonce), forger), sign(launch_claims("n"))):
            with pytest.raises(Exception, match=r"."):
                await lms.post(login, token)
    assert store.puts == []


async def test_of_one_launch_posted_many_times_at_once_one_is_taken() -> None:
    lms = PaperLMS()
    login = await lms.login()
    token = sign(launch_claims(login.pending.nonce))
    outcomes = await asyncio.gather(*(lms.post(login, token) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(one, LoginLostError) for one in outcomes) == 9


def spellings(state: str) -> list[str]:
    """
    Return the other texts that decode to the same bytes: base64 without padding leaves bits over that say nothing.
    """
    padding = "=" * (-len(state) % 4)
    letters = string.ascii_letters + string.digits + "-_"
    texts = [state[:-1] + letter for letter in letters if letter != state[-1]]
    meant = base64.urlsafe_b64decode(state + padding)
    return [text for text in texts if base64.urlsafe_b64decode(text + padding) == meant]


async def test_a_state_written_in_another_way_is_the_same_state() -> None:
    lms = tool_with(registrations=[lms_registration(deployment_id=None)])
    found = 0
    for deployment_id in ("d", "dd", "ddd"):
        login = await lms.login(lti_deployment_id=deployment_id)
        token = sign(launch_claims(login.pending.nonce, deployment_id=deployment_id))
        await lms.post(login, token)
        for state in spellings(login.state):
            found += 1
            with pytest.raises(LoginLostError, match="used before"):
                await lms.tool.launch({"state": state, "id_token": token}, lms.cookies)
    assert found > 2


async def test_a_state_is_used_up_as_long_as_it_would_serve() -> None:
    kept = MemoryLoginStore(clock=lambda: lms.time.now)
    lms = tool_with(store=kept)
    login = await lms.login()
    token = sign(launch_claims(login.pending.nonce, exp=lms.time.runtime().wall() + 3600))
    await lms.post(login, token)
    for reason in ("used before", "used before", "too long ago"):
        with pytest.raises(LoginLostError, match=reason):
            await lms.post(login, token)
        lms.time.now += 300


async def test_what_is_changed_in_a_state_breaks_its_seal() -> None:
    lms = PaperLMS()
    login = await lms.login()
    whole = base64.urlsafe_b64decode(login.state + "=" * (-len(login.state) % 4))
    fields = json.loads(whole[32:])
    for index, other in (
        (3, "another nonce"),
        (4, fields[4] + 500),
        (5, "another browser"),
        (6, "deployment-2"),
        (7, "_parent"),
        (8, "another secret"),
    ):
        changed = json.dumps([*fields[:index], other, *fields[index + 1 :]], separators=(",", ":")).encode()
        state = base64.urlsafe_b64encode(whole[:32] + changed).decode().rstrip("=")
        assert claimed_login(state) != login.pending
        with pytest.raises(LoginLostError, match="not this tool's"):
            await lms.tool.launch({"state": state, "id_token": "a.b.c"}, lms.cookies)


async def test_a_state_sealed_with_another_s_key_is_not_ours() -> None:
    lms = PaperLMS()
    login = await lms.login()
    stranger = seal(login.pending, RSAKey.generate_key(2048))
    with pytest.raises(LoginLostError, match="not this tool's"):
        await lms.tool.launch({"state": stranger, "id_token": "a.b.c"}, lms.cookies)


async def test_processes_that_parse_the_same_key_take_each_other_s_logins() -> None:
    pem = private_key().as_pem(private=True)
    one, other = tool_with(registrations=[lms_registration(key=pem)]), tool_with()
    login = await one.login()
    other.cookies = one.cookies
    assert await other.post(login, sign(launch_claims(login.pending.nonce)))


@pytest.mark.parametrize("published", [True, False])
async def test_a_key_replaced_between_login_and_launch_loses_no_login_while_it_is_published(published: bool) -> None:
    before = PaperLMS()
    login = await before.login()
    new = ECKey.generate_key("P-256")
    keys = [new, private_key()] if published else [new]
    after = tool_with(registrations=[lms_registration(key=new)], keys=keys)
    after.cookies = before.cookies
    token = sign(launch_claims(login.pending.nonce))
    if published:
        assert (await after.post(login, token)).registration.key is new
        return
    with pytest.raises(LoginLostError, match="its key was replaced"):
        await after.post(login, token)


def state_of(payload: bytes) -> str:
    """
    Write a payload behind a seal that is none.
    """
    return base64.urlsafe_b64encode(b"\0" * 32 + payload).decode().rstrip("=")


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=60) | st.lists(st.integers(), max_size=2)


@given(
    payload=st.one_of(
        st.binary(max_size=300),
        st.lists(VALUES, max_size=9).map(lambda one: json.dumps(one).encode()),
        st.just(json.dumps([HOST, "tool-1", "\ud800" * 9, "n" * 20, 5]).encode()),
        st.just(b"[" * 4000),
        st.just(json.dumps({f"a{n}": n for n in range(7)}).encode()),
        st.just(b'["' + HOST.encode() + b'", "tool-1", "p", "n", ' + b"9" * 5000 + b"]"),
    )
)
def test_whatever_stands_behind_a_seal_that_is_none_is_a_lost_login(payload: bytes) -> None:
    async def post() -> None:
        lms = PaperLMS()
        with pytest.raises((LoginLostError, UnregisteredError)):
            await lms.tool.launch({"state": state_of(payload), "id_token": "a.b.c"}, {})

    asyncio.run(post())


@pytest.mark.parametrize("odd", [7, "\ud800", ["x"]])
@pytest.mark.parametrize("index", range(9))
async def test_no_field_behind_a_seal_is_taken_for_text_that_is_none(index: int, odd: Any) -> None:
    login = await PaperLMS().login(lti_storage_target="_parent", lti_deployment_id="deployment-1")
    fields = list(attrs.astuple(login.pending))
    fields[index] = [odd] if index == 4 else odd
    with pytest.raises(LoginLostError, match="not this tool's"):
        claimed_login(state_of(json.dumps(fields).encode()))


async def test_the_longest_ids_still_make_a_state() -> None:
    issuer, client_id = "https://" + "é" * 240, "ü" * 255
    known = [lms_registration(issuer=issuer, client_id=client_id, deployment_id=None)]
    lms = tool_with(registrations=known)
    login = await lms.login(iss=issuer, client_id=client_id, lti_deployment_id="ö" * 255)
    assert is_state(login.state)
    assert claimed_login(login.state) == login.pending
