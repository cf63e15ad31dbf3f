"""
The storm: who gets a class's grades through a bad hour, whole and in order.

    python benchmarks/storm.py                  play it: two minutes; writes docs/storm.json and all that is made of it
    python benchmarks/storm.py --seed 8         play another hour, and print it
    python benchmarks/storm.py --made           write page and picture anew, without playing

One seed gives one plan (`_storm/plan.py`): what a class hands in, when the platform is away, when the tool's processes
are killed, and what befalls each request. Every contestant (`_storm/contestants.py`) meets it at emulated LMSs, in
virtual time: the counts are the same on every machine.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from joserfc.jwk import RSAKey

from benchmarks._bench import marks
from benchmarks._bench.report import chart
from benchmarks._storm.contestants import CONTESTANTS
from benchmarks._storm.plan import FAULTS, OUTAGES, PROCESSES, QUIZZES, RESTARTS
from benchmarks._storm.world import Storm

DOCS = Path(__file__).parent.parent / "docs"
SEED, LEARNERS, PROFILES = 7, 60, ("canvas", "moodle", "sakai")
# Played by the outbox alone, so that one lucky hour proves nothing.
OTHER_SEEDS = range(1, 7)
LABELS = {
    "hand": "hand-written loop",
    "retrying": "the same, job queue",
    "pylti": "PyLTI1p3",
    "pyltiretrying": "the same, job queue",
    "aioags": "aioags, post_score",
    "outbox": "aioags, outbox",
}
HEAD = "| who | not there | an older one stands | nobody was told | shown twice | columns | requests | last sent |"
Played = dict[str, dict[str, Any]]


def play(profile: str, name: str, seed: int = SEED, learners: int = LEARNERS) -> dict[str, Any]:
    """
    Let one contestant through the storm at one LMS.
    """
    logging.disable(logging.CRITICAL)
    try:
        key = RSAKey.generate_key(2048, {"kid": "storm"}, private=True)
        return Storm(seed, profile, key, learners).run(CONTESTANTS[name])
    finally:
        logging.disable(logging.NOTSET)


def summed(known: dict[str, Any]) -> Played:
    """
    Add the LMSs up, for each contestant; of the time the longest.
    """
    found: Played = {}
    for name in LABELS:
        each = [played[name] for played in known["platforms"].values()]
        found[name] = dict(sum((Counter(one) for one in each), Counter[str]()))
        found[name] = {key: found[name].get(key, 0) for key in each[0]}
        found[name]["seconds"] = max(one["seconds"] for one in each)
    return found


def rows(played: Played) -> Iterator[str]:
    """
    Write one table.
    """
    yield HEAD
    yield "|---|" + "---:|" * 7
    for name, label in LABELS.items():
        one = played[name]
        cells = [one[key] for key in ("lost", "older", "silent", "doubled", "columns", "requests")]
        text = " | ".join(f"{cell:,}" for cell in cells)
        shown = f"**{label}**" if name == "outbox" else label
        yield f"| {shown} | {text} | {one['seconds'] / 60:.0f} min |"


def tables(known: dict[str, Any]) -> dict[str, str]:
    """
    Make what the page shows.
    """
    grades = sum(played["hand"]["grades"] for played in known["platforms"].values())
    wanted = len(QUIZZES) * len(known["platforms"])
    together = [
        f"{grades} grades, {wanted} columns wanted; seed {known['seed']}, at {', '.join(known['platforms'])} together:",
        "",
        *rows(summed(known)),
    ]
    each: list[str] = []
    for profile, played in known["platforms"].items():
        each += [f"\n**{profile}** ({played['hand']['grades']} grades, {len(QUIZZES)} columns wanted)\n", *rows(played)]
    others = "\n".join(other_rows(known))
    return {"together": "\n".join(together), "others": others, "each": "\n".join(each), "plan": "\n".join(plan())}


def other_rows(known: dict[str, Any]) -> Iterator[str]:
    """
    Write what became of the outbox in other hours.
    """
    yield "| seed | grades | not there | an older one stands | nobody was told | shown twice | columns wanted | made |"
    yield "|---|" + "---:|" * 7
    for seed, played in known["others"].items():
        sums = [sum(one[key] for one in played.values()) for key in ("grades", "lost", "older", "silent", "doubled")]
        made = sum(one["columns"] for one in played.values())
        yield f"| {' | '.join(map(str, [seed, *sums, len(QUIZZES) * len(played), made]))} |"


def plan() -> Iterator[str]:
    """
    Say what is planned.
    """
    says = {0: "breaks every connection", 429: "says 429", 503: "says 503"}
    for outage in OUTAGES:
        hint = f", Retry-After {outage.hint} s" if outage.hint else ""
        yield f"- {outage.start:.0f}–{outage.end:.0f} s: the platform {says[outage.status]} to everybody{hint}"
    for name, at, away in RESTARTS:
        yield f"- {at:.0f} s: process {name} is killed, and is back {away:.0f} s later"
    yield f"- clocks of the processes: {', '.join(f'{name} {skew:+.1f} s' for name, skew in PROCESSES.items())}"
    yield f"- of each try of a score: {', '.join(f'{name} {share:.1%}' for name, share in FAULTS.items())}"


def picture(known: dict[str, Any]) -> str:
    """
    Draw how many grades are wrong in the end.
    """
    played = summed(known)
    total = played["hand"]["grades"]
    # "the same" says nothing in a picture without order.
    names = LABELS | {"retrying": "loop in a job queue", "pyltiretrying": "PyLTI1p3, job queue"}
    wrong = {name: played[name]["lost"] + played[name]["older"] for name in LABELS}
    bars = [(names[name], float(wrong[name]), f"{wrong[name]} of {total}") for name in LABELS]
    note = f"grades that are missing or old after an hour of outages; seed {known['seed']}, benchmarks/storm.py"
    return chart("The storm: grades that are wrong in the end", bars, note)


def write(known: dict[str, Any]) -> None:
    """
    Write the page's tables and the picture.
    """
    made = tables(known)
    for page, parts in ((DOCS / "storm.md", made), (DOCS.parent / "README.md", {"together": made["together"]})):
        page.write_text(marks.filled(page.read_text(encoding="utf-8"), parts), encoding="utf-8")
    (DOCS / "images" / "storm.svg").write_text(picture(known), encoding="utf-8")


def main() -> int:
    """
    Play, print and write.
    """
    parser = argparse.ArgumentParser(description="Grades through a bad hour.")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--made", action="store_true", help="write page and picture anew, without playing")
    arguments = parser.parse_args()
    place = DOCS / "storm.json"
    if arguments.made:
        write(json.loads(place.read_text(encoding="utf-8")))
        return 0
    platforms: dict[str, Played] = {}
    for profile in PROFILES:
        platforms[profile] = {name: play(profile, name, arguments.seed) for name in LABELS}
        print("\n".join(["", profile, *rows(platforms[profile])]), flush=True)
    if arguments.seed == SEED:
        others = {str(seed): {profile: play(profile, "outbox", seed) for profile in PROFILES} for seed in OTHER_SEEDS}
        known = {"seed": arguments.seed, "learners": LEARNERS, "platforms": platforms, "others": others}
        place.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        write(known)
    kept = all(not played["outbox"][key] for played in platforms.values() for key in ("lost", "older", "doubled"))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
