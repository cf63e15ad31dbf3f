"""
The gradebook page: what there is at which address, who may ask, and what a teacher may do by hand.

It has no passwords. So that no other page in the same browser can look in or change anything, a request must name a
host that nobody else's DNS can point here, and a form must come from the page itself.
"""

from __future__ import annotations

import math
from importlib import resources
from urllib.parse import parse_qsl, urlsplit

import attrs

from aioags.emulator.platform import Platform
from aioags.emulator.site.hosts import HostError, check_host
from aioags.emulator.site.state import Course, Item, Person
from aioags.emulator.web import fault_switches
from aioags.emulator.web.book import book
from aioags.emulator.web.document import ROOT, STYLES, document
from aioags.emulator.web.live import Live
from aioags.emulator.web.panels import grade_panel, item_panel, request_panel
from aioags.emulator.web.people import person_panel
from aioags.emulator.web.requests import panel_url
from aioags.emulator.wire.html import Html, fill
from aioags.emulator.wire.messages import Answer, Asked

FILES = {
    **dict.fromkeys(STYLES, "text/css; charset=utf-8"),
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
EVENTS = f"{ROOT}/events"
LONGEST_FORM = 100_000
# What the script asks for: it needs no page after a change.
NO_PAGE = "application/json"
ALONE = """<main class="alone"><p><a href="{root}">Back to the gradebook</a></p>
{panel}</main>"""
REFUSAL = """<main class="alone"><article class="panel"><h1>Not possible</h1><p>{text}</p></article></main>"""


class PageError(Exception):
    """
    A request to the page cannot be done; the text says why.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@attrs.define(eq=False)
class GradebookPage:
    """
    The page of one platform. Made in a running event loop.

    Attributes:
        live: Who looks at it.
    """

    platform: Platform
    live: Live = attrs.field(init=False)
    _files: dict[str, bytes] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.live = Live(self.platform)
        folder = resources.files("aioags.emulator.web") / "files"
        self._files = {name: (folder / name).read_bytes() for name in FILES}

    def answer(self, asked: Asked) -> Answer | None:
        """
        Answer a request; None: it is for something else.
        """
        if not (asked.path == ROOT or asked.path.startswith(ROOT + "/")):
            return None
        try:
            check_host(self.platform.site, asked)
            if asked.method == "POST":
                return self._act(asked)
            if asked.method not in ("GET", "HEAD"):
                raise PageError(405, "Only GET and POST are possible here.")
            return self._show(asked)
        except HostError as error:
            return _refusal(error, 421)
        except PageError as error:
            return _refusal(error, error.status)

    def is_stream(self, asked: Asked) -> bool:
        """
        True for a request that `Live.stream` answers.
        """
        if asked.path != EVENTS or asked.method != "GET":
            return False
        try:
            check_host(self.platform.site, asked)
        except HostError:
            return False
        return True

    # -- Looking ------------------------------------------------------------------------------------------------------

    def _show(self, asked: Asked) -> Answer:
        name = asked.path.removeprefix(ROOT).strip("/")
        if name == "":
            return book(self.platform, asked, self.live)
        if name == "grade":
            place = self._grade(asked.parameter("item"), asked.parameter("user"))
            _, item, user = place
            return self._alone(grade_panel(self.platform, *place, refused=self.live.refused.get(item.number, user)))
        if name == "item":
            return self._alone(item_panel(self.platform, *self._item(asked.parameter("item"))))
        if name == "person":
            return self._alone(person_panel(self.platform, *self._person(asked)))
        if name == "request":
            return self._alone(self._request(asked))
        kind, _, file = name.partition("/")
        if kind == "files" and file in FILES:
            headers = (
                ("Content-Type", FILES[file]),
                ("Cache-Control", "no-cache"),
                ("X-Content-Type-Options", "nosniff"),
            )
            return Answer(200, headers, self._files[file])
        raise PageError(404, "There is nothing here.")

    def _alone(self, panel: Html, status: int = 200) -> Answer:
        return document("Gradebook", fill(ALONE, root=ROOT, panel=panel), kind="single", status=status)

    def _item(self, number: str | None) -> tuple[Course, Item]:
        for course in self.platform.site.state.courses.values():
            for item in course.items.values():
                if str(item.number) == number:
                    return course, item
        raise PageError(404, "There is no such line item any more.")

    def _grade(self, number: str | None, user: str | None) -> tuple[Course, Item, str]:
        course, item = self._item(number)
        if user is None or (user not in course.people and user not in item.grades):
            raise PageError(404, "There is no such person in this course.")
        return course, item, user

    def _person(self, asked: Asked) -> tuple[Course, Person]:
        for course in self.platform.site.state.courses.values():
            if str(course.number) == asked.parameter("course") and asked.parameter("user") in course.people:
                return course, course.people[asked.parameter("user") or ""]
        raise PageError(404, "There is no such person in this course.")

    def _request(self, asked: Asked) -> Html:
        number = asked.parameter("number")
        for exchange in reversed(self.platform.requests):
            if str(exchange.number) == number:
                return request_panel(self.platform, exchange)
        raise PageError(404, "This request is not remembered any more.")

    # -- Changing -----------------------------------------------------------------------------------------------------

    def _act(self, asked: Asked) -> Answer:
        self._check_origin(asked)
        form = _form(asked)
        name = asked.path.removeprefix(ROOT).strip("/")
        acts = {"override": self._override, "release": self._release, "lock": self._lock, "fault": self._fault}
        if name not in acts:
            raise PageError(404, "There is nothing here.")
        answer = acts[name](form)
        self.platform.touch()
        if answer.status == 303 and NO_PAGE in (asked.header("accept") or ""):
            return Answer(204)
        return answer

    def _check_origin(self, asked: Asked) -> None:
        origin = (asked.header("origin") or "").lower()
        own = urlsplit(self.platform.base_url)
        if origin not in (f"http://{(asked.header('host') or '').lower()}", f"{own.scheme}://{own.netloc}"):
            raise PageError(403, "This form was not sent by the page itself. Programs use /control.")

    def _override(self, form: dict[str, str]) -> Answer:
        course, item, user = self._grade(form.get("item"), form.get("user"))
        text = form.get("points", "").strip()
        points = _points(text)
        if text and points is None:
            problem = f"“{text}” is no number: give points such as 7 or 7.5, or nothing for no grade."
            return self._alone(grade_panel(self.platform, course, item, user, problem), 422)
        self.platform.override(item, user, points, comment=form.get("comment", "").strip() or None)
        return _see(panel_url("grade", item=item.number, user=user))

    def _release(self, form: dict[str, str]) -> Answer:
        _, item, user = self._grade(form.get("item"), form.get("user"))
        self.platform.release_override(item, user)
        return _see(panel_url("grade", item=item.number, user=user))

    def _lock(self, form: dict[str, str]) -> Answer:
        locked = bool(form.get("locked"))
        if "user" in form:
            _, item, user = self._grade(form.get("item"), form.get("user"))
            self.platform.lock(item, user, locked=locked)
            return _see(panel_url("grade", item=item.number, user=user))
        _, item = self._item(form.get("item"))
        self.platform.lock(item, locked=locked)
        return _see(panel_url("item", item=item.number))

    def _fault(self, form: dict[str, str]) -> Answer:
        name, number = form.get("fault"), form.get("number", "")
        if name is None:
            if not number.isdecimal() or not self.platform.faults.remove(int(number)):
                raise PageError(404, "There is no such fault any more.")
        elif name in fault_switches.READY:
            fault_switches.switch(self.platform, name, on=bool(form.get("on")))
        else:
            raise PageError(404, "There is no such fault.")
        return _see(f"{ROOT}#faults")


def _refusal(error: Exception, status: int) -> Answer:
    return document("Not possible", fill(REFUSAL, text=error), kind="refusal", status=status)


def _form(asked: Asked) -> dict[str, str]:
    if len(asked.body) > LONGEST_FORM:
        raise PageError(413, "That is too long.")
    return dict(parse_qsl(asked.body.decode("utf-8", "replace"), keep_blank_values=True))


def _points(text: str) -> float | None:
    try:
        # People write decimal commas.
        points = float(text.replace(",", "."))
    except ValueError:
        return None
    return (int(points) if points.is_integer() else points) if math.isfinite(points) else None


def _see(url: str) -> Answer:
    return Answer(303, (("Location", url), ("Cache-Control", "no-store")))
