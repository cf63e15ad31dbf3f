"""
The state: a login that waits for its launch in the browser, not with us.

Anybody can begin logins, as many as he likes. So the tool keeps nothing for one: what it must remember is the state
itself, sealed with a secret that every process of the tool has, since it comes from the private key of the
registration. What is kept is that a launch was *taken* (`Tool.launch`), and for that somebody must have signed it.

The seal says that this tool made the state, not that it may be read by nobody: the nonce in it stands in the same URL,
and of the browser's secrets it has the digests.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import attrs

from aioags.errors import LoginLostError, UnregisteredError
from aioags.launch.base64url import decoded
from aioags.launch.registrations import LoginPlatform, fitting, platform_of
from aioags.model.registration import Registration

LOGIN_SECONDS = 600
"""How long the platform, and the person at its login form, have between login and launch."""

_SEAL_BYTES = 32
# The seal, and the smallest login; and one with every id at its longest (CORE 5.3: 255 characters, of 4 bytes).
_STATE = re.compile(r"[A-Za-z0-9_-]{64,8192}")
# Names the form of the text behind the seal; another form needs another.
_PURPOSE = b"aioags login state 2"


@attrs.frozen
class PendingLogin:
    """
    What the tool remembers between login and launch.

    Attributes:
        issuer, client_id: Whom the launch must come from.

        platform: Digest of where the browser was sent, and whose keys count: other platforms may share issuer and
            client id.

        nonce: What its id_token must hold.

        began_at: Unix time, whole seconds.

        browser: Digest of the cookie that the browser must show.

        deployment_id: What its deployment must be. None: the login did not say.

        storage_target: Frame of the platform's that keeps the second secret. None: it offers no storage.

        stored: Digest of that secret, which does as well as the cookie. None: there is none.
    """

    issuer: str
    client_id: str
    platform: str
    nonce: str = attrs.field(repr=False)
    began_at: int
    browser: str = attrs.field(repr=False)
    deployment_id: str | None = None
    storage_target: str | None = None
    stored: str | None = attrs.field(default=None, repr=False)

    def seconds_left(self, now: float) -> float:
        """
        Return how long its launch may still come; 0 or less: no more.
        """
        return self.began_at + LOGIN_SECONDS - now


def digest(*texts: str) -> str:
    """
    Return a short text that stands for others: 40 hex digits, of which nobody finds a second meaning or the first.
    """
    return hashlib.blake2b("\n".join(texts).encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


@lru_cache(maxsize=1024)
def platform_digest(platform: LoginPlatform) -> str:
    """
    Return what stands for a platform in a state.
    """
    return digest(platform.authorization_url, platform.jwks_url, platform.issuer, platform.client_id)


def seal(pending: PendingLogin, key: Any) -> str:
    """
    Return a login as a state.

    Args:
        key: A private key that every process of the tool has.
    """
    payload = json.dumps(attrs.astuple(pending, recurse=False), ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_seal_of(payload, key) + payload).decode().rstrip("=")


def is_state(text: str) -> bool:
    """
    True for a text that this tool may have made as a state.
    """
    return _STATE.fullmatch(text) is not None


def claimed_login(state: str) -> PendingLogin:
    """
    Read a state without believing it: `check_seal` comes next.

    Raises:
        LoginLostError: This tool surely did not make it, or another version of it did.
    """
    _, payload = _parts(state)
    try:
        fields = json.loads(payload.decode())
        if not isinstance(fields, list):
            raise TypeError
        pending = PendingLogin(*fields)
        texts = (pending.issuer, pending.client_id, pending.platform, pending.nonce, pending.browser)
        more = (pending.deployment_id or "", pending.storage_target or "", pending.stored or "")
        # Half of a surrogate pair is no text that a database takes, and joins nothing to it but text.
        "".join(texts + more).encode()
        if type(pending.began_at) is not int:
            raise TypeError
    except (ValueError, TypeError, RecursionError):
        raise lost_login("the state of this launch is not this tool's, or of another version of it") from None
    return pending


def check_seal(
    state: str, pending: PendingLogin, candidates: Sequence[Registration], keys: Iterable[Any], *, now: float
) -> LoginPlatform:
    """
    Check that this tool made a state, not long ago, and return the platform that its login was sent to.

    Args:
        candidates: What the lookup found for the login's issuer and client id.

        keys: The tool's further private keys.

        now: Unix time, seconds.

    Raises:
        LoginLostError: It did not, or too long ago.

        UnregisteredError: The registration is gone, or has changed since.
    """
    ours = fitting(candidates, issuer=pending.issuer, client_id=pending.client_id, deployment_id=None)
    if not ours:
        raise _registration_gone(pending)
    given, payload = _parts(state)
    # Deployments of one platform have one key, as a rule, and then one object.
    secrets = {id(key): key for key in (*(one.key for one in ours), *keys)}.values()
    if not any(hmac.compare_digest(given, _seal_of(payload, key)) for key in secrets):
        raise lost_login("the state of this launch is not this tool's, or its key was replaced since: launch again")
    if pending.seconds_left(now) <= 0:
        raise lost_login("the login of this launch began too long ago")
    for platform in map(platform_of, ours):
        if platform is not None and platform_digest(platform) == pending.platform:
            return platform
    raise _registration_gone(pending)


def lost_login(message: str) -> LoginLostError:
    """
    Make the error for a state without a login.
    """
    return LoginLostError(message, reason="state", spec="SEC 5.1.1.4")


def _registration_gone(pending: PendingLogin) -> UnregisteredError:
    shown = pending.client_id if len(pending.client_id) <= 120 else pending.client_id[:117] + "..."
    return UnregisteredError(
        f"no registration of client id {shown!r} has the authorization_url and jwks_url that this login began with, any"
        " more: open the link again",
        reason="registration",
    )


def _parts(state: str) -> tuple[bytes, bytes]:
    whole = decoded(state) if len(state) % 4 != 1 else b""
    return whole[:_SEAL_BYTES], whole[_SEAL_BYTES:]


def _seal_of(payload: bytes, key: Any) -> bytes:
    return hmac.digest(_sealing(key.dict_value["d"]), payload, "sha256")


@lru_cache(maxsize=16)
def _sealing(private: str) -> bytes:
    # One secret for each purpose: what seals cannot sign.
    return hmac.digest(private.encode(), _PURPOSE, "sha256")
