"""
The platform's pages around a launch: the course with its "launch as …" links, and the form that posts itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aioags.emulator.classroom import Classroom
from aioags.emulator.site.state import Item, Person
from aioags.emulator.wire.html import NOTHING, Html, fill, join, number
from aioags.emulator.wire.messages import Answer

HEADERS = (("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store"))

DOCUMENT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem; }} table {{ border-collapse: collapse; }}
th, td {{ border: 1px solid #bbb; padding: .3rem .7rem; text-align: left; }} iframe {{ width: 100%; height: 80vh; }}
</style></head><body>{body}</body></html>
"""
FORM = """<form method="post" action="{url}">{inputs}<noscript><button>Go on</button></noscript></form>\
<script>document.forms[0].submit()</script>"""


def page(title: str, body: Html, status: int = 200) -> Answer:
    """
    Build a page.
    """
    # A comment may hold half of a surrogate pair.
    return Answer(status, HEADERS, fill(DOCUMENT, title=title, body=body).encode("utf-8", "replace"))


def error_page(status: int, reason: str) -> Answer:
    """
    Build a page that says why something cannot be.
    """
    return page("Not possible", fill("<h1>Not possible</h1><p>{reason}</p>", reason=reason), status)


def posting_page(url: str, fields: Mapping[str, str]) -> Answer:
    """
    Build a page that posts a form as soon as it is there.
    """
    field = '<input type="hidden" name="{name}" value="{value}">'
    inputs = join(fill(field, name=name, value=value) for name, value in fields.items())
    return page("Launching", fill(FORM, url=url, inputs=inputs))


def overview(classroom: Classroom, url: Callable[..., str], offer: tuple[str, str]) -> Answer:
    """
    Build the page of the first course: people as rows, their results as columns, and for each person the launches.

    It is there without the gradebook page, for people who try out a tool.

    Args:
        url: Makes the address of a launch, as ``LaunchDesk.url``.

        offer: Text and address of the link that registers a tool.
    """
    course = classroom.course
    items = list(course.items.values())
    table = fill(
        '<h1>{course}</h1><p><a href="{register}">{offer}</a></p>'
        "<table><tr><th>Name</th><th>Role</th>{heads}<th>Launch</th></tr>{rows}</table>",
        course=course.title,
        offer=offer[0],
        register=offer[1],
        heads=join(fill("<th>{label}</th>", label=item.fields["label"]) for item in items),
        rows=join(_row(classroom, items, person, url) for person in course.people.values()),
    )
    return page(f"Gradebook of {course.title}", table)


def _row(classroom: Classroom, items: list[Item], person: Person, url: Callable[..., str]) -> Html:
    return fill(
        "<tr><td>{name}</td><td>{role}</td>{cells}<td>{launches}</td></tr>",
        name=person.name or person.user_id,
        role=person.role,
        cells=join(_cell(classroom.result(item, person.user_id)) for item in items),
        launches=_launches(classroom, person, url),
    )


def _cell(result: Mapping[str, Any] | None) -> Html:
    if result is None or result.get("resultScore") is None:
        return Html("<td></td>")
    comment = fill("<br><small>{text}</small>", text=result["comment"]) if result.get("comment") else NOTHING
    points, maximum = number(result["resultScore"]), number(result["resultMaximum"])
    return fill("<td>{points} / {maximum}{comment}</td>", points=points, maximum=maximum, comment=comment)


def _launches(classroom: Classroom, person: Person, url: Callable[..., str]) -> Html:
    who = person.name or person.user_id
    links = [(f"Launch {link.title} as {who}", url(person.user_id, link)) for link in classroom.course.links.values()]
    if person.role == "Instructor":
        links.append((f"Add links as {who}", url(person.user_id, deep_linking=True)))
    shown = [fill('<a href="{address}">{text}</a>', address=address, text=text) for text, address in links]
    return Html("<br>".join(shown))
