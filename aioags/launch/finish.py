"""
The second half of a launch: the browser posts what the platform signed (SEC 5.1.1.3).

The order matters. First what needs no key: whose login this answers, and in which browser. Then the signature. Only
then is a claim believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from joserfc.jwk import Key

from aioags.errors import LaunchError, UnregisteredError
from aioags.launch.claim_reader import ClaimReader, refused
from aioags.launch.claims import Launch, read_deployment, read_launch, read_message_type
from aioags.launch.id_token import LONGEST_TOKEN, Header, check_claims, open_token
from aioags.launch.login import PendingLogin, check_state, lost_login, parameter
from aioags.launch.registrations import fitting, for_launch, platform_of
from aioags.launch.settings import ToolSettings
from aioags.model.registration import Registration
from aioags.protocol.redaction import shown_words


@attrs.frozen
class LaunchForm:
    """
    What the browser posts to the launch route.

    Attributes:
        state: Of a shape that this tool's states have.

        id_token: Not checked yet.
    """

    state: str = attrs.field(repr=False)
    id_token: str = attrs.field(repr=False)


def read_form(form: Mapping[str, Any]) -> LaunchForm:
    """
    Read the form of a launch.

    Raises:
        LaunchError: The platform answered with an error instead (OIDC 3.1.2.6); reason: ``error``.

        LoginLostError: The state is missing, or surely not this tool's.

        IdTokenRefusedError: There is no id_token, or a huge one.
    """
    if (code := parameter(form, "error")) is not None:
        words = shown_words(
            " ".join(f"{code}: {parameter(form, 'error_description') or 'no reason given'}".split()), ()
        )
        raise LaunchError(f"the platform refused this launch: {words}", reason="error", spec="OIDC 3.1.2.6")
    id_token = form.get("id_token")
    if not isinstance(id_token, str) or not id_token:
        raise refused("the launch has no id_token", "id_token", "SEC 5.1.1.3")
    if len(id_token) > LONGEST_TOKEN:
        raise refused(f"the id_token is longer than {LONGEST_TOKEN} characters", "id_token", "SEC 5.1.1.3")
    return LaunchForm(check_state(parameter(form, "state")), id_token)


def read_pending(kept: str | None) -> PendingLogin:
    """
    Read what was kept for a state.

    Raises:
        LoginLostError: Nothing: there was no such login, it is over, or its launch has already come; or what another
            version of this package kept.
    """
    if kept is None:
        raise lost_login("there is no login for this launch: it was used before, took too long, or never began here")
    return PendingLogin.load(kept)


def key_set_url(pending: PendingLogin, candidates: Sequence[Registration]) -> str:
    """
    Return where the platform that a login was sent to publishes its keys.

    Raises:
        UnregisteredError: Its registration is gone, or has changed since.
    """
    found = fitting(candidates, issuer=pending.issuer, client_id=pending.client_id, deployment_id=None)
    if all(platform_of(one) != pending.platform for one in found):
        raise UnregisteredError(
            f"no registration of client id {pending.client_id!r} has the authorization_url and jwks_url that this login"
            " began with, any more: open the link again",
            reason="registration",
        )
    return pending.jwks_url


def finish_login(
    form: LaunchForm,
    pending: PendingLogin,
    candidates: Sequence[Registration],
    header: Header,
    key: Key,
    settings: ToolSettings,
    *,
    now: float,
) -> Launch:
    """
    Decide whether to believe a launch.

    Args:
        pending: What was kept for the form's state, checked to be of this browser.

        candidates: What the lookup found for the login's issuer and client id.

        header, key: What the id_token names, and the platform's key that goes with it.

        now: Unix time, seconds.

    Raises:
        IdTokenRefusedError: One of the checks failed.

        UnregisteredError: Its deployment is not registered for the platform that the login was sent to.

    Spec:
        SEC 5.1.3, CORE 5.3
    """
    claims = open_token(form.id_token, header, key)
    check_claims(claims, settings, issuer=pending.issuer, client_id=pending.client_id, nonce=pending.nonce, now=now)
    read_message_type(ClaimReader(claims))
    deployment_id = read_deployment(claims, pending.deployment_id)
    registration = for_launch(candidates, platform=pending.platform, deployment_id=deployment_id)
    return read_launch(claims, registration, settings)
