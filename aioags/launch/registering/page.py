"""
The page that a registration ends with: it says what became of it, and tells the platform to close it (DR 1.0).
"""

from __future__ import annotations

from html import escape

from aioags.errors import AGSError
from aioags.launch.registering.registrar import Registered

# To anybody: the message holds no secret, and the platform's origin is not known to a page in its frame.
_CLOSE = '(window.opener || window.parent).postMessage({subject: "org.imsglobal.lti.close"}, "*")'
_DOCUMENT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem; }}</style></head>
<body><h1>{title}</h1>{body}<button id="close">Close</button>
<script>document.getElementById("close").onclick = () => {close};{at_once}</script></body></html>
"""


def registered_page(registered: Registered) -> str:
    """
    Return the page after a registration. It closes itself where the platform listens, and says what is next where not.
    """
    lines = [registered.next_step]
    if not registered.is_active:
        lines.insert(
            0,
            "The tool's own administrator has to confirm this registration before it takes launches. Please tell them.",
        )
    if registered.missing:
        given = ", ".join(one.rpartition("/")[2] for one in registered.missing)
        lines.append(f"The platform did not give everything that the tool asked for: {given}.")
    title = "The tool is registered" if registered.is_active else "The registration waits for approval"
    # With something to read, nothing closes by itself.
    at_once = "" if lines[1:] else f"setTimeout(() => {{ {_CLOSE} }}, 3000);"
    return _page(title, lines, at_once)


def refused_page(error: AGSError) -> str:
    """
    Return the page after a registration that was refused. It stays until somebody closes it.
    """
    return _page("The tool was not registered", [str(error)], "")


def _page(title: str, lines: list[str], at_once: str) -> str:
    body = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return _DOCUMENT.format(title=escape(title), body=body, close=_CLOSE, at_once=at_once)
