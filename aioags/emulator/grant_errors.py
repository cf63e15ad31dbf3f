"""
What a refused grant looks like, platform by platform.
"""

from __future__ import annotations

from typing import Any

from aioags.emulator.messages import Answer, json_answer
from aioags.emulator.refusals import GrantRefusal
from aioags.emulator.site import Site

NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))


def answer(site: Site, refusal: GrantRefusal) -> Answer:
    """
    Build the answer to a token request that is refused, in the profile's shape.
    """
    body = {"error": refusal.error, "error_description": refusal.description, "spec": refusal.spec}
    return json_answer(400, body, headers=NO_STORE)


def moodle_json(members: dict[str, Any]) -> bytes:
    """
    Write an object the way Moodle's token endpoint does: two blanks, a blank on both sides of the colon.
    """
    raise NotImplementedError
