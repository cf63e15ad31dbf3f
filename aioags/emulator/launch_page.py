"""
The platform's pages around a launch: the gradebook with its "launch as …" links, and the form that posts itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from string import Template
from typing import Any

from aioags.emulator.classroom import Classroom
from aioags.emulator.messages import Answer
from aioags.emulator.state import Person

HTML = (("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store"))

PAGE = Template(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>$title</title><style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; } table { border-collapse: collapse; }
th, td { border: 1px solid #bbb; padding: .3rem .7rem; text-align: left; } iframe { width: 100%; height: 80vh; }
</style></head><body>$body</body></html>
"""
)


def page(title: str, body: str, status: int = 200) -> Answer:
    """
    Build a page.

    Args:
        title: Text.

        body: HTML.
    """
    return Answer(status, HTML, PAGE.substitute(title=escape(title), body=body).encode())


def error_page(status: int, reason: str) -> Answer:
    """
    Build a page that says why something cannot be.
    """
    return page("Not possible", f"<h1>Not possible</h1><p>{escape(reason)}</p>", status)


def posting_page(url: str, fields: Mapping[str, str]) -> Answer:
    """
    Build a page that posts a form as soon as it is there.
    """
    inputs = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )
    form = f'<form method="post" action="{escape(url)}">{inputs}<noscript><button>Go on</button></noscript></form>'
    return page("Launching", f"{form}<script>document.forms[0].submit()</script>")


def frame_page(source: str) -> Answer:
    """
    Build a page of the platform that shows the tool in a frame.
    """
    return page("Course", f'<h1>Course</h1><iframe name="tool" src="{escape(source)}"></iframe>')


def overview(classroom: Classroom, url: Callable[..., str]) -> Answer:
    """
    Build the gradebook of the first course: people as rows, line items as columns, and for each person the launches.

    Args:
        url: Makes the address of a launch, as ``LaunchDesk.url``.
    """
    course = classroom.course
    items = list(course.items.values())
    heads = "".join(f"<th>{escape(str(item.fields['label']))}</th>" for item in items)
    rows = "".join(
        f"<tr><td>{escape(person.name or person.user_id)}</td><td>{escape(person.role)}</td>"
        + "".join(f"<td>{_cell(classroom.result(item, person.user_id))}</td>" for item in items)
        + f"<td>{_launches(classroom, person, url)}</td></tr>"
        for person in course.people.values()
    )
    table = f"<table><tr><th>Name</th><th>Role</th>{heads}<th>Launch</th></tr>{rows}</table>"
    return page(f"Gradebook of {course.title}", f"<h1>{escape(course.title)}</h1>{table}")


def _cell(result: Mapping[str, Any] | None) -> str:
    if result is None or result.get("resultScore") is None:
        return ""
    comment = f"<br><small>{escape(str(result['comment']))}</small>" if result.get("comment") else ""
    return f"{escape(_number(result['resultScore']))} / {escape(_number(result['resultMaximum']))}{comment}"


def _number(value: float) -> str:
    return f"{value:g}"


def _launches(classroom: Classroom, person: Person, url: Callable[..., str]) -> str:
    who = person.name or person.user_id
    links = [(f"Launch {link.title} as {who}", url(person.user_id, link)) for link in classroom.course.links.values()]
    if person.role == "Instructor":
        links.append((f"Add links as {who}", url(person.user_id, deep_linking=True)))
    return "<br>".join(f'<a href="{escape(address)}">{escape(text)}</a>' for text, address in links)
