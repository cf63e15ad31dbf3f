"""
What happens in the storm, drawn from a seed before anybody takes part: hand-ins, outages, restarts, faults.

A fault belongs to the what and the how-manieth of a request, not to when it was sent: the first try of one score meets
the same whoever sends it.
"""

from __future__ import annotations

from random import Random

import attrs

QUIZZES = {"quiz-1": 20.0, "quiz-2": 700.0, "quiz-3": 1700.0, "quiz-4": 2330.0}
"""When each opens, in seconds; everybody hands in within two minutes, from half a minute later."""

PROCESSES = {"w1": 0.0, "w2": -0.5}
"""The tool's processes, and by how many seconds the clock of each is off."""

RESTARTS = (("w1", 75.0, 5.0), ("w2", 800.0, 20.0), ("w1", 1770.0, 5.0), ("w2", 1781.0, 5.0), ("w1", 2405.0, 5.0))
"""Which process is killed when, and how long it is away."""


@attrs.frozen
class Outage:
    """
    For a while the platform answers everybody alike.

    Attributes:
        status: 0: connections break before anything is read.

        hint: Seconds that it asks to wait. 0: it does not say.
    """

    start: float
    end: float
    status: int
    hint: int = 0


OUTAGES = (Outage(750, 1350, 503, 120), Outage(1350, 1400, 0), Outage(2380, 2440, 429, 30))

FAULTS = {"lost": 0.05, "reset": 0.02, "502": 0.015, "502 done": 0.015, "429": 0.03, "echo": 0.04}
"""
How likely each is for one try of one score: the answer is lost though the score was taken; the connection breaks before
it was read; 502 by something in between, half of them though it was taken; 429 with 5 seconds to wait; a proxy repeats
the request by itself a while later.
"""

OTHER_FAULTS = {"lost": 0.02, "reset": 0.02, "502": 0.02}
"""The same for tokens, listings and new line items; of these the first of every second quiz is lost besides."""


@attrs.frozen
class Message:
    """
    What the tool has to say of one learner's work.

    Attributes:
        number: Rises with time; stands in the score, so that it is recognised.

        at: Seconds since the storm began.

        process: Where it arrives.

        points: Of 100. None: the work was handed in, and is not graded yet.

        handed_in: When the work was, in seconds since the storm began.
    """

    number: int
    at: float
    process: str
    learner: int
    quiz: str
    points: int | None
    comment: str | None
    handed_in: float


def messages(seed: int, learners: int) -> list[Message]:
    """
    Draw what the tool has to say, in order of time.
    """
    dice = Random(f"{seed} messages")
    found: list[Message] = []

    def say(at: float, learner: int, quiz: str, points: int | None, handed_in: float) -> None:
        commented = points is not None and dice.random() < 0.4
        process = dice.choice(list(PROCESSES))
        text = f"Well done, {points} of 100" if commented else None
        found.append(Message(0, at, process, learner, quiz, points, text, handed_in))

    for quiz, opens in QUIZZES.items():
        for learner in range(learners):
            at = opens + 30 + dice.random() * 90
            say(at, learner, quiz, None, at)
            graded = at + dice.choice((0.4, 0.9, 3.0, 30.0))
            points = dice.randrange(100)
            say(graded, learner, quiz, points, at)
            if dice.random() < 0.3:
                say(graded + dice.choice((1.0, 20.0, 400.0)), learner, quiz, points + 1, at)
    found.sort(key=lambda message: message.at)
    return [attrs.evolve(message, number=number) for number, message in enumerate(found, 1)]


def fault(seed: int, what: str, time: int) -> str:
    """
    Return what befalls the so-manieth request for something; empty: nothing.

    Args:
        time: From 0.
    """
    if what.startswith("create quiz") and time == 0 and int(what[-1]) % 2:
        return "lost"
    drawn = Random(f"{seed} {what} {time}").random()
    for name, chance in (FAULTS if what.startswith("score") else OTHER_FAULTS).items():
        drawn -= chance
        if drawn < 0:
            return name
    return ""
