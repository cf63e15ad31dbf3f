"""
The doctor's first steps: what is written down, names, TLS, and the two key sets.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

from aioags.cli.failures import Status
from aioags.cli.findings import Finding, Patient, fault, note, well
from aioags.config import CLAIM, FIELDS, ConfigFileError
from aioags.errors import AGSError
from aioags.launch.keys import jwks_document
from aioags.model.secure import HTTP_VARIABLE, is_loopback
from aioags.protocol.messages import Request

_SECONDS = 8.0
_LIMIT = 1024 * 1024


async def registration(patient: Patient) -> AsyncIterator[Finding]:
    """
    Look at what is written down.
    """
    values = patient.target.values
    where = patient.target.where
    blank = [name for name in FIELDS if (said := values.get(name)) is not None and str(said) != str(said).strip()]
    if blank:
        yield fault(f"{', '.join(blank)} has blanks around it", f"take them out in {where}", Status.USAGE)
        return
    try:
        registered = patient.registration
    except ConfigFileError as error:
        yield fault(str(error), f"mend {where}", Status.USAGE)
        return
    yield well(f"{patient.lms.title}, client id {registered.client_id}, key id {registered.key.kid}")
    for other in ("authorization_url", "jwks_url", "issuer"):
        if registered.token_url == values.get(other):
            yield fault(
                f"token_url is the same as {other}", f"take the access token URL for token_url in {where}", Status.USAGE
            )
    expected = patient.lms.usual_issuer(registered.token_url)
    if expected is not None and expected != registered.issuer:
        said = f"the issuer is {registered.issuer!r}, where {patient.lms.title} mostly says {expected!r}"
        yield note(said, f"if launches are refused: issuer in {where}")
    if not any(name in values for name in CLAIM):
        yield note("no launch was taken yet, so nothing is known of a course", f"aioags listen {patient.target.name}")


async def address(patient: Patient) -> AsyncIterator[Finding]:
    """
    Look whether the hosts have addresses, and listen.
    """
    for host, port, names in _hosts(patient):
        where = f"{', '.join(names)} in {patient.target.where}"
        loop = asyncio.get_running_loop()
        try:
            await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            yield fault(f"there is no address for {host}", f"is the name right? {where}", Status.UNREACHABLE)
            continue
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), _SECONDS)
            writer.close()
        except (OSError, TimeoutError) as error:
            said = "no answer" if isinstance(error, TimeoutError) else (error.strerror or "refused").lower()
            advice = f"a firewall between here and there, or another port? {where}"
            yield fault(f"nobody answers at {host} port {port}: {said}", advice, Status.UNREACHABLE)
        else:
            yield well(f"{host} port {port} answers")


def _hosts(patient: Patient) -> Iterator[tuple[str, int, list[str]]]:
    named: dict[tuple[str, int], list[str]] = {}
    for name in ("token_url", "lineitems", "lineitem", "memberships_url", "jwks_url"):
        value = patient.target.values.get(name)
        if patient.run.world.transport is None and isinstance(value, str):
            parts = urlsplit(value)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            named.setdefault((parts.hostname or "", port), []).append(name)
    for (host, port), names in named.items():
        yield host, port, names


# OpenSSL's X509_V_ERR numbers.
_TLS = {
    10: ("the certificate of {host} is over", "the platform's administrator has to renew it"),
    9: ("the certificate of {host} is not valid yet", "is the clock of this machine right?"),
    18: ("{host} shows a certificate that it signed itself", "set SSL_CERT_FILE to a file that holds it"),
    19: ("the chain of {host} ends in an authority that is not trusted here", "set SSL_CERT_FILE to a file with it"),
    20: (
        "{host} does not send the whole chain of its certificate, or its authority is not trusted here",
        "the platform's administrator has to install the intermediate certificate; or set SSL_CERT_FILE",
    ),
    62: ("the certificate of {host} is for other names", "is the name right? It must be as in the certificate"),
}


async def tls(patient: Patient) -> AsyncIterator[Finding]:
    """
    Look at the certificates.
    """
    context = ssl.create_default_context()
    for host, port, names in _hosts(patient):
        if not str(patient.target.values[names[0]]).startswith("https:"):
            allowed = "from this machine only" if is_loopback(host) else f"as {HTTP_VARIABLE} says"
            yield note(f"{host} port {port} speaks http: that is taken {allowed}")
            continue
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(host, port, ssl=context), _SECONDS)
        except ssl.SSLCertVerificationError as error:
            told, advice = _TLS.get(
                error.verify_code, (f"the certificate of {{host}}: {error.verify_message}", "see it")
            )
            yield fault(told.format(host=host), advice, Status.UNREACHABLE)
        except (OSError, TimeoutError, EOFError) as error:
            reason = getattr(error, "reason", None) or type(error).__name__
            advice = f"is it https, and the port of it? {', '.join(names)} in {patient.target.where}"
            yield fault(f"{host} port {port} does not speak TLS: {reason}", advice, Status.UNREACHABLE)
        else:
            version = writer.get_extra_info("ssl_object").version()
            writer.close()
            yield well(f"{host}: {version}, and its certificate is trusted")


async def tool_keys(patient: Patient) -> AsyncIterator[Finding]:
    """
    Look whether what the tool publishes holds the key that it signs with.
    """
    url, ours = patient.target.values.get("tool_jwks_url"), jwks_document(patient.target.keys()[:1])["keys"][0]
    where = f"tool_jwks_url in {patient.target.where}"
    if not isinstance(url, str):
        yield note("where the tool publishes its keys is not written down", f"{where}, unless you pasted the key")
        return
    published, trouble = await _key_set(patient, url)
    publish = f"publish what aioags keys jwks --to {patient.target.name} prints at {url}"
    if published is None:
        yield fault(f"the tool's key set cannot be had: {trouble}", publish, Status.UNAUTHORIZED)
        return
    same = [one for one in published if one.get("kid") == ours["kid"]]
    if any("d" in one for one in published):
        yield fault("the tool's key set holds a private key", f"{publish}, and make a new key", Status.UNAUTHORIZED)
    elif not same:
        yield fault(f"the tool's key set holds no key {ours['kid']}", publish, Status.UNAUTHORIZED)
    elif any(one.get(part) != ours.get(part) for one in same for part in ("n", "e", "x", "y")):
        said = f"the key {ours['kid']} of the tool's key set is another one"
        yield fault(said, f"{publish}; platforms keep keys by their id: give the new one a new id", Status.UNAUTHORIZED)
    else:
        yield well(f"{url} holds the key that signs")


async def platform_keys(patient: Patient) -> AsyncIterator[Finding]:
    """
    Look at the platform's key set, which launches need.
    """
    url, where = patient.registration.jwks_url, f"jwks_url in {patient.target.where}"
    if url is None:
        yield note("jwks_url is not written down, so nothing can be launched", where)
        return
    published, trouble = await _key_set(patient, url)
    if published is None and " answers 5" in trouble:
        yield fault(f"the platform is ill: {trouble}", "ask its administrator, or try again later", Status.UNREACHABLE)
    elif published is None:
        yield fault(f"the platform's key set cannot be had: {trouble}", f"is it right? {where}", Status.USAGE)
    elif not published:
        yield fault("the platform's key set is empty", f"is it right? {where}", Status.USAGE)
    else:
        yield well(f"{len(published)} for launches")


async def _key_set(patient: Patient, url: str) -> tuple[list[dict[str, Any]] | None, str]:
    try:
        answer = await patient.wire.send(Request("GET", url, (("Accept", "application/json"),), None, _LIMIT))
        if not answer.ok:
            return None, f"{url} answers {answer.status}"
        keys = json.loads(answer.body)["keys"]
        return [one for one in keys if isinstance(one, dict)], ""
    except AGSError as error:
        return None, f"{url}: {error}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return None, f"{url} answers something else than a key set"
