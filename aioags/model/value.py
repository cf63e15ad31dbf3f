"""
Values that are made for every call.

To freeze an instance costs more than half of making it. So what this package makes itself, for each score, is frozen
for the type checkers, which refuse an assignment here and in users' code, and not at run time. What callers make and
hand in stays frozen altogether (docs/adr/0131).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

__all__ = ["value"]

if TYPE_CHECKING:
    from attrs import frozen as value
else:

    def value(cls: Any) -> Any:
        """
        Make a class of values: compared and hashed by their fields, and never assigned to.
        """
        return attrs.define(cls, unsafe_hash=True)
