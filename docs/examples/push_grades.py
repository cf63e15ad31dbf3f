"""
Push a CSV of grades into a gradebook, read the results back, and say what happened.

    python docs/examples/push_grades.py [grades.csv] [roster.csv]

The platform is the emulator, started as a program of its own: everything between the two goes through real HTTP, a real
access token and a real gradebook. For your LMS, replace `emulated_platform` by the registration you agreed on and the
endpoint of a launch; the rest stays as it is.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import attrs
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from aioags import (
    AGSError,
    Client,
    Endpoint,
    Gradebook,
    LineItem,
    Registration,
    Result,
    Score,
    UserNotGradableError,
    join_results,
)

HERE = Path(__file__).parent


class Row(NamedTuple):
    """
    One line of the class list.
    """

    line: int
    user_id: str
    name: str
    points: str
    maximum: str
    comment: str


class Person(NamedTuple):
    """
    One member of the course.
    """

    user_id: str
    name: str


@attrs.define
class Outcome:
    """
    What became of the class list.

    Attributes:
        recorded: How many grades the platform took.

        refused: The others, each with its reason.

        seconds: From the first request to the last answer.
    """

    recorded: int = 0
    refused: list[tuple[Row, str]] = attrs.field(factory=list)
    seconds: float = 0.0


def read_table(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """
    Yield line number and values of each row of a CSV file with a header; ends the program when a column is missing.
    """
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, restval="")
        if missing := set(columns) - set(reader.fieldnames or ()):
            sys.exit(f"{path} has no column {', '.join(sorted(missing))}")
        for row in reader:
            yield reader.line_num, [row[column].strip() for column in columns]


def read_rows(path: Path) -> list[Row]:
    """
    Read a class list.
    """
    return [Row(line, *values) for line, values in read_table(path, Row._fields[1:])]


def read_roster(path: Path) -> list[Person]:
    """
    Read who is in the course.
    """
    return [Person(*values) for _, values in read_table(path, Person._fields)]


def number(text: str) -> int | Decimal:
    """
    Read a number as it is written: 83 stays 83, and 87.25 exactly that.
    """
    return int(text) if text.lstrip("-").isdigit() else Decimal(text)


def scores(rows: Iterable[Row], outcome: Outcome) -> Iterator[Score]:
    """
    Yield a score for each row. A row that can be none is refused here, before anything is sent.
    """
    for row in rows:
        try:
            points, maximum = number(row.points), number(row.maximum)
            yield Score.graded(row.user_id, points, score_maximum=maximum, comment=row.comment or None)
        except (ValueError, ArithmeticError) as error:
            outcome.refused.append((row, f"not a grade, so it was not sent: {error}"))


async def push(gradebook: Gradebook, item: LineItem, rows: list[Row], console: Console) -> Outcome:
    """
    Post every row, many at once, and collect what became of each.
    """
    outcome = Outcome()
    by_user = {row.user_id: row for row in rows}
    bar = Progress(TextColumn("Posting   "), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console)
    bar.disable = not console.is_terminal
    began = time.perf_counter()
    with bar:
        task = bar.add_task("", total=len(rows))
        async with gradebook.post_scores(scores(rows, outcome), line_item=item) as deliveries:
            async for delivery in deliveries:
                if delivery.error:
                    outcome.refused.append((by_user[delivery.score.user_id], reason(delivery.error)))
                else:
                    outcome.recorded += 1
                bar.update(task, completed=outcome.recorded + len(outcome.refused))
        bar.update(task, completed=len(rows))
    outcome.seconds = time.perf_counter() - began
    return outcome


def reason(error: AGSError) -> str:
    """
    Say in plain words why a score is not in the gradebook.
    """
    if isinstance(error, UserNotGradableError):
        return f"not a learner of this course, so the platform refused the grade ({error.status})"
    if error.recorded is None:
        return f"nobody knows whether it was recorded: {error}"
    return str(error)


def is_as_sent(result: Result, row: Row | None) -> bool:
    """
    True when the gradebook shows what the row says, on the line item's own scale.
    """
    if row is None or result.fraction is None:
        return False
    return abs(result.fraction - float(row.points) / float(row.maximum)) < 1e-9


def say(console: Console, title: str, text: str) -> None:
    """
    Print one line, its title in the margin.
    """
    console.print(f"{title:<10} {text}", markup=False, highlight=False, soft_wrap=True)


def say_outcome(console: Console, rows: list[Row], outcome: Outcome) -> None:
    """
    Print what the platform took, and each row that it did not.
    """
    rate = outcome.recorded / outcome.seconds
    say(console, "Recorded", f"{outcome.recorded} of {len(rows)}, in {outcome.seconds:.1f} s: {rate:,.0f} a second")
    say(console, "Refused", str(len(outcome.refused)))
    for row, why in sorted(outcome.refused):
        say(console, "", f"line {row.line}, {row.name} (user {row.user_id}): {why}")


async def say_results(
    console: Console, gradebook: Gradebook, item: LineItem, rows: list[Row], roster: list[Person]
) -> None:
    """
    Read the gradebook back, and print how it compares with the class list and with the roster.
    """
    by_user = {row.user_id: row for row in rows}
    missing: list[Person] = []
    differing: list[str] = []
    read = 0
    async for joined in join_results(roster, gradebook.results(line_item=item), key=lambda person: person.user_id):
        if joined.result is not None:
            read += 1
            if not is_as_sent(joined.result, by_user.get(joined.user_id)):
                differing.append(joined.user_id)
        elif joined.person is not None:
            missing.append(joined.person)
    same = f"not as the class list says: {', '.join(differing)}" if differing else "each as the class list says"
    say(console, "Read back", f"{read} results, {same}")
    say(console, "Missing", f"{len(missing)} of the {len(roster)} people in the course have no result")
    for person in missing:
        why = "refused, see above" if person.user_id in by_user else "not on the class list"
        say(console, "", f"{person.name} (user {person.user_id}): {why}")


@asynccontextmanager
async def emulated_platform(roster: Path) -> AsyncIterator[tuple[Registration, Endpoint]]:
    """
    Run ``python -m aioags.emulator`` on a free port while the block runs, and read what it says about itself.
    """
    command = [sys.executable, "-m", "aioags.emulator", "--port", "0", "--roster", str(roster)]
    pipe = asyncio.subprocess.PIPE
    program = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    assert program.stdout is not None
    assert program.stderr is not None
    try:
        said = json.loads(await program.stdout.readuntil(b"\n}\n"))
        names = ("issuer", "client_id", "token_url", "key", "audience", "deployment_id")
        yield Registration(**{name: said[name] for name in names}), Endpoint.from_claim(said["endpoint"])
    except asyncio.IncompleteReadError:
        sys.exit((await program.stderr.read()).decode())
    finally:
        if program.returncode is None:
            program.terminate()
        await program.wait()


async def main(grades: Path, roster_file: Path) -> None:
    """
    Do the whole of it.
    """
    console = Console()
    rows, roster = read_rows(grades), read_roster(roster_file)
    async with emulated_platform(roster_file) as (registration, endpoint), Client() as ags:
        gradebook = ags.gradebook(registration, endpoint)
        say(console, "Platform", f"{registration.issuer}, emulated")
        say(console, "Class list", f"{len(rows)} grades in {grades.name}")
        item = await gradebook.find_or_create_line_item(
            label="Midterm", score_maximum=100, resource_id="midterm", tag="grade"
        )
        say(console, "Line item", f"{item.label}, out of {item.score_maximum}: {item.id}")
        outcome = await push(gradebook, item, rows, console)
        say_outcome(console, rows, outcome)
        await say_results(console, gradebook, item, rows, roster)


def existing_file(text: str) -> Path:
    """
    Read an argument that names a file.
    """
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return Path(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Push a CSV of grades into an emulated gradebook.")
    parser.add_argument("grades", type=existing_file, nargs="?", default=HERE / "grades.csv")
    parser.add_argument("roster", type=existing_file, nargs="?", default=HERE / "roster.csv")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.grades, arguments.roster))
