"""
The launches of the certification suite, one by one, by the names that tools have published of them: those that must be
refused (CERT 6.1.1), and those of a teacher and of a learner that must be taken (CERT 6.1.2, 6.1.3).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aioags.errors import IdTokenRefusedError
from tests.fakes import HOST
from tests.launch.paper_lms import GONE, LEARNER, LTI, PaperLMS

LIS = "http://purl.imsglobal.org/vocab/lis/v2"
TEACHER = f"{LIS}/membership#Instructor"
NAMES = ("name", "given_name", "family_name", "middle_name", "picture")
# What the suite tells of a person, and what it says besides.
EVERYTHING: dict[str, Any] = {
    "name": "Ada Maria Abe",
    "given_name": "Ada",
    "family_name": "Abe",
    "middle_name": "Maria",
    "picture": f"{HOST}/ada.jpg",
    "email": "ada@school.example",
    "locale": "en-US",
    LTI + "tool_platform": {"guid": "1", "name": "Suite", "version": "1.0", "product_family_code": "suite"},
    LTI + "launch_presentation": {"document_target": "iframe", "width": 320, "height": 240, "return_url": HOST},
    LTI + "lis": {"person_sourcedid": "p1", "course_section_sourcedid": "c1"},
    LTI + "role_scope_mentor": ["user-7"],
    "https://www.example.com/extension": {"color": "violet"},
}

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "No KID Sent in JWT header": ({"header": {"kid": GONE}}, "kid"),
    "Incorrect KID in JWT header": ({"header": {"kid": "imstester_66067"}}, "kid"),
    "Wrong LTI Version": ({"version": "11.3"}, "version"),
    "No LTI Version": ({"version": GONE}, "version"),
    "Missing LTI Claims": (dict.fromkeys(["aud", "iss", "sub", "deployment_id", "roles"], GONE), "iss"),
    "Timestamps Incorrect": ({"iat": 11111, "exp": 22222}, "exp"),
    "message_type Claim Missing": ({"message_type": GONE}, "message_type"),
    "role Claim Missing": ({"roles": GONE}, "roles"),
    "deployment_id Claim Missing": ({"deployment_id": GONE}, "deployment_id"),
    "resource_link_id Claim Missing": ({"resource_link": {"title": "no id"}}, "resource_link"),
    "user Claim Missing": ({"sub": GONE}, "sub"),
}


@pytest.mark.parametrize("role", [TEACHER, LEARNER], ids=["teacher", "learner"])
@pytest.mark.parametrize("changes, reason", BAD.values(), ids=BAD)
async def test_a_launch_that_must_be_refused(changes: dict[str, Any], reason: str, role: str) -> None:
    with pytest.raises(IdTokenRefusedError) as caught:
        await PaperLMS().launch(**{**EVERYTHING, "roles": [role], **changes})
    assert caught.value.reason == reason


# "No role" is an array of one empty text (seen in the suite's launch of a learner), or an empty one.
ROLES: dict[str, Callable[[str], list[str]]] = {
    "as Instructor, as Student": lambda own: [own],
    "with Multiple Role Values": lambda own: [own, f"{LIS}/institution/person#Student", f"{LIS}/membership#Mentor"],
    "with Short Role Value": lambda own: [own.partition("#")[2]],
    "with Unknown Role": lambda own: [own, f"{LIS}/uknownrole/unknown#Unknown"],
    "With No Role": lambda own: [""],
    "With No Role, an empty array": lambda own: [],
}


@pytest.mark.parametrize("own", [TEACHER, LEARNER], ids=["teacher", "learner"])
@pytest.mark.parametrize("kind", ROLES)
async def test_a_launch_with_roles_that_must_be_taken(kind: str, own: str) -> None:
    launch = await PaperLMS().launch(**{**EVERYTHING, "roles": ROLES[kind](own)})
    assert launch.user_id == "user-1"
    other = {TEACHER: "Learner", LEARNER: "Instructor"}[own]
    assert launch.has_role(own) == (not kind.startswith("With No Role"))
    assert not launch.has_role(other)


LESS: dict[str, tuple[str, ...]] = {
    "Only Email": NAMES,
    "Only Names": ("email",),
    "No PII": (*NAMES, "email"),
    "With Email No Context": (*NAMES, "context"),
    "Only Resource Link": (*NAMES, "email", "context", "custom"),
}


@pytest.mark.parametrize("own", [TEACHER, LEARNER], ids=["teacher", "learner"])
@pytest.mark.parametrize(
    "absent",
    LESS.values(),
    ids=LESS,
)
async def test_a_launch_that_tells_less_must_be_taken(absent: tuple[str, ...], own: str) -> None:
    launch = await PaperLMS().launch(**{**EVERYTHING, "roles": [own], **dict.fromkeys(absent, GONE)})
    assert launch.user_id == "user-1"
    assert launch.resource_link is not None
    assert launch.has_role(own)
    assert (launch.name is None, launch.email is None, launch.context is None) == (
        "name" in absent,
        "email" in absent,
        "context" in absent,
    )


def test_the_page_has_a_line_for_each() -> None:
    page = (Path(__file__).parents[2] / "docs" / "certification.md").read_text(encoding="utf-8")
    lines = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
    for name in [*BAD, *LESS, *(kind for kind in ROLES if kind != "With No Role, an empty array")]:
        assert any(line.endswith(name) or line.startswith(f"{name}:") for line in lines), name
