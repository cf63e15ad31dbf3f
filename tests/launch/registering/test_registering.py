"""
Dynamic registration: what is asked, what is believed, and what counts when.
"""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from aioags.errors import AGSError, RegistrationRefusedError
from aioags.launch import MemoryLoginStore, MemoryRegistrationStore, RegistrationRow, RegistryError, RowState
from aioags.launch.registering.page import refused_page, registered_page
from aioags.launch.registering.registrar import MOST_WAITING
from aioags.launch.registry.conformance import a_row
from tests.fakes import answer
from tests.launch.registering.paper import AGS, CONFIG, CONFIGURATION, LMS, SCOPES, TOKEN, Desk, configuration, echo


async def test_with_an_invitation_it_counts_at_once() -> None:
    desk = Desk()
    registered = await desk.register(invitation=await desk.invited(note="North school"))
    assert registered.is_active
    (found,) = await desk.settings.registrations.find(LMS, "client-1")
    assert (found.token_url, found.authorization_url) == (f"{LMS}/token", f"{LMS}/auth")
    assert (found.jwks_url, found.deployment_id, found.audience) == (f"{LMS}/jwks", "1", None)
    assert registered.row.note == "example 9 North school"


@pytest.mark.parametrize("allowed", [set(), {f"{LMS}/token"}, {f"{LMS}/jwks"}])
async def test_later_too_its_keys_and_tokens_come_from_public_addresses_only(allowed: set[str]) -> None:
    desk = Desk()
    desk.lms.allowed = allowed
    await desk.register(invitation=await desk.invited())
    (found,) = await desk.settings.registrations.find(LMS, "client-1")
    assert found.public_only is not bool(allowed)


