"""
A platform as the network knows it, and what a request asks of it, by its shape.
"""

from __future__ import annotations

import json
from math import inf
from typing import Any
from urllib.parse import parse_qsl

import attrs

from aioags import Request, Response
from aioags.emulator import Platform
from aioags.emulator.site.state import Grade, Item
from tests.simulation.faults import VEILS
from tests.simulation.ledger import Made

SCORE_ID = "https://simulation.example/score"
"""Extension by which a platform's record is recognised as one score of ours."""


@attrs.define(eq=False)
class Place:
    """
    One platform, as the network knows it.

    Attributes:
        compares: It compares stamps: a request that comes late cannot take a newer score's place.

        lag: Seconds after which a new line item is in listings.

        made: When each line item was made, by its URL.

        made_by: By which process; not for those that are there from the start.

        last: The latest answer to each operation, for a server that mixes them up.

        terse: It says 404 of a person whom it does not know, and nothing else.

        forgets: When it forgets every token that it has granted; it says 400 of those, with a challenge or without.

        spares: How many seconds before that a token must have been granted not to be forgotten.

        bars: Whose scores it answers with 401, for ever. None: nobody's.

        granted: When each token was granted.

        renewed: When each process was last granted one.

        refused: When it last said 400 to each process for another reason than a forgotten token.

        veil: Name of what a proxy says instead of it, to everybody. Empty: nothing.

        gone: Line items that a teacher deleted, or that a backup did not have.

        returned: Those of them that a backup brought back.

        restored: When it was set back to a backup.

        seen: Every line item that was looked for here, as it was then, by its URL.
    """

    name: str
    platform: Platform = attrs.field(repr=False)
    compares: bool
    lag: float = 0.0
    made: dict[str, float] = attrs.field(factory=dict)
    made_by: dict[str, str] = attrs.field(factory=dict)
    last: dict[str, tuple[str, Response]] = attrs.field(factory=dict)
    terse: bool = False
    forgets: float = inf
    challenges: bool = False
    spares: float = 0.0
    bars: str | None = None
    granted: dict[str, float] = attrs.field(factory=dict)
    renewed: dict[str, float] = attrs.field(factory=dict)
    refused: dict[str, float] = attrs.field(factory=dict)
    veil: str = ""
    gone: set[str] = attrs.field(factory=set)
    returned: set[str] = attrs.field(factory=set)
    restored: list[float] = attrs.field(factory=list)
    seen: dict[str, Item] = attrs.field(factory=dict)

    def item(self, url: str) -> Item:
        """
        Return a line item, also when it is gone.
        """
        try:
            self.seen[url] = self.platform.item(url)
        except LookupError:
            return self.seen[url]
        return self.seen[url]

    def veil_over(self, operation: str) -> str:
        """
        Return the veil that lies over an operation. Empty: none does.
        """
        of = VEILS[self.veil].of if self.veil else ()
        return self.veil if not of or operation in of else ""

    def set_gone(self, urls: set[str]) -> None:
        """
        Note which line items are gone now.
        """
        self.returned |= self.gone - urls
        self.gone = urls

    def shown(self, url: str, user: str) -> tuple[dict[str, Any] | None, int, int]:
        """
        Return what is shown of somebody, and after how many scores and backups: it may have shown something else in
        between, also of a line item that was deleted since.
        """
        if url in self.gone:
            return None, -1, len(self.restored)
        return self.platform.result(url, user), len(self.platform.history(url, user)), len(self.restored)

    def keeps_order(self, newer: Made) -> bool:
        """
        True when a request that comes late cannot take the place of a newer score: stamps are compared, and what they
        are compared with is what was sent, not a second of the platform's own clock. That is what Moodle keeps of a
        score without a value, and a stamp that a wrong clock has made may lie a year ahead of it.
        """
        profile = self.platform.profile
        own_second = profile.coupled_stamps_now and self.item(newer.key[1]).coupled
        return self.compares and not own_second and (newer.valued or profile.grading_rule != "moodle")

    def grades(self, url: str) -> list[Grade]:
        """
        Return what a line item holds; empty when it is gone.
        """
        return [] if url in self.gone else list(self.item(url).grades.values())

    def renewed_in_vain(self, process: str, now: float) -> bool:
        """
        True when a process was told 400 within the last minute with a token that it was granted just then.
        """
        renewed, refused = self.renewed.get(process, -inf), self.refused.get(process, -inf)
        return renewed < refused and now - renewed <= 60

    def has_forgotten(self, request: Request, now: float) -> bool:
        """
        True when a request carries a token that this platform does not know any more.
        """
        shown = [value.removeprefix("Bearer ") for name, value in request.headers if name == "Authorization"]
        since = self.forgets - self.spares
        return now >= self.forgets and any(self.granted.get(token, now) < since for token in shown)

    def lets_in(self, request: Request) -> bool:
        """
        False when a request is a score of the person that is barred.
        """
        return number_in(request) is None or json.loads(request.body or b"")["userId"] != self.bars

    def does_not_know(self, request: Request) -> bool:
        """
        True when a request is about a person who is not in the course.
        """
        user = dict(parse_qsl(request.url.partition("?")[2])).get("user_id")
        if request.method == "POST" and request.body and SCORE_ID.encode() in request.body:
            user = json.loads(request.body)["userId"]
        return user is not None and user not in self.platform.course.people


def is_of_one_user(request: Request) -> bool:
    """
    True for a look at one user's result.
    """
    return request.method == "GET" and "user_id=" in request.url


def operation_of(request: Request) -> str:
    """
    Say what a request asks for, by its shape.
    """
    path = request.url.partition("?")[0].rstrip("/")
    if request.headers and any(value == "application/x-www-form-urlencoded" for _, value in request.headers):
        return "token"
    if request.method == "POST":
        return "post_score" if path.endswith("/scores") else "create_line_item"
    if path.endswith("/results"):
        return "results"
    if request.method == "GET":
        return "list_line_items" if path.lower().endswith(("lineitems", "line_items", "lti-ags")) else "get_line_item"
    return "update_line_item" if request.method == "PUT" else "delete_line_item"


def number_in(request: Request) -> int | None:
    """
    Return the number of the score in a request. None: there is none.
    """
    if request.method != "POST" or not request.body or SCORE_ID.encode() not in request.body:
        return None
    return int(json.loads(request.body)[SCORE_ID])
