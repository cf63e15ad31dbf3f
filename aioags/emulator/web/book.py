"""
The gradebook page as a whole: whose grades in which columns, the table, the requests, the faults.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import attrs

from aioags.emulator.platform import Platform
from aioags.emulator.site.claims import issuer
from aioags.emulator.site.state import Course, Item, Person
from aioags.emulator.web.document import ROOT, document
from aioags.emulator.web.fault_switches import faults
from aioags.emulator.web.live import Live
from aioags.emulator.web.requests import latest
from aioags.emulator.web.table import table
from aioags.emulator.wire.html import NOTHING, Html, fill, join
from aioags.emulator.wire.messages import Answer, Asked

# On one page; more are on further pages.
PEOPLE_SHOWN = 500
ITEMS_SHOWN = 20

BODY = """<a class="skip" href="#grades">Skip to the grades</a>
<header class="top">
<div><p class="eyebrow">Gradebook</p><h1>{course}</h1></div>
<p class="platform"><b>{profile}</b> <span>{basis}</span> <span class="issuer">{issuer}</span></p>
<p class="live" data-live><span class="dot"></span><span data-live-text>Reload to see what is new</span></p>
</header>
<p class="hidden" role="status" data-announce></p>
<main>
<section class="book" aria-label="Grades">
<div class="tools">{find}<p class="hint">Click a grade to set it by hand or lock it, a column to lock it, a name \
for what tools are told. <a href="#faults">Faults</a> can be switched on.</p>\
<div data-parts>{courses}{pages}</div></div>
<div class="scroll" role="region" aria-label="Table of grades" tabindex="0">
{table}</div>
<div data-notes>{notes}</div>
</section>
<aside>
{faults}<section class="requests" aria-labelledby="requests-title">
<header><h2 id="requests-title">Requests</h2><span class="count" data-total>{total}</span>
<label class="only"><input type="checkbox" id="only-failed"> Only failed</label></header>
<ol id="requests">
{requests}</ol>
<p class="none">{waiting}</p>
</section>
</aside>
</main>
<dialog aria-labelledby="panel-title"><button type="button" class="close" data-close-dialog>Close</button>\
<div data-panel></div></dialog>"""
FIND = """<form class="find" method="get" action="{root}" role="search">{hidden}\
<label for="find" class="hidden">Find a person</label>\
<input id="find" name="q" type="search" value="{query}" placeholder="Find a person" autocomplete="off">\
<button type="submit">Find</button></form>"""
HIDDEN = """<input type="hidden" name="{name}" value="{value}">"""
LINK = """<a href="{root}?{query}"{current}>{text}</a>"""
NAVIGATION = """<nav aria-label="{label}">{links}</nav>"""


@attrs.frozen
class View:
    """
    What part of the gradebook a page shows.

    Attributes:
        query: Part of a name or user id; empty: everybody.

        people_from, items_from: How many come before the first that is shown.
    """

    course: Course
    query: str = ""
    people_from: int = 0
    items_from: int = 0

    @classmethod
    def of(cls, platform: Platform, asked: Asked) -> View:
        """
        Read a request's query; what is missing or makes no sense is as if it were not there.
        """
        courses = platform.site.state.courses
        course = courses.get(_count(asked.parameter("course"))) or platform.course
        people, items = _count(asked.parameter("people")), _count(asked.parameter("items"))
        return cls(course, (asked.parameter("q") or "").strip(), people, items)

    def people(self) -> list[Person]:
        """
        Return all people that the query finds.
        """
        wanted = self.query.casefold()
        everybody = self.course.people.values()
        return [one for one in everybody if wanted in one.name.casefold() or wanted in one.user_id.casefold()]

    def link(self, text: str, changes: dict[str, Any], *, current: bool = False) -> Html:
        """
        Build a link to another part.
        """
        shown = {
            "course": self.course.number,
            "q": self.query,
            "people": self.people_from,
            "items": self.items_from,
            **changes,
        }
        query = urlencode({name: value for name, value in shown.items() if value}, errors="replace")
        return fill(LINK, root=ROOT, query=query, text=text, current=Html(' aria-current="true"') if current else "")


def _count(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else 0


def book(platform: Platform, asked: Asked, live: Live) -> Answer:
    """
    Build the page.

    Args:
        live: Who looks at the page, and what was refused.
    """
    view = View.of(platform, asked)
    people, items = view.people(), list(view.course.items.values())
    shown_people = people[view.people_from : view.people_from + PEOPLE_SHOWN]
    shown_items = items[view.items_from : view.items_from + ITEMS_SHOWN]
    body = fill(
        BODY,
        course=view.course.title,
        profile=platform.profile.name,
        basis=platform.profile.basis,
        issuer=issuer(platform.site),
        courses=_courses(platform, view),
        find=_find(view),
        pages=_pages(view, len(people), len(items)),
        table=table(platform, view.course, shown_people, shown_items, live.version, live.refused),
        notes=_notes(view, shown_people, shown_items),
        faults=faults(platform),
        total=platform.counts.total(),
        requests=latest(platform),
        waiting=f"No requests yet. A tool that registers with {issuer(platform.site)} shows up here.",
    )
    return document(f"{view.course.title} – gradebook", body, kind="page", script=True)


def _courses(platform: Platform, view: View) -> Html:
    courses = platform.site.state.courses.values()
    if len(courses) < 2:
        return NOTHING
    first = {"q": "", "people": 0, "items": 0}
    links = join(view.link(one.title, {**first, "course": one.number}, current=one is view.course) for one in courses)
    return fill(NAVIGATION, label="Courses", links=links)


def _find(view: View) -> Html:
    hidden = fill(HIDDEN, name="course", value=view.course.number)
    return fill(FIND, root=ROOT, hidden=hidden, query=view.query)


def _pages(view: View, people: int, items: int) -> Html:
    links = [
        *_turns(view, "people", view.people_from, PEOPLE_SHOWN, people),
        *_turns(view, "items", view.items_from, ITEMS_SHOWN, items),
    ]
    return fill(NAVIGATION, label="More of the gradebook", links=join(links)) if links else NOTHING


def _turns(view: View, name: str, first: int, size: int, total: int) -> list[Html]:
    what = "people" if name == "people" else "columns"
    links = []
    if first > 0:
        links.append(view.link(f"Previous {what}", {name: max(0, first - size)}))
    if first + size < total:
        span = f"{first + size + 1}–{min(total, first + 2 * size)} of {total}"
        links.append(view.link(f"Next {what} ({span})", {name: first + size}))
    return links


def _notes(view: View, people: list[Person], items: list[Item]) -> Html:
    notes = []
    if not people:
        notes.append(f"Nobody is called “{view.query}”." if view.query else "Nobody is in this course.")
    if not items:
        notes.append("There is no line item yet: a tool makes one with a POST to lineitems.")
    if view.course.concluded:
        notes.append("The course is over: grades are refused.")
    if not view.course.published:
        notes.append("The course is not published: grades are refused.")
    return join(fill('<p class="note">{text}</p>', text=text) for text in notes)