async def test_the_configuration_is_asked_for_exactly_as_its_url_was_given() -> None:
    desk = Desk()
    await desk.register()
    asked, posted = desk.lms.sent
    assert (asked.method, asked.url) == ("GET", CONFIGURATION)
    assert asked.most_bytes == 256 * 1024
    assert (posted.method, posted.url) == ("POST", f"{LMS}/register?clientId=7")
    assert dict(posted.headers)["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in repr(posted)


async def test_where_no_token_came_none_is_sent() -> None:
    desk = Desk()
    await desk.register(registration_token=None)
    assert "Authorization" not in dict(desk.lms.sent[1].headers)


async def test_without_an_invitation_it_waits_for_approval() -> None:
    desk = Desk()
    registered = await desk.register()
    assert not registered.is_active
    assert await desk.settings.registrations.find(LMS, "client-1") == []
    (row,) = await desk.registrar.waiting()
    await desk.registrar.confirm(row.id)
    assert len(await desk.settings.registrations.find(LMS, "client-1")) == 1
    with pytest.raises(LookupError, match="waits"):
        await desk.registrar.confirm(row.id)


async def test_what_is_rejected_never_counts_and_does_not_come_back_by_itself() -> None:
    desk = Desk()
    await desk.registrar.reject((await desk.register()).row.id)
    again = await desk.register(invitation=await desk.invited())
    assert not again.is_active
    assert await desk.settings.registrations.find(LMS, "client-1") == []


async def test_what_is_registered_already_is_an_update_that_somebody_confirms() -> None:
    desk = Desk()
    first = await desk.register(invitation=await desk.invited())
    desk.lms.said = configuration(jwks_uri=f"{LMS}/other-keys")
    update = await desk.register(invitation=await desk.invited())
    assert (update.is_active, update.row.replaces) == (False, first.row.id)
    (found,) = await desk.settings.registrations.find(LMS, "client-1")
    assert found.jwks_url == f"{LMS}/jwks"
    await desk.registrar.confirm(update.row.id)
    await asyncio.sleep(0)
    rows = await desk.store.find(LMS, "client-1")
    assert {row.id: row.state for row in rows} == {
        first.row.id: RowState.RETIRED,
        update.row.id: RowState.ACTIVE,
    }


async def test_an_update_keeps_what_the_operator_decided() -> None:
    desk = Desk()
    also = ("https://lms.school.example",)
    await desk.store.save(a_row("old", issuer=LMS, client_id="client-1", kid="tool-key-1", also_origins=also))
    update = await desk.register()
    confirmed = await desk.registrar.confirm(update.row.id)
    assert (confirmed.kid, confirmed.also_origins) == ("tool-key-1", also)


class BusyStore(MemoryRegistrationStore):
    """
    Somebody changes one row whenever it was read.
    """

    def __init__(self, busy: str) -> None:
        super().__init__()
        self.busy = busy

    async def get(self, row_id: str) -> RegistrationRow | None:
        """
        Return a row, which is another one by then.
        """
        row = await super().get(row_id)
        if row_id == self.busy and row is not None:
            await self.save(attrs.evolve(row, note="changed"))
        return row


async def test_an_update_of_what_was_changed_meanwhile_changes_nothing() -> None:
    desk = Desk(store=BusyStore("old"))
    await desk.store.save(a_row("old", issuer=LMS, client_id="client-1"))
    update = await desk.register()
    with pytest.raises(RegistryError, match="meanwhile"):
        await desk.registrar.confirm(update.row.id)
    after = await desk.store.get(update.row.id)
    assert after is not None
    assert after.state is RowState.WAITING


async def test_an_lms_that_takes_itself_for_one_of_http_is_asked_by_https() -> None:
    desk = Desk()
    plain = LMS.replace("https:", "http:")
    desk.lms.said = configuration(plain)
    await desk.register(invitation=await desk.invited())
    (found,) = await desk.settings.registrations.find(plain, "client-1")
    assert (found.token_url, found.jwks_url) == (f"{LMS}/token", f"{LMS}/jwks")
    assert desk.lms.sent[1].url.startswith(LMS)


async def test_an_invitation_serves_once() -> None:
    desk = Desk()
    token = await desk.invited()
    numbers = iter(range(9))
    desk.lms.reply = lambda document: echo(document) | {"client_id": f"client-{next(numbers)}"}
    done = await asyncio.gather(*(desk.register(invitation=token) for _ in range(3)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == [
        "Registered", "RegistrationRefusedError", "RegistrationRefusedError",
    ]  # fmt: skip


async def test_an_invitation_ends() -> None:
    now = [0.0]
    desk = Desk(logins=MemoryLoginStore(clock=lambda: now[0]))
    token = await desk.invited(seconds=100)
    now[0] = 101.0
    with pytest.raises(RegistrationRefusedError, match="too old"):
        await desk.register(invitation=token)
    assert desk.lms.sent == []


async def test_an_invitation_that_came_to_nothing_serves_again_until_its_end() -> None:
    desk = Desk()
    token = await desk.invited(seconds=100)
    good, desk.lms.said = desk.lms.said, answer(404)
    with pytest.raises(RegistrationRefusedError):
        await desk.register(invitation=token)
    desk.lms.said = good
    assert (await desk.register(invitation=token)).is_active


async def test_the_store_of_invitations_does_not_hold_them() -> None:
    desk = Desk()
    token = await desk.invited()
    assert token not in repr(vars(desk.settings.store))


async def test_strangers_fill_nothing() -> None:
    desk = Desk()
    await desk.store.save(*(a_row(str(number), state=RowState.WAITING) for number in range(MOST_WAITING)))
    with pytest.raises(RegistrationRefusedError, match="too many") as caught:
        await desk.register()
    assert caught.value.transient
    assert desk.lms.sent == []
    assert (await desk.register(invitation=await desk.invited())).is_active


# Issuers and hosts.


@pytest.mark.parametrize(
    "issuer, host",
    [
        ("https://lms.example", "https://lms.example"),
        ("https://canvas.instructure.com", "https://sso.canvaslms.com"),
        ("https://canvas.instructure.com", "https://school.instructure.com"),
        ("https://blackboard.com", "https://developer.blackboard.com"),
        ("https://school.brightspace.example", "https://school.brightspace.example"),
    ],
)
async def test_a_configuration_from_its_issuers_host(issuer: str, host: str) -> None:
    desk = Desk()
    desk.lms.said = configuration(host, issuer=issuer)
    assert (await desk.register(openid_configuration=f"{host}/config")).row.issuer == issuer


@pytest.mark.parametrize(
    "issuer, host",
    [
        ("https://victim.example", "https://evil.example"),
        ("https://canvas.instructure.com", "https://instructure.com.evil.example"),
        ("https://canvas.instructure.com", "https://evilinstructure.com"),
        ("https://blackboard.com", "https://blackboard.com.example"),
        ("https://lms.example:8443", "https://lms.example"),
    ],
)
async def test_a_configuration_in_anothers_name(issuer: str, host: str) -> None:
    desk = Desk()
    desk.lms.said = configuration(host, issuer=issuer)
    with pytest.raises(RegistrationRefusedError) as caught:
        await desk.register(openid_configuration=f"{host}/config", invitation=await desk.invited())
    assert issuer.partition("//")[2] in str(caught.value)
    assert host.partition("//")[2] in str(caught.value)
    assert len(desk.lms.sent) == 1


async def test_an_operator_widens_the_table() -> None:
    desk = Desk(issuer_hosts={"https://sakai.school.example": ["*.vendor.example"]})
    desk.lms.said = configuration("https://a.vendor.example", issuer="https://sakai.school.example")
    assert await desk.register(openid_configuration="https://a.vendor.example/config")


# What a configuration is.


@pytest.mark.parametrize(
    "url, word",
    [
        (None, "names no"),
        ("http://lms.example/config", "https"),
        ("file:///etc/passwd", "host"),
        ("https://user:pass@lms.example/", "user name"),
        ("https://lms.example/" + "a" * 8200, "too long"),
    ],
)
async def test_a_configuration_url_that_is_none(url: str | None, word: str) -> None:
    desk = Desk()
    with pytest.raises(AGSError, match=word):
        await desk.register(openid_configuration=url)
    assert desk.lms.sent == []


@pytest.mark.parametrize(
    "said, word",
    [
        (answer(302, "", ("Location", "https://elsewhere.example")), "302"),
        (answer(401, {"error": "spent"}), "spent"),
        (answer(200, "<html>"), "cannot be read"),
        (answer(200, []), "no object"),
        (configuration(issuer=None), "no issuer"),
        (configuration(token_endpoint=7), "no token_endpoint"),
        (configuration(jwks_uri="http://other.example/jwks"), "jwks_uri must be https"),
        (configuration(token_endpoint="https://127.0.0.1/token"), "on this machine"),
        (configuration(registration_endpoint="https://localhost/"), "on this machine"),
    ],
)
async def test_a_configuration_that_is_none(said: Any, word: str) -> None:
    desk = Desk()
    desk.lms.said = said
    with pytest.raises(RegistrationRefusedError, match=word):
        await desk.register()
    assert len(desk.lms.sent) == 1


@pytest.mark.parametrize("name", ["token", "jwks"])
async def test_what_is_to_be_used_later_is_on_a_public_address_too(name: str) -> None:
    desk = Desk()
    desk.lms.inside = {f"{LMS}/{name}"}
    with pytest.raises(RegistrationRefusedError, match="no public address"):
        await desk.register()
    assert len(desk.lms.sent) == 1


async def test_authorization_server_is_no_audience_and_brightspaces_is_known() -> None:
    desk = Desk()
    desk.lms.said = configuration(authorization_server="sso.canvaslms.com")
    assert (await desk.register()).row.audience is None
    desk.lms.said = configuration(token_endpoint="https://auth.brightspace.com/core/connect/token")
    assert (await desk.register()).row.audience == "https://api.brightspace.com/auth/token"


# What a reply is.


async def test_what_is_not_given_is_said() -> None:
    desk = Desk()
    desk.lms.reply = lambda document: echo(document) | {"scope": AGS + "score"}
    registered = await desk.register()
    assert registered.missing == (AGS + "lineitem", AGS + "result.readonly")
    assert "lineitem, result.readonly" in registered_page(registered)


@pytest.mark.parametrize("code", ["moodle", "sakailms.org"])
async def test_a_scope_that_lies_is_not_read(code: str) -> None:
    desk = Desk()
    platform = "https://purl.imsglobal.org/spec/lti-platform-configuration"
    desk.lms.said = configuration(**{platform: {"product_family_code": code}})
    desk.lms.reply = lambda document: echo(document) | {"scope": ""}
    assert (await desk.register()).missing == ()


@pytest.mark.parametrize(
    "reply, deployment",
    [
        ({"client_id": "1"}, None),
        ({"client_id": 10000000000001, "deployment_id": "7:abc"}, "7:abc"),
        ({"client_id": "1", CONFIG: {"deployment_id": 3}, "logo_uri": "", "scope": ""}, "3"),
        ({"client_id": "1", CONFIG: [], "deployment_id": {}}, None),
    ],
)
async def test_a_deployment_is_never_made_up(reply: dict[str, Any], deployment: str | None) -> None:
    desk = Desk()
    desk.lms.reply = lambda document: reply
    row = (await desk.register()).row
    assert (row.client_id, row.deployment_id) == (str(reply["client_id"]), deployment)


@pytest.mark.parametrize(
    "reply", [answer(200, "<html>"), {}, {"client_id": ""}, {"client_id": True}, {"client_id": "a\n"}, []]
)
async def test_a_reply_that_is_none_says_what_to_do(reply: Any) -> None:
    desk = Desk()
    desk.lms.reply = lambda document: reply
    with pytest.raises(RegistrationRefusedError, match="Remove the tool there"):
        await desk.register()
    assert await desk.store.page() == []


@pytest.mark.parametrize(
    "refusal, words",
    [
        (answer(401, "token_already_used"), "begun before"),
        (answer(400, "domain_targetlinkuri_mismatch"), "own host and port"),
        (answer(400, {"error": "invalid_redirect_uri", "error_description": "not https"}), "not https"),
        (answer(422, {"errors": [{"message": "placement unknown"}]}), "placement unknown"),
        (answer(404, {"errorMessage": "gone"}), "gone"),
        (answer(403), "spent or too old"),
        (answer(302, "", ("Location", "https://elsewhere.example")), "sends elsewhere"),
    ],
)
async def test_a_refusal_in_words(refusal: Any, words: str) -> None:
    desk = Desk()
    desk.lms.reply = lambda document: refusal
    with pytest.raises(RegistrationRefusedError, match=words):
        await desk.register()


async def test_no_token_comes_back_in_an_error_or_a_page() -> None:
    desk = Desk()
    desk.lms.reply = lambda document: answer(401, f"bad token {TOKEN}")
    with pytest.raises(RegistrationRefusedError) as caught:
        await desk.register()
    assert TOKEN not in str(caught.value) + refused_page(caught.value)


# The pages.


async def test_the_page_closes_itself_where_nothing_is_to_be_read() -> None:
    desk = Desk()
    page = registered_page(await desk.register(invitation=await desk.invited()))
    assert 'postMessage({subject: "org.imsglobal.lti.close"}, "*")' in page
    assert "setTimeout" in page
    waits = registered_page(await Desk().register())
    assert "waits for approval" in waits
    assert "setTimeout" not in waits


def test_a_page_quotes_nothing_as_html() -> None:
    page = refused_page(RegistrationRefusedError("<script>alert(1)</script>"))
    assert "<script>alert" not in page
    assert "org.imsglobal.lti.close" in page


async def test_scopes_are_those_that_both_know() -> None:
    desk = Desk()
    await desk.register()
    assert set(desk.lms.document["scope"].split()) == set(SCOPES)
    desk.lms.said = configuration(scopes_supported=None)
    await desk.register()
    assert "contextmembership" in desk.lms.document["scope"]
