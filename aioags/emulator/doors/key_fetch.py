"""
Fetching the key sets of tools that own their keys, before a request that needs them is answered.
"""

from __future__ import annotations

import aiohttp
from joserfc.jwk import KeySet
from yarl import URL

from aioags.emulator.platform import Platform
from aioags.emulator.site.tool_keys import PublicKeyError, read_public_keys
from aioags.protocol.messages import Request

# A tool that is on the same desk answers at once; who waits longer waits in vain.
SECONDS = 5.0
MOST_BYTES = 1024 * 1024


async def fetch_keys(platform: Platform, request: Request) -> None:
    """
    Fetch the keys that a request is signed with, where the platform lacks them. What cannot be fetched is noted.
    """
    tool = platform.lacking_keys(request)
    if tool is None or tool.jwks_url is None:
        return
    try:
        fetched = await _fetched(tool.jwks_url)
    except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
        tool.key_trouble = f"{tool.jwks_url}: {_reason(error)}"
        return
    tool.key_set, tool.key_trouble = fetched, None
    platform.touch()


async def _fetched(url: str) -> KeySet:
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    # Verified like any other; http is for a tool on the same desk.
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(URL(url, encoded=True)) as answer:
        if answer.status != 200:
            raise PublicKeyError(f"it answered {answer.status}")
        body = await answer.content.read(MOST_BYTES)
        while not answer.content.at_eof() and len(body) < MOST_BYTES:
            body += await answer.content.read(MOST_BYTES - len(body))
    return read_public_keys(body.decode("utf-8", "replace"))


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {SECONDS:.0f} s"
    return str(error) or type(error).__name__
