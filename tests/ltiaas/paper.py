"""
LTIAAS on paper: what it will say, and what it was sent.
"""

from __future__ import annotations

from typing import Any

from aioags import Gradebook
from aioags.ltiaas import Account
from tests.fakes import Answer, PaperPlatform, answer

BASE = "https://your.ltiaas.example"
API_KEY = "df06d55e-3b0f-4121-b60f-c39469b5b550"
LTIK = "eyJhbGciOiJIUzI1NiJ9.bHRpaw.c2lnbmF0dXJl"
SERVICE_KEY = "eyJhbGciOiJIUzI1NiJ9.c2VydmljZQ.a2V5"
# Moodle's: it holds what must be encoded.
ITEM = "https://lms.example/mod/lti/services.php/2/lineitems/7/lineitem?type_id=1&x=a%2Fb"
ENCODED = (
    "https%3A%2F%2Flms.example%2Fmod%2Flti%2Fservices.php%2F2%2Flineitems%2F7%2Flineitem%3Ftype_id%3D1%26x%3Da%252Fb"
)


def on_paper(*script: Answer) -> tuple[PaperPlatform, Account[Gradebook]]:
    """
    Return a paper platform that answers from a script, and an account there.
    """
    paper = PaperPlatform(list(script))
    return paper, paper.client().ltiaas(BASE, API_KEY)


def gradebook_on_paper(*script: Answer, **arguments: Any) -> tuple[PaperPlatform, Gradebook]:
    """
    Return a paper platform and a gradebook, let in by an ltik unless the arguments say otherwise.
    """
    paper, account = on_paper(*script)
    return paper, account.gradebook(**(arguments or {"ltik": LTIK, "line_item": ITEM}))


def page(field: str, *records: Any, **more: Any) -> Answer:
    """
    Return an answer that carries one page.
    """
    return answer(200, {field: list(records), **more})


def item_record(**changes: Any) -> dict[str, Any]:
    """
    Return a line item as LTIAAS writes it.
    """
    return {"id": ITEM, "label": "Quiz 1", "scoreMaximum": 10, "resourceId": "quiz-1", "tag": "grade"} | changes
