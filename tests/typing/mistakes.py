"""
Mistakes that a type checker must find: each ignore names the one it expects, and an ignore that nothing needs is an
error (mypy's ``warn_unused_ignores``). Nothing here runs.
"""

from __future__ import annotations

from aioags import Client, Delivery, Endpoint, Gradebook, LineItem, Registration, Score

user = "6f1c"

# A misspelt name would clear the grade if it were ignored.
Score.graded(user, scor_given=83, score_maximum=100)  # type: ignore[call-arg]
Score.graded(user, 83, max_score=100)  # type: ignore[call-arg]
Score(user, "Completed", "FullyGraded", score_given=83, max_score=100)  # type: ignore[call-arg]
# A score says what it is out of.
Score.graded(user, 83)  # type: ignore[call-arg]
# Past the first arguments, keyword-only.
Score.graded(user, 83, 100)  # type: ignore[call-arg]
Score.graded(user, "83", score_maximum=100)  # type: ignore[arg-type]
Score.graded(user, None, score_maximum=100)  # type: ignore[arg-type]
# Progress has no value.
Score.progress(user, "Started", score_given=1)  # type: ignore[call-arg]
Score.cleared(user, score_given=0)  # type: ignore[call-arg]
Score.graded(user, 83, score_maximum=100).score_given = 84  # type: ignore[misc]
Score.graded(user, 83, score_maximum=100).score  # type: ignore[attr-defined]

LineItem("Quiz")  # type: ignore[call-arg]
LineItem("Quiz", 20, "https://lms.example.edu/1")  # type: ignore[call-arg]


async def wrong(
    ags: Client, gradebook: Gradebook, registration: Registration, claims: dict[str, object], quiz: LineItem
) -> None:
    # A launch may offer no grades: None must be looked at.
    ags.gradebook(registration, Endpoint.from_launch(claims))  # type: ignore[arg-type]
    # Nouns iterate, verbs await.
    for item in gradebook.line_items():  # type: ignore[attr-defined]
        print(item)
    await gradebook.find_or_create_line_item(label="Quiz", max_score=100, tag="quiz")  # type: ignore[call-arg]
    with Client():  # type: ignore[attr-defined]
        pass
    for result in gradebook.results():  # type: ignore[attr-defined]
        print(result)
    await gradebook.results()  # type: ignore[misc]
    await gradebook.post_score(Score.cleared(user), quiz)  # type: ignore[call-arg]
    # A plan is for one line item, and scores without it are not sent.
    await gradebook.plan([(quiz, Score.cleared(user))])  # type: ignore[list-item]
    await gradebook.plan([], last_sent=[Score.cleared(user)])  # type: ignore[arg-type]
    await (await gradebook.plan([])).apply(True)  # type: ignore[call-arg]
    await gradebook.post_score(user)  # type: ignore[arg-type]
    await gradebook.post_scores([user])  # type: ignore[arg-type]
    async with gradebook.post_scores([Score.cleared(user)]) as deliveries:
        async for delivery in deliveries:
            show(delivery.error.recorded)  # type: ignore[union-attr]
    result = await gradebook.get_result(user)
    show(result.result_score)  # type: ignore[union-attr]
    await gradebook.update_line_item(quiz.id)  # type: ignore[arg-type]


def show(fact: object) -> None:
    """
    Take anything.
    """


def delivered(delivery: Delivery) -> None:
    delivery.attempts = 2  # type: ignore[misc]
