"""
The requests of the gradebook page: what tools asked, what they were answered, and why they were refused.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from aioags.emulator.platform import Platform
from aioags.emulator.traffic.changes import scored_user
from aioags.emulator.traffic.exchanges import Exchange
from aioags.emulator.web.document import EXACT, ROOT, moment
from aioags.emulator.wire.error_styles import worded
from aioags.emulator.wire.html import NOTHING, Html, fill, join
from aioags.emulator.wire.messages import PHRASES, Asked

# So many of each kind are shown: refused ones are not to be washed away by hundreds of good ones.
SHOWN = 50
KINDS: tuple[str, ...] = ("ok", "refused", "lost", "waiting")
# Members of a token endpoint's or a gateway's refusal that say why.
REASONS = ("error_description", "message", "detail", "reason", "error")
LONGEST_REASON = 120

ENTRY = """<li data-number="{number}" class="{kind}"><a href="{url}"><span class="status">{status}</span>\
<span class="what"><b>{operation}</b> <span class="who">{who}</span></span>{time}\
<span class="path"><b>{method}</b> {path}</span>{why}{faults}</a></li>
"""


def panel_url(panel: str, **query: Any) -> str:
    """
    Return the address of a panel of the page.
    """
    return f"{ROOT}/{panel}?{urlencode(query, errors='replace')}"


def entry(platform: Platform, exchange: Exchange) -> Html:
    """
    Build the line of one request.
    """
    asked = Asked(exchange.request)
    return fill(
        ENTRY,
        number=exchange.number,
        kind=kind_of(exchange),
        url=panel_url("request", number=exchange.number),
        time=moment(exchange.at, platform.site.now(), EXACT),
        status=status_text(exchange),
        operation=exchange.operation.replace("_", " "),
        who=_who(platform, exchange, asked),
        method=exchange.request.method,
        path=asked.target,
        why=_why(platform, exchange),
        faults=_faults(exchange),
    )


def kind_of(exchange: Exchange) -> str:
    """
    Tell in one word what became of a request: ``ok``, ``refused``, ``lost`` when the tool got no whole answer, or
    ``waiting`` when it has none yet.
    """
    answer = exchange.answer
    if answer is None:
        return "waiting"
    if answer.manner.lost is not None or answer.manner.cut is not None:
        return "lost"
    # Not the status alone: Moodle refuses with 200 where a body ends in a line break.
    return "refused" if exchange.refusal is not None or answer.status >= 400 else "ok"


def status_text(exchange: Exchange) -> str:
    """
    Write the status, or what happened in its place.
    """
    answer = exchange.answer
    if answer is None:
        return "…"
    if answer.manner.lost is not None:
        return "no answer"
    return f"{answer.status} cut" if answer.manner.cut is not None else str(answer.status)


def _who(platform: Platform, exchange: Exchange, asked: Asked) -> str:
    user = scored_user(asked.body) if exchange.operation == "post_score" else asked.parameter("user_id")
    if user is not None:
        people = (course.people.get(user) for course in platform.site.state.courses.values())
        person = next((one for one in people if one is not None), None)
        return person.name or user if person is not None else user
    return platform.tokens.client_of(asked) or ""


def why(platform: Platform, exchange: Exchange) -> list[str]:
    """
    Say why a request was refused: the profile's own words, and what they mean where they say less.
    """
    refusal, answer = exchange.refusal, exchange.answer
    if refusal is not None:
        words = worded(platform.profile, refusal)
        if words == refusal.reason and answer is not None and answer.phrase != PHRASES.get(answer.status, ""):
            # Moodle says it in the status line, the score that came included (seen).
            words = answer.phrase
        return [_cut(words)] if words == refusal.reason else [_cut(words), refusal.reason]
    if answer is None or answer.status < 400 or exchange.faults:
        return []
    return [_said(answer.body)]


def _said(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return _cut(text)
    found = [value[name] for name in REASONS if name in value] if isinstance(value, dict) else []
    return _cut(str(found[0] if found else text))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_REASON else text[:LONGEST_REASON] + "…"


def _why(platform: Platform, exchange: Exchange) -> Html:
    lines = why(platform, exchange)
    return join(fill('<span class="why">{text}</span>', text=line) for line in lines)


def _faults(exchange: Exchange) -> Html:
    if not exchange.faults:
        return NOTHING
    text = "Fault: " + ", ".join(exchange.faults)
    if exchange.applied and kind_of(exchange) != "ok":
        text += " – yet it was done"
    return fill('<span class="fault">{text}</span>', text=text)


def latest(platform: Platform) -> Html:
    """
    Build the lines of the newest requests, newest first.
    """
    left = dict.fromkeys(KINDS, SHOWN)
    shown = []
    for exchange in reversed(platform.requests):
        kind = kind_of(exchange)
        if left[kind]:
            left[kind] -= 1
            shown.append(entry(platform, exchange))
        elif not any(left.values()):
            break
    return join(shown)
