"""
Stand-ins for what the LTI consumer imports from edx-platform, which cannot be installed as a package.

The host supplies, as edx-platform does: a place where blocks are found, the people behind external user ids, flags, and
a gradebook to publish to. The block itself is Open edX's own `LtiConsumerXBlock`.
"""

from __future__ import annotations

import sys
import types
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

# External user id (a launch's sub): number of the account.
ACCOUNTS = {str(UUID(int=number, version=4)): number for number in range(1, 31)}
# What reached the gradebook, in order.
PUBLISHED: list[dict[str, Any]] = []


class CourseWaffleFlag:
    """
    ``openedx.core.djangoapps.waffle_utils``: a switch, off.
    """

    def __init__(self, name: str, module: str) -> None: ...

    def is_enabled(self, course_key: object = None) -> bool:
        """
        Say no.
        """
        return False


class ExternalId:
    """
    ``openedx.core.djangoapps.external_user_ids.models``: whose a launch's ``sub`` is.
    """

    class DoesNotExist(Exception):
        """
        Nobody has this id.
        """

    class objects:
        """
        Where ids are looked up.
        """

        @staticmethod
        def get(*, external_user_id: str, external_id_type__name: str) -> types.SimpleNamespace:
            """
            Find the account of an id, which must be a UUID: the model's column is one.
            """
            try:
                UUID(external_user_id)
            except ValueError as error:
                raise ValidationError(str(error)) from error
            if external_user_id not in ACCOUNTS:
                raise ExternalId.DoesNotExist
            return types.SimpleNamespace(user=types.SimpleNamespace(id=ACCOUNTS[external_user_id]))


class ModuleStore:
    """
    ``xmodule.modulestore.django``: finds the blocks of courses.
    """

    def get_item(self, location: Any) -> Any:
        """
        Make the block that every location has: an LTI consumer that is graded.
        """
        from tests.interop.edx_host import block

        return block.load(location)


def do_nothing(*args: object, **options: object) -> None:
    """
    Bind a block to a person, which the stand-in block needs not.
    """


STAND_INS: dict[str, dict[str, object]] = {
    "openedx.core.djangoapps.waffle_utils": {"CourseWaffleFlag": CourseWaffleFlag},
    "openedx.core.djangoapps.external_user_ids.models": {"ExternalId": ExternalId},
    # Blocks of content libraries, of which there are none.
    "openedx.core.djangoapps.xblock.api": {},
    "xmodule.modulestore.django": {"modulestore": ModuleStore},
    "lms.djangoapps.courseware.block_render": {"get_block_for_descriptor": do_nothing},
}


def install() -> None:
    """
    Let the stand-ins be imported under edx-platform's names.
    """
    for name, members in STAND_INS.items():
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            package = sys.modules.setdefault(".".join(parts[:depth]), types.ModuleType(".".join(parts[:depth])))
            # Else a module that is not here would be an error other than "not found".
            package.__path__ = []
        vars(sys.modules[name]).update(members)
