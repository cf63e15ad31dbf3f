"""
Course groups (LTI Course Groups Service 1.0) beside an emulated platform, which has none of its own.

A server of its own on loopback: a platform's services may be elsewhere than its token URL. It takes the access tokens
that the platform gave.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from aioags.emulator import Platform

CLAIM = "https://purl.imsglobal.org/spec/lti-gs/claim/groupsservice"
SCOPE = "https://purl.imsglobal.org/spec/lti-gs/scope/contextgroup.readonly"
MEDIA_TYPE = "application/vnd.ims.lti-gs.v1.contextgroupcontainer+json"
GROUPS = [
    {"id": "g1", "name": "Group A", "set_id": "s1"},
    {"id": "g2", "name": "Group B", "set_id": "s1"},
    {"id": "g3", "name": "Choir", "tag": "music"},
]
PER_PAGE = 2


@asynccontextmanager
async def course_groups(platform: Platform) -> AsyncIterator[dict[str, Any]]:
    """
    Serve the groups while the block runs, and let the platform's tool ask for them.

    Yields:
        What a launch says of it, the value of `CLAIM`.
    """
    platform.tool.scopes = (*platform.tool.scopes, SCOPE)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return _answer(platform, request)

    reader = web.Server(answer, access_log=None)
    listener = await asyncio.get_running_loop().create_server(reader, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield {
            "context_groups_url": f"http://127.0.0.1:{port}/groups",
            "scope": [SCOPE],
            "service_versions": ["1.0"],
        }
    finally:
        listener.close()
        await reader.shutdown(timeout=0.01)
        await listener.wait_closed()


def _answer(platform: Platform, request: web.BaseRequest) -> web.Response:
    grant = platform.tokens.grants.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
    if grant is None:
        return web.Response(status=401)
    if SCOPE not in grant.scopes:
        return web.Response(status=403)
    if request.headers.get("Accept") != MEDIA_TYPE:
        return web.Response(status=406)
    start = int(request.query.get("from", 0))
    end = start + PER_PAGE
    url = str(request.url.with_query(None))
    headers = {"Link": f'<{url}?from={end}>; rel="next"'} if end < len(GROUPS) else {}
    body = {"id": url, "groups": GROUPS[start:end]}
    return web.json_response(body, headers=headers, content_type=MEDIA_TYPE)
