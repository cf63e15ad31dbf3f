"""
The panels of the gradebook page: one grade, one line item, one request. With a script they open as dialogs, without one
as pages of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from aioags.emulator.platform import Platform
from aioags.emulator.services import line_items
from aioags.emulator.site.state import Course, Grade, Item
from aioags.emulator.traffic.exchanges import Exchange, describe
from aioags.emulator.web.document import EXACT, ROOT, moment, pretty
from aioags.emulator.web.requests import panel_url, status_text, why
from aioags.emulator.web.table import other_result, sent_points
from aioags.emulator.wire.html import NOTHING, Html, fill, join, number

# Of the scores that were applied, the newest.
HISTORY_SHOWN = 20
LONGEST_BODY = 20_000

PANEL = """<article class="panel" aria-labelledby="panel-title">
<header><h1 id="panel-title">{title}</h1><p class="about">{about}</p></header>
{body}
</article>
"""
FACT = "<div><dt>{name}</dt><dd>{value}</dd></div>"
HIDDEN = """<input type="hidden" name="{name}" value="{value}">"""
OVERRIDE = """<form class="by-hand" method="post" action="{root}/override">
{place}<h2>Grade by hand</h2>
{problem}<p><label for="points">Points</label> <input id="points" name="points" inputmode="decimal" value="{points}" \
autocomplete="off" aria-describedby="points-hint" autofocus{invalid}> <span id="points-hint">of {maximum}. \
Empty: no grade.</span></p>
<p><label for="comment">Comment</label> <textarea id="comment" name="comment" rows="2">{comment}</textarea></p>
<p class="actions"><button type="submit" class="main">Save</button></p>
</form>
"""
RELEASE = """<form method="post" action="{root}/release">{place}\
<button type="submit">Let the tool’s grade stand again</button></form>
"""
LOCK = """<form method="post" action="{root}/lock">{place}\
<input type="hidden" name="locked" value="{value}"><button type="submit">{text}</button></form>
"""
MORE = """<details{opened}><summary>{title}</summary>{body}</details>
"""
PROBLEM = """<p class="problem" id="problem" role="alert">{text}</p>
"""


def facts(pairs: Iterable[tuple[str, object]]) -> Html:
    """
    Build a list of names and values; what is None or empty is left out.
    """
    shown = [fill(FACT, name=name, value=value) for name, value in pairs if value not in (None, "")]
    return fill('<dl class="facts">{shown}</dl>', shown=join(shown))


def more(title: str, body: Html, *, opened: bool = False) -> Html:
    """
    Build a part that is shown when one asks for it.
    """
    return fill(MORE, title=title, body=body, opened=Html(" open") if opened else NOTHING)


def panel(title: str, about: str, *pieces: Html) -> Html:
    """
    Build a panel.
    """
    return fill(PANEL, title=title, about=about, body=join(pieces))


def _place(**fields: object) -> Html:
    return join(fill(HIDDEN, name=name, value=value) for name, value in fields.items())


def _lock(place: Html, *, locked: bool, what: str) -> Html:
    text = f"Unlock this {what}" if locked else f"Lock this {what}"
    return fill(LOCK, root=ROOT, place=place, value="" if locked else "1", text=text)


# -- One grade --------------------------------------------------------------------------------------------------------


def grade_panel(
    platform: Platform, course: Course, item: Item, user_id: str, problem: str = "", refused: Exchange | None = None
) -> Html:
    """
    Build the panel of one grade, with what a teacher may do.

    Args:
        refused: The score that was refused since the last one that was taken.

        problem: What was wrong with what was just sent.
    """
    person = course.people.get(user_id)
    grade = platform.grade(item, user_id)
    place = _place(item=item.number, user=user_id)
    actions = [fill(RELEASE, root=ROOT, place=place)] if grade.override is not None else []
    actions.append(_lock(place, locked=grade.locked, what="grade"))
    return panel(
        (person.name if person is not None else "") or user_id,
        f"{item.fields['label']} · {user_id}",
        facts([*_grade_facts(platform, item, grade), ("Refused since", _refused(platform, refused))]),
        _override(item, grade, place, problem),
        fill('<div class="actions">{actions}</div>', actions=join(actions)),
        *_grade_records(platform, item, grade),
    )


def _grade_facts(platform: Platform, item: Item, grade: Grade) -> list[tuple[str, object]]:
    now = platform.site.now()
    given, maximum = sent_points(grade)
    stated = grade.statement is not None
    points = f"{number(grade.shown)} of {number(item.maximum)}"
    return [
        ("In the gradebook", points if grade.shown is not None else "no grade"),
        ("Shown to people", _published(platform, item, grade)),
        ("The tool reads", other_result(platform, grade, item)),
        ("Tool sent", f"{number(given)} of {number(maximum)}" if given is not None else None),
        ("Activity", grade.activity_progress if stated else None),
        ("Grading", grade.grading_progress if stated else None),
        ("Comment", _comments(grade)),
        ("Set by", f"{grade.override.user_id}, by hand" if grade.override is not None else grade.scoring_user_id),
        ("Stored time", moment(grade.stamp, now, EXACT)),
        ("Started", moment(grade.started_at, now)),
        ("Submitted", moment(grade.submitted_at, now)),
        ("Attempts", len(grade.attempts) or None),
        ("Locked", "by a teacher" if grade.locked or item.locked else None),
    ]


def _refused(platform: Platform, exchange: Exchange | None) -> Html | None:
    if exchange is None:
        return None
    text = f"{status_text(exchange)} " + "\n".join(why(platform, exchange))
    url = panel_url("request", number=exchange.number)
    return fill('<a class="refusal" href="{url}">{text}</a>', url=url, text=text)


def _published(platform: Platform, item: Item, grade: Grade) -> str | None:
    published = platform.published(item, grade.user_id)
    if published == grade.shown:
        return None
    return number(published) if published is not None else "not yet"


def _comments(grade: Grade) -> Html:
    texts = grade.comments if len(grade.comments) > 1 and grade.override is None else [grade.shown_comment or ""]
    return join(fill('<span class="said">{text}</span>', text=text) for text in texts if text)


def _override(item: Item, grade: Grade, place: Html, problem: str) -> Html:
    override = grade.override
    return fill(
        OVERRIDE,
        root=ROOT,
        place=place,
        problem=fill(PROBLEM, text=problem) if problem else NOTHING,
        invalid=Html(' aria-invalid="true" aria-errormessage="problem"') if problem else NOTHING,
        points=number(grade.shown) if grade.shown is not None else "",
        comment=override.comment or "" if override is not None else "",
        maximum=number(item.maximum),
    )


def _grade_records(platform: Platform, item: Item, grade: Grade) -> list[Html]:
    pieces = [more("Result, as the tool reads it", pretty(platform.result(item, grade.user_id)))]
    if grade.statement is not None:
        newest = list(reversed(grade.history))
        pieces.append(more("Last score, as it came", pretty(newest[0])))
        if len(newest) > 1:
            shown = join(pretty(score) for score in newest[1 : HISTORY_SHOWN + 1])
            pieces.append(more(f"Earlier scores ({len(newest) - 1})", shown))
    return pieces


# -- One line item ----------------------------------------------------------------------------------------------------


def item_panel(platform: Platform, course: Course, item: Item) -> Html:
    """
    Build the panel of one line item.
    """
    fields = item.fields
    grades = [grade.shown for grade in item.grades.values() if grade.shown is not None]
    return panel(
        str(fields["label"]),
        f"Line item {item.number} of {course.title}",
        facts(
            [
                ("Points", number(item.maximum)),
                ("Graded", f"{len(grades)} of {sum(person.gradable for person in course.people.values())}"),
                ("Mean", number(round(sum(grades) / len(grades), 2)) if grades else None),
                ("Came with", f"resource link {item.link_id}" if item.coupled else "a tool’s request"),
                ("Resource id", fields.get("resourceId")),
                ("Tag", fields.get("tag")),
                ("Tool", item.client_id),
                ("Locked", "by a teacher" if item.locked else None),
            ]
        ),
        fill(
            '<div class="actions">{lock}</div>',
            lock=_lock(_place(item=item.number), locked=item.locked, what="column"),
        ),
        more("Line item, as the tool reads it", pretty(line_items.render(platform.site, item))),
    )


# -- One request ------------------------------------------------------------------------------------------------------


def request_panel(platform: Platform, exchange: Exchange) -> Html:
    """
    Build the panel of one request; the access token is left out.
    """
    shown = describe(exchange)
    reasons = why(platform, exchange)
    return panel(
        f"{shown['method']} {shown['operation'].replace('_', ' ')}",
        str(shown["url"]),
        facts(
            [
                ("Answer", f"{status_text(exchange)} {shown.get('reason') or ''}".strip()),
                ("Refused", reasons[0] if reasons else None),
                ("That is", reasons[1] if len(reasons) > 1 else None),
                ("Done", "yes" if exchange.applied else "no"),
                ("Faults", ", ".join(exchange.faults)),
                ("Arrived", moment(exchange.at, platform.site.now(), EXACT)),
            ]
        ),
        _message("Request", shown["headers"], shown["body"]),
        _message("Answer", shown.get("answer_headers", ()), shown.get("answer_body", "")),
    )


def _message(title: str, headers: Iterable[tuple[str, str]], body: str) -> Html:
    lines = "\n".join(f"{name}: {value}" for name, value in headers)
    try:
        content = pretty(json.loads(body)) if body and len(body) <= LONGEST_BODY else _text(body)
    except (ValueError, RecursionError):
        content = _text(body)
    head = fill('<pre class="head" tabindex="0">{lines}</pre>', lines=lines) if lines else NOTHING
    return fill("<section><h2>{title}</h2>{head}{content}</section>", title=title, head=head, content=content)


def _text(body: str) -> Html:
    if not body:
        return Html('<p class="none">No body.</p>')
    cut = body if len(body) <= LONGEST_BODY else f"{body[:LONGEST_BODY]}… ({len(body)} characters)"
    return fill('<pre tabindex="0">{text}</pre>', text=cut)
