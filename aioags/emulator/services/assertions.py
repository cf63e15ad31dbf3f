"""
The signed assertion with which a tool asks for an access token: every check of the Security Framework, 4.1.1.
"""

from __future__ import annotations

from typing import Any

import attrs
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key

from aioags.emulator.refusals import GrantRefusal
from aioags.emulator.services.claim_faults import claim_faults, missing_claims
from aioags.emulator.site.site import Site
from aioags.emulator.site.state import RegisteredTool
from aioags.emulator.site.tool_keys import agreed_key, jwt_part
from aioags.emulator.wire.amounts import is_number


@attrs.define
class AssertionDesk:
    """
    Verifies assertions and remembers which were used.

    Attributes:
        used: Expiry by client id and ``jti``.
    """

    site: Site
    used: dict[tuple[str, str], float] = attrs.field(factory=dict)

    def verify(self, assertion: str, origin: str, named: RegisteredTool | None = None) -> RegisteredTool:
        """
        Return the tool that signed an assertion.

        Args:
            origin: Where the token was asked for.

            named: Whose token URL that was. None: ``sub`` says whose.

        Raises:
            GrantRefusal: One of the checks failed.
        """
        header, claims = peek(assertion)
        tool = named or self._tool(claims)
        key = self._key(header, tool)
        if self.site.profile.claim_faults == "together":
            self._check_signature(assertion, header, key)
            self._check_together(claims, tool, origin)
            return tool
        self._check_parties(claims, tool)
        self._check_times(claims)
        self._check_audience(claims, tool)
        self._check_signature(assertion, header, key)
        self._check_jti(claims, tool)
        return tool

    def _check_together(self, claims: dict[str, Any], tool: RegisteredTool, origin: str) -> None:
        own = self.site.token_url(tool.client_id)
        # Also its own address, whatever a proxy in front has made of the host (documented: the OIDC host's as well).
        audiences = (own, origin + own.removeprefix(self.site.base_url))
        faults = missing_claims(claims) or claim_faults(self.site, claims, audiences)
        if faults is not None:
            raise GrantRefusal("invalid_request", "claims", faults)

    def _tool(self, claims: dict[str, Any]) -> RegisteredTool:
        client_id = claims.get("sub")
        if "sub" not in claims:
            raise GrantRefusal("invalid_client", "no_sub", "The assertion has no sub; it must be the client id.")
        tool = self.site.state.tools.get(client_id) if isinstance(client_id, str) else None
        if tool is None:
            raise GrantRefusal("invalid_client", "unknown_client", f"No tool has the client id {client_id!r}.")
        return tool

    def _check_parties(self, claims: dict[str, Any], tool: RegisteredTool) -> None:
        for name in self.site.profile.required_claims:
            if claims.get(name) in (None, ""):
                raise GrantRefusal("invalid_client", name, f"The assertion has no {name}.")
        if self.site.profile.issuer_is_client and claims.get("iss") != tool.client_id:
            raise GrantRefusal("invalid_client", "iss", "iss must be the client id.", "CORE 6.2")

    def _check_times(self, claims: dict[str, Any]) -> None:
        profile, now = self.site.profile, self.site.now()
        times: dict[str, Any] = {name: claims[name] for name in ("iat", "exp", "nbf") if name in claims}
        for name, value in times.items():
            if not is_number(value):
                raise GrantRefusal(
                    "invalid_client", "time_type", f"{name} must be a JSON number, not {value!r}.", "SEC 4.1"
                )
        early = max(times.get("iat", now), times.get("nbf", now)) - now
        if early > profile.leeway:
            reason = f"iat or nbf is {early:.1f} s in the platform's future."
            raise GrantRefusal("invalid_client", "early", reason, at=now + early)
        leeway = profile.leeway if profile.exp_leeway is None else profile.exp_leeway
        if "exp" in times and times["exp"] + leeway <= now:
            raise GrantRefusal("invalid_client", "expired", f"The assertion expired {now - times['exp']:.1f} s ago.")
        self._check_age(times, now)

    def _check_age(self, times: dict[str, float], now: float) -> None:
        profile = self.site.profile
        if profile.oldest_iat is not None and now - times.get("iat", now) > profile.oldest_iat:
            raise GrantRefusal("invalid_client", "old", f"iat is more than {profile.oldest_iat:.0f} s ago.")
        life = times.get("exp", now) - times.get("iat", now)
        if profile.longest_life is not None and life > profile.longest_life:
            raise GrantRefusal("invalid_client", "long", f"exp is more than {profile.longest_life:.0f} s after iat.")

    def _check_audience(self, claims: dict[str, Any], tool: RegisteredTool) -> None:
        profile = self.site.profile
        if profile.audience_check == "ignored":
            return
        given = claims.get("aud")
        if isinstance(given, list) and profile.audience_array == "crash":
            raise GrantRefusal("server_error", "aud_array", "aud must be one string here.")
        wanted = profile.audience or self.site.token_url(tool.client_id)
        if wanted not in (given if isinstance(given, list) else [given]):
            raise GrantRefusal(
                "invalid_client", "aud", f"aud is {given!r}; it must be {wanted!r}, to the byte.", "SEC 4.1"
            )

    def _check_signature(self, assertion: str, header: dict[str, Any], key: Key) -> None:
        algorithms = self.site.profile.algorithms
        algorithm = header.get("alg")
        if algorithm not in algorithms:
            text = f"alg is {algorithm!r}; use RS256."
            what = {None: "no_alg", "none": "alg_none"}.get(algorithm, "alg")
            raise GrantRefusal("invalid_client", what, text, "SEC 6.1")
        try:
            jws.deserialize_compact(assertion, key, algorithms=list(algorithms))
        except (JoseError, ValueError) as error:
            text = f"The signature does not verify with key {key.kid}."
            raise GrantRefusal("invalid_client", "signature", text, "SEC 4.1.1") from error

    def _key(self, header: dict[str, Any], tool: RegisteredTool) -> Key:
        kid = header.get("kid")
        if tool.key_set is None:
            why = f" ({tool.key_trouble})" if tool.key_trouble else ""
            raise GrantRefusal("invalid_client", "key_set", f"The tool's key set cannot be fetched{why}.", "SEC 6.3")
        if not tool.key_set.keys:
            raise GrantRefusal("invalid_client", "no_keys", "The tool's key set holds no key.", "SEC 6.3")
        agreed = agreed_key(tool, pasted=self.site.profile.key_mode == "pasted")
        if agreed is not None:
            return agreed
        if kid is None:
            raise GrantRefusal("invalid_client", "no_kid", "The assertion's header has no kid.", "SEC 6.3")
        for key in tool.key_set.keys:
            if key.kid == kid:
                return key
        raise GrantRefusal("invalid_client", "kid", "The tool's key set holds no key with this kid.", "SEC 6.3")

    def _check_jti(self, claims: dict[str, Any], tool: RegisteredTool) -> None:
        # Last: only a verified assertion may use up its jti.
        if not self.site.profile.jti_once or "jti" not in claims:
            return
        now = self.site.now()
        if len(self.used) > 10_000:
            self.used = {key: expiry for key, expiry in self.used.items() if expiry > now}
        key = (tool.client_id, str(claims["jti"]))
        if self.used.get(key, now) > now:
            raise GrantRefusal(
                "invalid_client", "replay", "This jti was used before; sign a new assertion for each request."
            )
        self.used[key] = claims.get("exp", now) + self.site.profile.leeway


def peek(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Read an assertion's header and claims without trusting them.

    Raises:
        GrantRefusal: It is no JWT.
    """
    parts = assertion.split(".")
    if len(parts) != 3:
        raise GrantRefusal("invalid_client", "no_jwt", "client_assertion is not a JWT of three parts.", "SEC 4.1")
    claims = _part(parts[1], "claims")
    return _part(parts[0], "header"), claims


def _part(text: str, name: str) -> dict[str, Any]:
    try:
        value = jwt_part(text)
    except (ValueError, RecursionError) as error:
        message = f"The {name} of client_assertion are not base64url of JSON."
        raise GrantRefusal("invalid_client", f"bad_{name}", message, "SEC 4.1") from error
    if not isinstance(value, dict):
        raise GrantRefusal("invalid_client", f"bad_{name}", f"The {name} of client_assertion are no object.", "SEC 4.1")
    return value
