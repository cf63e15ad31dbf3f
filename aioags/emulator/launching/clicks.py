"""
The platform's pages of launches: somebody looks at the course, clicks a link, and the tool is told to log in (CORE 4).

They are for people: no requests of a tool.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from aioags.emulator.launching import registering
from aioags.emulator.launching.deep_links import place
from aioags.emulator.launching.desk import ROOT, Click, Connection, LaunchDesk
from aioags.emulator.launching.pages import error_page, overview
from aioags.emulator.launching.storage import STORAGE, frame_page, storage_page
from aioags.emulator.site.claims import issuer
from aioags.emulator.site.hosts import HostError, check_host
from aioags.emulator.wire.messages import Answer, Asked


def answer_page(desk: LaunchDesk, asked: Asked) -> Answer | None:
    """
    Answer a request for one of the pages; None: it is for something else.
    """
    page = PAGES.get(asked.path)
    if page is None:
        return None
    try:
        check_host(desk.classroom.site, asked)
    except HostError as error:
        return error_page(403, str(error))
    return page(desk, asked)


def _overview(desk: LaunchDesk, asked: Asked) -> Answer:
    offered = desk.offered_url
    offer = ("Register a tool", desk.register_url)
    if offered is not None:
        offer = ("Register this tool", f"{desk.register_url}?{urlencode({'tool': offered})}")
    return overview(desk.classroom, desk.url, offer)


def _start(desk: LaunchDesk, asked: Asked) -> Answer:
    course = desk.classroom.course
    user_id, review_of = asked.parameter("user"), asked.parameter("review_of")
    named = [one for one in (user_id, review_of) if one is not None]
    if (not named and asked.parameter("anonymous") is None) or any(one not in course.people for one in named):
        return error_page(404, "Nobody in the course has this user id.")
    link = None
    if asked.parameter("deep_linking") is None:
        link = course.links.get(asked.parameter("link") or next(iter(course.links), ""))
        if link is None:
            return error_page(404, "There is no such link in the course.")
        if desk.is_dead(link):
            return error_page(404, "This link was placed without a URL, and opens nothing here.")
    tool = desk.classroom.tool if link is None else desk.classroom.site.state.tools[link.client_id]
    connection = desk.connections.get(tool.client_id)
    if connection is None:
        return error_page(409, "This tool takes no launches: say where with platform.launches.connect().")
    framed = asked.parameter("framed") is not None
    return _initiate(desk, connection, Click(user_id, course, tool, link, review_of), framed=framed)


def _initiate(desk: LaunchDesk, connection: Connection, click: Click, *, framed: bool) -> Answer:
    # CORE 4.1.
    query = {
        "iss": issuer(desk.classroom.site),
        "login_hint": click.hint,
        "target_link_uri": desk.target(connection, click),
        "lti_message_hint": desk.remember(click),
        "lti_deployment_id": click.tool.deployment_id,
        "client_id": click.tool.client_id,
    }
    storage = desk.classroom.profile.launch.storage_frame
    if framed and storage is not None:
        query["lti_storage_target"] = storage
    joiner = "&" if "?" in connection.login_url else "?"
    return Answer(302, (("Location", f"{connection.login_url}{joiner}{urlencode(query)}"),))


PAGES: dict[str, Callable[[LaunchDesk, Asked], Answer]] = {
    ROOT: _overview,
    f"{ROOT}/start": _start,
    f"{ROOT}/frame": frame_page,
    STORAGE: storage_page,
    f"{ROOT}/links": place,
    **registering.PAGES,
}
