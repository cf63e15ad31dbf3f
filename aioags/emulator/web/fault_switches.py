"""
The faults of the gradebook page: ready-made ones that are switched on and off, and whatever else was added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import attrs

from aioags.emulator.platform import Platform
from aioags.emulator.traffic.faults import Active, Fault
from aioags.emulator.web.document import ROOT
from aioags.emulator.wire.html import NOTHING, Html, fill, join


class Ready(NamedTuple):
    """
    A ready-made fault: what it is called, what a tool will see of it, and the fault.
    """

    title: str
    text: str
    fault: Fault


READY: Mapping[str, Ready] = {
    "lost": Ready(
        "Graded, answer lost",
        "One score in five is graded, and the connection closes without an answer.",
        Fault.drop(operation="post_score", applied=True, probability=0.2),
    ),
    "dropped": Ready(
        "Score never arrives",
        "One score in five: the connection closes, and nothing is graded.",
        Fault.drop(operation="post_score", probability=0.2),
    ),
    "unavailable": Ready(
        "Scores: 503",
        "Every score is answered 503 Service Unavailable, Retry-After: 2.",
        Fault.answer(503, headers=(("Retry-After", "2"),), operation="post_score"),
    ),
    "throttled": Ready(
        "Too many requests", "Every request is throttled, in the platform's own way.", Fault.throttle(2.0)
    ),
    "maintenance": Ready("Maintenance", "Closed for now, in the platform's own way.", Fault(effect="maintenance")),
    "slow": Ready("Slow", "Everything takes one to three seconds.", Fault.latency(1.0, jitter=2.0)),
    "cliff": Ready(
        "Slow under load",
        "Five seconds while more than 16 requests are in flight.",
        Fault.latency(5.0, over=16),
    ),
    "expired": Ready(
        "Access token expires",
        "The next score finds its access token expired.",
        Fault(effect="expire", operation="post_score", times=1),
    ),
    "no_token": Ready(
        "No access tokens",
        "The token endpoint answers 500.",
        Fault.answer(500, operation="token"),
    ),
    "half": Ready("Half an answer", "Results break off in the middle of the body.", Fault.half(operation="results")),
    "unlinked": Ready(
        "Lost pages",
        "Lists of line items have no link to their next page.",
        Fault(effect="unlink", operation="list_line_items"),
    ),
    "odd": Ready(
        "One odd line item",
        "The first line item of a list has no maximum that can be read.",
        Fault.odd({"scoreMaximum": None}, operation="list_line_items"),
    ),
    "drip": Ready("Slow drip", "Answers come byte by byte.", Fault(effect="drip", seconds=0.02)),
}

FAULTS = """<details class="faults" id="faults"{open}>
<summary><h2>Faults</h2><span class="count {kind}">{count}</span>
<span class="can">{ready} to switch on: lost answers, throttling, maintenance, slowness, expired tokens …</span>\
</summary>
<ul>
{switches}</ul>
{others}</details>
"""
SWITCH = """<li><form method="post" action="{root}/fault"><input type="hidden" name="fault" value="{name}">\
<button type="submit" name="on" value="{value}" role="switch" aria-checked="{on}" aria-describedby="fault-{name}">\
<span class="track"></span>{title}</button></form><p id="fault-{name}">{text}{count}</p></li>
"""
OTHERS = """<h3>Others</h3>
<ul class="others">
{rows}</ul>
"""
OTHER = """<li><form method="post" action="{root}/fault"><input type="hidden" name="number" value="{number}">\
<button type="submit" name="on" value="">Remove</button></form><code>{text}</code>{count}</li>
"""


def active_of(platform: Platform, name: str) -> Active | None:
    """
    Find a ready-made fault that is on; None: it is off.
    """
    return next((active for active in platform.faults if active.fault == READY[name].fault), None)


def switch(platform: Platform, name: str, *, on: bool) -> None:
    """
    Switch a ready-made fault on or off; no harm when it is so already.

    Raises:
        LookupError: There is none of that name.
    """
    active = active_of(platform, name)
    if on and active is None:
        platform.faults.add(READY[name].fault)
    elif not on and active is not None:
        platform.faults.remove(active.number)


def faults(platform: Platform) -> Html:
    """
    Build the list of faults with their switches.
    """
    known = {active.number for name in READY if (active := active_of(platform, name)) is not None}
    others = [active for active in platform.faults if active.number not in known]
    count = len(list(platform.faults))
    return fill(
        FAULTS,
        open=Html(" open") if count else NOTHING,
        count=f"{count} on" if count else "none on",
        kind="some" if count else "",
        ready=len(READY),
        switches=join(_switch(platform, name) for name in READY),
        others=fill(OTHERS, rows=join(map(_other, others))) if others else NOTHING,
    )


def _switch(platform: Platform, name: str) -> Html:
    ready = READY[name]
    active = active_of(platform, name)
    return fill(
        SWITCH,
        root=ROOT,
        name=name,
        title=ready.title,
        text=ready.text,
        on="true" if active is not None else "false",
        value="" if active is not None else "1",
        count=_count(active) if active is not None else NOTHING,
    )


def _other(active: Active) -> Html:
    fields = attrs.asdict(active.fault, filter=lambda field, value: value != field.default)
    text = ", ".join(f"{name} {value}" for name, value in fields.items())
    return fill(OTHER, root=ROOT, number=active.number, text=text, count=_count(active))


def _count(active: Active) -> Html:
    return fill(' <span class="happened">happened {count}×</span>', count=active.happened)
