"""
The gradebook page as a document, and what it writes in its own way: times and JSON.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from aioags.emulator.wire.html import NOTHING, Html, fill, join
from aioags.emulator.wire.instants import iso
from aioags.emulator.wire.messages import Answer

# Path that the page and all of its pieces lie under.
ROOT = "/gradebook"
# Scripts and styles are the page's own files, never inline: a comment that is HTML could do nothing even if it got in.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    # Not no-referrer: it would make the Origin of the page's own forms "null".
    ("Referrer-Policy", "same-origin"),
)


def moment(at: float | None, now: float, form: str = "%H:%M:%S") -> Html:
    """
    Write a time in the zone of the machine, its day before it unless it is today's; the exact one in UTC beside it.

    Args:
        at: Seconds since 1970; None: nothing is written.

        now: The platform's time.

        form: As ``strftime`` has it; ``.%f`` gives milliseconds.
    """
    if at is None:
        return NOTHING
    try:
        local, today = (datetime.fromtimestamp(one, UTC).astimezone() for one in (at, now))
        exact = iso(at)
    except (ValueError, OverflowError, OSError):
        return fill("<span>{at}</span>", at=f"{at:g}")
    text = local.strftime(form.replace(".%f", f".{local.microsecond // 1000:03}"))
    if local.date() != today.date():
        year = "" if local.year == today.year else f" {local.year}"
        text = f"{local.day} {local.strftime('%b')}{year} {text}"
    return fill('<time datetime="{exact}" title="{exact}">{text}</time>', exact=exact, text=text)


EXACT = "%H:%M:%S.%f"


def pretty(value: Any) -> Html:
    """
    Write a value as indented JSON.
    """
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False)
    except RecursionError:
        text = "nested too deeply to be shown"
    return fill('<pre tabindex="0">{text}</pre>', text=text)


DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="{root}/files/icon.svg" type="image/svg+xml">
{styles}{script}</head>
<body class="{kind}">
{body}
</body>
</html>
"""
# In the order of their rules.
STYLES = ("base.css", "table.css", "side.css", "panel.css", "screens.css")
STYLE = """<link rel="stylesheet" href="{root}/files/{name}">
"""
SCRIPT = """<script src="{root}/files/page.js" type="module"></script>
"""


def document(title: str, body: Html, *, kind: str, script: bool = False, status: int = 200) -> Answer:
    """
    Build a whole page.

    Args:
        kind: Class of the body.

        script: The page has the gradebook's script.
    """
    shown = fill(SCRIPT, root=ROOT) if script else NOTHING
    styles = join(fill(STYLE, root=ROOT, name=name) for name in STYLES)
    text = fill(DOCUMENT, title=title, body=body, root=ROOT, kind=kind, styles=styles, script=shown)
    # A comment may hold half of a surrogate pair.
    return Answer(status, HEADERS, text.encode("utf-8", "replace"))
