"""
Stand-ins for what the LTI consumer imports from edx-platform, which is no package that can be installed.

The host supplies, as edx-platform does, a place where blocks are found, the people behind external user ids, flags, and
a gradebook to publish to. The block is Open edX's own `LtiConsumerXBlock`.
"""

from __future__ import annotations

import sys
import types
from typing import Any

PUBLISHED: list[dict[str, Any]] = []


class CourseWaffleFlag:
    """
    ``openedx.core.djangoapps.waffle_utils``: a switch, off.
    """

    def __init__(self, name: str, module: str) -> None: ...

    def is_enabled(self, course_key: object = None) -> bool:
        return False


class ExternalId:
    """
    ``openedx.core.djangoapps.external_user_ids.models``: whom a tool means by a launch's ``sub``.

    Attributes:
        objects: Finds people.

        user: The account.
    """

    class DoesNotExist(Exception):
        """
        Nobody has this id.
        """

    @property
    def objects():
        pass
