"""
Pages of a listing, and the ``Link`` headers that lead from one to the next.
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import attrs

from aioags.emulator.profiles.profile import Profile
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.wire.messages import Asked, Header

T = TypeVar("T")
Keyed = Sequence[tuple[Any, T]]
Relations = dict[str, str]


@attrs.frozen
class Listing:
    """
    What is asked of a listing.

    Attributes:
        url: The container's URL as the platform writes it, its own query included.

        filters: Query parameters that choose records, decoded.

        limit: The most records on the page; None: not said.

        style: As in `Profile.paging`.

        begin: Offset of the first record, or number of the page, where the style counts so.

        after: Key of the last record of the page before, where the style is a cursor; None: the first page.

        carried: Query parameters that numbered links repeat.
    """

    url: str
    filters: dict[str, str]
    limit: int | None
    style: str
    begin: int = 0
    after: Any = None
    carried: tuple[tuple[str, str], ...] = ()


def read_listing(
    asked: Asked, url: str, names: Sequence[str], profile: Profile, style: str, *, page: int | None = None
) -> Listing:
    """
    Read filters and limit; a cursor brings its own (AGS 3.2.4: a next page needs no filter sent again).

    Args:
        names: The query parameters that are filters.

        style: As in `Profile.paging`.

        page: Size of a numbered page that is not asked for otherwise, and the most that can be. None: as the profile
            has it.

    Raises:
        Refusal: ``limit`` or the cursor cannot be read, or there can be no such page.
    """
    text = asked.parameter("cursor")
    if text is not None and style == "cursor":
        cursor = _read_cursor(text)
        return Listing(url, cursor["filters"], cursor["limit"], style, after=cursor["after"])
    filters = {name: value for name, value in asked.query if name in names}
    limit = _read_limit(asked.parameter("limit"), profile) if style != "none" else None
    if style == "page":
        return _numbered(asked, Listing(url, filters, limit, style), profile, page)
    begin = _integer(asked.parameter("from")) if style == "offset" else None
    return Listing(url, filters, limit, style, begin or 0)


def _numbered(asked: Asked, listing: Listing, profile: Profile, page: int | None) -> Listing:
    """
    Read the number of a page, and how long pages are, as Canvas does.
    """
    limit, text = listing.limit, asked.parameter("page")
    begin = 1 if text is None else _count(text)
    if begin is None:
        raise Refusal(Kind.NO_SUCH_PAGE, f"page is {text!r}; pages count from 1.", "AGS 3.2.4", field="page")
    size = limit or _count(asked.parameter("per_page")) or page or profile.page_size
    longest = page or (None if limit is not None and profile.limit_unbounded else profile.longest_page)
    if size is not None and longest is not None:
        size = min(size, longest)
    # What became per_page is not said twice.
    own = {"page", "per_page", "access_token"} | ({"limit"} if page is not None else set())
    others = sorted((name, value) for name, value in asked.query if name not in own)
    if not profile.link_keeps_query:
        others = [(name, value) for name, value in others if name in listing.filters or name == "limit"]
    return attrs.evolve(listing, limit=size, begin=begin, carried=tuple(others))


def find(
    listing: Listing | None, keys: Sequence[Any], look: Callable[[Any], T | None], profile: Profile
) -> list[tuple[Any, T]]:
    """
    Look records up for `cut`. Behind a cursor no more than its page shows: a hundred thousand are not read a thousand
    times.

    Args:
        listing: None: every record.

        keys: Of all records, sorted.

        look: Returns a key's record; None: it is not listed.
    """
    count = None
    if listing is not None and listing.style == "cursor":
        keys = keys[bisect_right(keys, listing.after) :] if listing.after is not None else keys
        size = _size(listing, profile)
        count = size and size + 1  # one more: whether there is a next page
    found = ((key, record) for key in keys if (record := look(key)) is not None)
    return list(islice(found, count))


def cut(listing: Listing, records: Keyed[T], profile: Profile) -> tuple[list[T], tuple[Header, ...]]:
    """
    Take one page out of all records that match.

    Args:
        records: Every record with its key, sorted by key.

    Returns:
        The page's records and the Link headers.
    """
    page, relations = STYLES[listing.style](listing, records, profile)
    wanted = {rel: relations[rel] for rel in profile.link_rels if rel in relations}
    return [record for _, record in page], link_headers(_fitting(wanted, profile), profile)


Page = tuple[Sequence[tuple[Any, Any]], Relations]


def _everything(listing: Listing, records: Keyed[Any], profile: Profile) -> Page:
    return records, {}


def _truncated(listing: Listing, records: Keyed[Any], profile: Profile) -> Page:
    return records[: listing.limit], {}


def _cursor_page(listing: Listing, records: Keyed[Any], profile: Profile) -> Page:
    size = _size(listing, profile) or len(records)
    # After the last key seen, not at an offset: an item that is deleted meanwhile must not hide another.
    begin = bisect_right(records, listing.after, key=lambda pair: pair[0]) if listing.after is not None else 0
    page = records[begin : begin + size]
    if begin + size >= len(records):
        return page, {}
    cursor = {"after": page[-1][0], "limit": listing.limit, "filters": listing.filters}
    return page, {"next": add_query(listing.url, {"cursor": _write_cursor(cursor)})}


def _offset_page(listing: Listing, records: Keyed[Any], profile: Profile) -> Page:
    """
    Cut as Moodle does: only when a limit was sent; ``last`` is no page's start.
    """
    limit = listing.limit
    if limit is None:
        return records, {}
    begin, total = listing.begin, len(records)
    page = records[begin : begin + limit] if begin >= 0 else records[begin:]
    offsets = {"first": 0, "prev": max(0, begin - limit), "canonical": begin, "next": begin + limit}
    offsets["last"] = max(0, total - limit + 1)
    if begin <= 0 or begin >= total:
        del offsets["prev"]
    if begin < 0 or begin + limit >= total:
        del offsets["next"]
    return page, {rel: _offset_url(listing, offset) for rel, offset in offsets.items()}


def _offset_url(listing: Listing, offset: int) -> str:
    head, _, query = listing.url.partition("?")
    filters = listing.filters
    own = f"{query}&" if query else ""
    chosen = urlencode(filters, quote_via=quote) + "&" if filters else ""
    return f"{head}?{chosen}{own}limit={listing.limit}&from={offset}"


def _numbered_page(listing: Listing, records: Keyed[Any], profile: Profile) -> Page:
    """
    Cut as Canvas does: pages from 1, every relation at hand.
    """
    size = listing.limit or max(1, len(records))
    number, pages = listing.begin, max(1, -(-len(records) // size))
    numbers = {"current": number, "next": number + 1, "prev": number - 1, "first": 1, "last": pages}
    if number >= pages:
        del numbers["next"]
    if number == 1:
        del numbers["prev"]
    relations = {
        rel: add_query(listing.url, [*listing.carried, ("page", n), ("per_page", size)]) for rel, n in numbers.items()
    }
    return records[(number - 1) * size : number * size], relations


STYLES: dict[str, Callable[[Listing, Keyed[Any], Profile], Page]] = {
    "cursor": _cursor_page,
    "offset": _offset_page,
    "page": _numbered_page,
    "truncate": _truncated,
    "none": _everything,
}


# In this order they are left out where there is no room.
LEAST = ("first", "current", "prev", "last", "next")


def _fitting(relations: Relations, profile: Profile) -> Relations:
    for rel in LEAST if profile.longest_link is not None else ():
        if sum(len(value) for _, value in link_headers(relations, profile)) <= (profile.longest_link or 0):
            break
        relations = {name: url for name, url in relations.items() if name != rel}
    return relations


def add_query(url: str, parameters: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> str:
    """
    Put parameters behind those that a URL has already.
    """
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}" if parameters else url


def link_headers(relations: Relations, profile: Profile) -> tuple[Header, ...]:
    """
    Write ``Link`` headers in the profile's style.
    """
    opening, closing = {"straight": ('"', '"'), "curly": ("\u201c", "\u201d"), "none": ("", "")}[profile.link_quotes]
    values = [f"<{_target(url, profile)}>; rel={opening}{rel}{closing}" for rel, url in relations.items()]
    if not values:
        return ()
    if profile.link_split:
        return tuple(("Link", value) for value in values)
    return (("Link", profile.link_joiner.join(values)),)


def _target(url: str, profile: Profile) -> str:
    if profile.link_escape:
        url = url.replace("&", "&amp;")
    origin_end = url.find("/", url.find("//") + 2)
    if profile.link_offsite is not None:
        return profile.link_offsite + url[origin_end:]
    return url[origin_end:] if profile.link_relative else url


def _size(listing: Listing, profile: Profile) -> int | None:
    sizes = [size for size in (listing.limit or profile.page_size, profile.longest_page) if size is not None]
    return min(sizes) if sizes else None


def _integer(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.removeprefix("-").isdigit():
        return None
    return int(text)


def _count(text: str | None) -> int | None:
    number = _integer(text)
    return number if number is not None and number > 0 else None


def _read_limit(text: str | None, profile: Profile) -> int | None:
    number = _count(text)
    if text is None or number is not None or profile.bad_limit == "ignored":
        return number
    if profile.bad_limit == "crash" and text in ("", "0"):
        return 0 if text else None
    kind = Kind.CRASH if profile.bad_limit == "crash" else Kind.BAD_QUERY
    raise Refusal(kind, f"limit is {text!r}; it must be a whole number above 0.", "AGS 3.2.4", field="limit")


def _write_cursor(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def _read_cursor(text: str) -> dict[str, Any]:
    try:
        value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return {"after": value["after"], "limit": value["limit"], "filters": dict(value["filters"])}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = "This cursor is not one that the platform gave; use the next link as it is."
        raise Refusal(Kind.BAD_QUERY, reason, "AGS 3.2.4", field="cursor") from error
