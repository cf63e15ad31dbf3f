"""
Draw how the window follows three platforms: ``python docs/images/pace.py``. Virtual time: always the same picture.
"""

from __future__ import annotations

import sys
from math import log2
from pathlib import Path

import attrs

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from aioags.model.policy import Pace  # noqa: E402
from aioags.protocol.pace import Pacer  # noqa: E402
from tests.unit.pace_models import Caller, Platform, Servers, Steady, World  # noqa: E402

SECONDS, STEP, SEED = 30.0, 0.05, 1
LEFT, RIGHT, TOP, BOTTOM = 64, 520, 72, 322
STYLE = (
    "text{font:14px system-ui,sans-serif;fill:#24292f}.t{font-weight:600;font-size:16px}.n{font-size:12px;fill:#57606a}"
    ".g{stroke:#d0d7de}.l{fill:none;stroke-width:2.5;stroke-linejoin:round}.a{stroke:#1a7f64}.b{stroke:#8250df}"
    ".c{stroke:#bc4c00}text.a{fill:#1a7f64;stroke:none}text.b{fill:#8250df;stroke:none}text.c{fill:#bc4c00;stroke:none}"
    ".x{fill:#cf222e}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.n{fill:#9da7b1}.g{stroke:#30363d}.a{stroke:#3fb68b}"
    ".b{stroke:#a371f7}.c{stroke:#f0883e}text.a{fill:#3fb68b}text.b{fill:#a371f7}text.c{fill:#f0883e}.x{fill:#ff7b72}}"
)


@attrs.frozen
class Line:
    """
    One platform: what it is, and how the window went.

    Attributes:
        steps: From when on which window.

        throttled: When it refused, seconds.
    """

    kind: str
    words: tuple[str, str]
    steps: list[tuple[float, int]]
    throttled: list[float]


def follow(kind: str, words: tuple[str, str], platform: Platform) -> Line:
    """
    Let somebody with endless scores meet a platform.
    """
    world, pacer = World(SEED), Pacer(Pace())
    caller = Caller(world, pacer, platform)
    world.later(0.0, caller.pump)
    steps = [(0.0, pacer.window)]
    while world.now < SECONDS:
        world.run(world.now + STEP)
        if pacer.window != steps[-1][1]:
            steps.append((world.now, pacer.window))
    return Line(kind, words, steps, [when for when, throttled in caller.answers if throttled])


def across(seconds: float) -> float:
    """
    Return where a moment is drawn.
    """
    return LEFT + (RIGHT - LEFT) * seconds / SECONDS


def up(window: float) -> float:
    """
    Return where a window is drawn; each doubling is as high.
    """
    return BOTTOM - (BOTTOM - TOP) * log2(window) / 5


def drawn(line: Line) -> list[str]:
    """
    Draw one line, its refusals, and its words at its end.
    """
    path = f"M{across(0):.1f} {up(line.steps[0][1]):.1f}"
    path += "".join(f"H{across(when):.1f}V{up(window):.1f}" for when, window in line.steps[1:]) + f"H{RIGHT}"
    last = line.steps[-1][1]
    marks = sorted({(round(across(when)), max(w for t, w in line.steps if t <= when)) for when in line.throttled})
    return [
        f'<path class="l {line.kind}" d="{path}"/>',
        *(f'<circle class="x" cx="{x}" cy="{TOP - 14}" r="4"/>' for x, _ in marks),
        *(
            f'<text class="{line.kind}" x="{RIGHT + 10}" y="{up(last) + 17 * place - 4:.1f}">{text}</text>'
            for place, text in enumerate(line.words)
        ),
    ]


def picture() -> str:
    """
    Return the picture.
    """
    title = "How many requests are in flight"
    lines = [
        follow("a", ("workers to spare:", "up to the ceiling"), Steady(0.2)),
        follow("b", ("20 workers, then 429:", "as many as there are"), Servers(20, 0.2, queue=0)),
        follow("c", ("8 workers and a queue:", "busy, and no queue"), Servers(8, 0.2)),
    ]
    said = "The window of three platforms over half a minute, from a simulation: " + "; ".join(
        f"{line.words[0]} it ends at {line.steps[-1][1]}" for line in lines
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 380" role="img" aria-label="{said}">',
        f"<style>{STYLE}</style>",
        f'<text class="t" x="16" y="30">{title}</text>',
    ]
    for window in (1, 2, 4, 8, 16, 32):
        parts.append(f'<path class="g" d="M{LEFT} {up(window):.1f}H{RIGHT}"/>')
        parts.append(f'<text class="n" x="{LEFT - 10}" y="{up(window) + 4:.1f}" text-anchor="end">{window}</text>')
    for seconds in range(0, int(SECONDS) + 1, 5):
        at = f'x="{across(seconds):.1f}" y="{BOTTOM + 20}" text-anchor="middle"'
        parts.append(f'<text class="n" {at}>{seconds} s</text>')
    parts += [part for line in lines for part in drawn(line)]
    note = "Red: an answer was 429. Simulated (docs/images/pace.py); answers of 200 ms, endless scores."
    parts.append(f'<text class="n" x="16" y="366">{note}</text></svg>\n')
    return "\n".join(parts)


if __name__ == "__main__":
    (HERE / "pace.svg").write_text(picture(), encoding="utf-8")
