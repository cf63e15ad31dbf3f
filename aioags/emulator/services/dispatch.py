"""
From a request to the service that answers it: path, token, scope, course, line item, media types, in this order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aioags.emulator.profiles.addresses import Place
from aioags.emulator.profiles.profile import LINE_ITEM, LINE_ITEM_READONLY, MEMBERSHIPS_SCOPE, RESULT_READONLY, SCORE
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.services.call import ServiceCall
from aioags.emulator.services.line_items import (
    create_line_item,
    delete_line_item,
    get_line_item,
    list_line_items,
    update_line_item,
)
from aioags.emulator.services.memberships import memberships
from aioags.emulator.services.results import results
from aioags.emulator.services.scores import post_score
from aioags.emulator.services.tokens import IssuedToken, TokenDesk
from aioags.emulator.site.site import Held, Site
from aioags.emulator.site.state import Course, Item
from aioags.emulator.wire.messages import Answer, Asked
from aioags.emulator.wire.negotiation import check_accept, check_content_type, check_moodle_handler

# Method by method what may be done at a place; a score container cannot be read (AGS 3.4).
OPERATIONS: Mapping[str, Mapping[str, str]] = {
    "container": {"GET": "list_line_items", "POST": "create_line_item"},
    "item": {"GET": "get_line_item", "PUT": "update_line_item", "DELETE": "delete_line_item"},
    "scores": {"POST": "post_score"},
    "results": {"GET": "results"},
    "result": {"GET": "results"},
    "memberships": {"GET": "memberships"},
    "jwks": {"GET": "key_set"},
    "authorization": {"GET": "authorization", "POST": "authorization"},
}

# AGS 3.2, 3.3.2, 3.4.2: one of these scopes is enough.
SCOPES_FOR: Mapping[str, tuple[str, ...]] = {
    "list_line_items": (LINE_ITEM, LINE_ITEM_READONLY),
    "get_line_item": (LINE_ITEM, LINE_ITEM_READONLY),
    "create_line_item": (LINE_ITEM,),
    "update_line_item": (LINE_ITEM,),
    "delete_line_item": (LINE_ITEM,),
    "post_score": (SCORE,),
    "results": (RESULT_READONLY,),
    "memberships": (MEMBERSHIPS_SCOPE,),
}

SERVICES: Mapping[str, Callable[[ServiceCall], Answer]] = {
    "list_line_items": list_line_items,
    "create_line_item": create_line_item,
    "get_line_item": get_line_item,
    "update_line_item": update_line_item,
    "delete_line_item": delete_line_item,
    "post_score": post_score,
    "results": results,
    "memberships": memberships,
}


def operation_of(place: Place | None, method: str) -> str:
    """
    Name what a request asks for: ``token``, an operation of AGS, or ``unknown``.
    """
    if place is None:
        return "unknown"
    if place.name == "token":
        return "token"
    return OPERATIONS.get(place.name, {}).get(method, "unknown")


def answer_service(
    site: Site, tokens: TokenDesk, asked: Asked, place: Place | None, held: list[Held], number: int = 0
) -> Answer:
    """
    Answer a request to one of the AGS services.

    Args:
        held: Gets what the request keeps busy until it leaves.

        number: Of the request, in order of arrival.

    Raises:
        Refusal: It cannot be answered as asked.
    """
    profile = site.profile
    if profile.content_type_policy == "moodle":
        check_moodle_handler(asked, place, profile.addresses)
    if place is None:
        raise Refusal(Kind.NO_SUCH_PATH, _hint(asked), "AGS 3.3.1, 3.4.1")
    operation = OPERATIONS[place.name].get(asked.method)
    if operation is None:
        allow = ", ".join(OPERATIONS[place.name])
        raise Refusal(Kind.WRONG_METHOD, f"{asked.method} is not possible here; {allow} is.", "AGS 3.2.3", allow=allow)
    if profile.accept_first:
        check_accept(asked, operation, profile)
    grant = tokens.check(asked)
    _check_tool(site, asked, grant)
    _check_scope(grant, operation)
    if operation == "delete_line_item" and profile.delete_policy == "forbid":
        raise Refusal(Kind.DELETE_FORBIDDEN, "This platform lets no tool delete a line item.", "AGS 3.2.3")
    course = _course(site, place, grant)
    if course.concluded and profile.concluded_closes_all and operation != "memberships":
        raise Refusal(Kind.CONCLUDED, "The course is over.")
    item = _item(site, place, course, grant)
    check_accept(asked, operation, profile)
    if profile.content_type_policy != "moodle":
        check_content_type(asked, operation, profile)
    call = ServiceCall(site, asked, operation, grant.client_id, grant.scopes, course, item, place.user, held, number)
    return SERVICES[operation](call)


def _check_tool(site: Site, asked: Asked, grant: IssuedToken) -> None:
    name = site.profile.tool_parameter
    given = asked.parameter(name) if name is not None else None
    if given and given != str(site.state.tool_numbered(grant.client_id)):
        raise Refusal(Kind.BAD_TOKEN, f"{name} names another tool than the access token.")


def _check_scope(grant: IssuedToken, operation: str) -> None:
    needed = SCOPES_FOR[operation]
    if not grant.scopes.intersection(needed):
        text = f"The access token lacks the scope for this: {' or '.join(needed)}."
        raise Refusal(Kind.MISSING_SCOPE, text, "AGS 3.2, 3.3.2, 3.4.2", scope=needed[0])


def _course(site: Site, place: Place, grant: IssuedToken) -> Course:
    number = site.profile.addresses.number("course", place.course or "")
    if number is None and site.profile.decimal_ids:
        raise Refusal(Kind.DATABASE, "A course id is a number.")
    course = site.state.courses.get(number) if number is not None else None
    if course is None:
        raise Refusal(Kind.UNKNOWN_CONTEXT, f"There is no course {place.course!r}.", "AGS 3.1", course=place.course)
    if grant.client_id not in course.client_ids:
        raise Refusal(Kind.TOOL_NOT_IN_CONTEXT, "This tool is not available in this course.", "AGS 3.1")
    return course


def _item(site: Site, place: Place, course: Course, grant: IssuedToken) -> Item | None:
    if place.item is None:
        return None
    number = site.profile.addresses.number("item", place.item)
    if number is None and site.profile.decimal_ids:
        raise Refusal(Kind.DATABASE, "The id of a line item is a number.", "AGS 3.2.3")
    item = course.items.get(number) if number is not None else None
    if item is None:
        raise Refusal(Kind.UNKNOWN_LINE_ITEM, f"There is no line item {place.item!r}.", "AGS 3.2.3", item=place.item)
    if item.client_id != grant.client_id and place.name not in site.profile.open_to_other_tools:
        # Another tool's item must not even be seen to exist (AGS 1).
        raise Refusal(Kind.FOREIGN_LINE_ITEM, f"There is no line item {place.item!r}.", "AGS 1", item=place.item)
    return item


def _hint(asked: Asked) -> str:
    if asked.raw_query.endswith(("/scores", "/results")) or asked.url.endswith(("%2Fscores", "%2Fresults")):
        return "There is nothing at this path: /scores and /results go on the path, before the query."
    if asked.path.endswith("/"):
        return "There is nothing at this path: it ends with a slash that no URL of this platform has."
    if "//" in asked.path:
        return "There is nothing at this path: it has two slashes in a row."
    return "There is nothing at this path: use the URLs of the launch and of line items as they are."
