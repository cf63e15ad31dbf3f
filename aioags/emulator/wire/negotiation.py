"""
Which media types a platform takes and gives.
"""

from __future__ import annotations

from aioags.emulator.profiles.addresses import Addresses, Place
from aioags.emulator.profiles.profile import (
    CONTAINER_TYPE,
    LINE_ITEM_TYPE,
    MEMBERSHIPS_TYPE,
    RESULTS_TYPE,
    SCORE_TYPE,
    Profile,
)
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.wire.messages import Asked

# What the answer to each operation is; a score's has no content to negotiate (AGS 3.4).
OFFERED = {
    "list_line_items": CONTAINER_TYPE,
    "create_line_item": LINE_ITEM_TYPE,
    "get_line_item": LINE_ITEM_TYPE,
    "update_line_item": LINE_ITEM_TYPE,
    "results": RESULTS_TYPE,
    "memberships": MEMBERSHIPS_TYPE,
}
WANTED = {"create_line_item": LINE_ITEM_TYPE, "update_line_item": LINE_ITEM_TYPE, "post_score": SCORE_TYPE}

# The formats that each of Moodle's resources knows, for Accept and for Content-Type alike.
FORMATS = {
    "container": (CONTAINER_TYPE, LINE_ITEM_TYPE),
    "item": (LINE_ITEM_TYPE,),
    "scores": (SCORE_TYPE,),
    "results": (RESULTS_TYPE,),
    "memberships": (MEMBERSHIPS_TYPE,),
}


def check_accept(asked: Asked, operation: str, profile: Profile) -> None:
    """
    Look at the ``Accept`` header.

    Raises:
        Refusal: It does not allow what this operation answers.
    """
    offered = OFFERED.get(operation)
    accept = asked.header("accept")
    if profile.accept_policy == "moodle":
        _check_moodle_container(asked, operation, accept or "")
        return
    if offered is None or not accept or profile.accept_policy == "any":
        return
    if operation not in profile.accept_checked:
        return
    ranges = _ranges(accept)
    allowed = {offered, "*/*"} if profile.accept_policy == "exact" else {offered, "*/*", "application/*"}
    if profile.accept_policy == "either":
        allowed |= {CONTAINER_TYPE, LINE_ITEM_TYPE}
    if not allowed.intersection(ranges) or (profile.accept_policy == "exact" and len(ranges) > 1):
        text = f"Accept is {accept!r}, and this answers {offered}."
        raise Refusal(Kind.NOT_ACCEPTABLE, text, _section(operation), field="Accept", accept=accept)


def shown_type(asked: Asked, operation: str, profile: Profile) -> str:
    """
    Name the operation whose media type the answer about line items has.
    """
    if profile.accept_policy != "either":
        return operation
    return "get_line_item" if LINE_ITEM_TYPE in _ranges(asked.header("accept") or "") else "list_line_items"


def _ranges(accept: str) -> list[str]:
    return [part.partition(";")[0].strip().lower() for part in accept.split(",")]


def check_content_type(asked: Asked, operation: str, profile: Profile) -> None:
    """
    Look at the ``Content-Type`` header.

    Raises:
        Refusal: The body is not of the type that this operation takes.
    """
    wanted = WANTED.get(operation)
    if wanted is None or profile.content_type_policy == "any" or asked.content_type == wanted:
        return
    checked = profile.content_type_checked
    if checked is not None and operation not in checked:
        return
    sent = asked.header("content-type")
    text = f"Content-Type is {sent!r}; send {wanted}."
    raise Refusal(Kind.UNSUPPORTED_TYPE, text, _section(operation), field="Content-Type", sent=sent or "text/plain")


def check_moodle_handler(asked: Asked, place: Place | None, addresses: Addresses) -> None:
    """
    Find Moodle's resource by path and media type, before anybody looks at the token.

    Raises:
        Refusal: No resource takes this path, Accept or Content-Type.

    Source:
        Moodle 4.5, ``mod/lti/services.php``; every line of it seen live.
    """
    accept = asked.header("accept") or ""
    content_type = (asked.header("content-type") or "").partition(";")[0]
    formats = FORMATS.get(place.name, ()) if place is not None else ()
    if asked.method == "GET":
        known = not accept or "*/*" in accept or accept.rstrip() in formats
    elif asked.method in ("POST", "PUT", "PATCH", "OPTIONS"):
        known = content_type in formats
    else:
        known = asked.method == "DELETE"
    if place is None or not known:
        path = asked.path.removeprefix(addresses.container.partition("/{")[0])
        text = f"No handler found for {path} {accept if asked.method == 'GET' else ''} {content_type}"
        raise Refusal(Kind.NO_SUCH_PATH, text, "AGS 3.2.3", field="Accept")


def _check_moodle_container(asked: Asked, operation: str, accept: str) -> None:
    content_type = (asked.header("content-type") or "").partition(";")[0]
    wrong_list = operation == "list_line_items" and accept.rstrip() not in ("", CONTAINER_TYPE)
    wrong_item = operation == "create_line_item" and content_type != LINE_ITEM_TYPE
    if wrong_list or wrong_item:
        raise Refusal(Kind.NOT_ACCEPTABLE, "No context or unsupported content type", "AGS 3.2.3", field="Accept")


def _section(operation: str) -> str:
    return {"results": "AGS 3.3.3", "post_score": "AGS 3.4.3"}.get(operation, "AGS 3.2.3")
