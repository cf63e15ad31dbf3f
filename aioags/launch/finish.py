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

from aioags.errors import LaunchError
from aioags.launch.browser_storage import SECRET_FIELD
from aioags.launch.claim_reader import ClaimReader, refused
from aioags.launch.claims import Launch, launch_of, read_deployment, read_message_type
from aioags.launch.id_token import LONGEST_TOKEN, Header, check_claims, open_token
from aioags.launch.login import check_state, parameter
from aioags.launch.registrations import LoginPlatform, for_launch
from aioags.launch.settings import ToolSettings
from aioags.launch.state import PendingLogin
from aioags.model.registration import Registration
from aioags.protocol.redaction import shown_words


@attrs.frozen
class LaunchForm:
    """
    What the browser posts to the launch route.

    Attributes:
        state: Of a shape that this tool's states have.

        id_token: Not checked yet.

        stored: What the platform's storage held. Empty: it said nothing. None: it was not asked yet.
    """

    state: str = attrs.field(repr=False)
    id_token: str = attrs.field(repr=False)
    stored: str | None = attrs.field(default=None, repr=False)


def read_form(form: Mapping[str, Any]) -> LaunchForm:
    """
    Read the form of a launch.

    Raises:
        LaunchError: The platform answered with an error instead (OIDC 3.1.2.6); reason: ``error``.

        LoginLostError: The state is missing, or surely not this tool's.

        IdTokenRefusedError: There is no id_token, or a huge one.
    """
    if "error" in form and (code := parameter(form, "error")) is not None:
        words = shown_words(
            " ".join(f"{code}: {parameter(form, 'error_description') or 'no reason given'}".split()), ()
        )
        raise LaunchError(f"the platform refused this launch: {words}", reason="error", spec="OIDC 3.1.2.6")
    id_token = form.get("id_token")
    if not isinstance(id_token, str) or not id_token:
        raise refused("the launch has no id_token", "id_token", "SEC 5.1.1.3")
    if len(id_token) > LONGEST_TOKEN:
        raise refused(f"the id_token is longer than {LONGEST_TOKEN} characters", "id_token", "SEC 5.1.1.3")
    stored = form.get(SECRET_FIELD)
    return LaunchForm(check_state(parameter(form, "state")), id_token, stored if isinstance(stored, str) else None)


def finish_login(
    form: LaunchForm,
    pending: PendingLogin,
    platform: LoginPlatform,
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
        pending: The login of the form's state, its seal checked, and to be of this browser.

        platform: The one that it was sent to.

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
    read = ClaimReader(claims)
    message_type, deployment_id = read_message_type(read), read_deployment(read, pending.deployment_id)
    registration = for_launch(candidates, platform=platform, deployment_id=deployment_id)
    return launch_of(read, message_type, deployment_id, registration, settings)
