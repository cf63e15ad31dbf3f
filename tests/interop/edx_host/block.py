"""
The block that a course has: Open edX's own LTI consumer, in a runtime as small as can be.
"""

from __future__ import annotations

from typing import Any

from lti_consumer.lti_xblock import LtiConsumerXBlock
from xblock.core import XBlockMixin
from xblock.fields import DateTime, Scope, ScopeIds, Timedelta
from xblock.runtime import DictKeyValueStore, KvsFieldData, MemoryIdManager, Runtime

from tests.interop.edx_host.edx_platform import PUBLISHED, do_nothing


class Dates(XBlockMixin):
    """
    What every block inherits from its course (edx-platform's ``InheritanceMixin``), as far as it is asked for.
    """

    due = DateTime(default=None, scope=Scope.settings)
    graceperiod = Timedelta(default=None, scope=Scope.settings)


class Rebinder:
    """
    The service ``rebind_user``.
    """

    rebind_noauth_module_to_user = staticmethod(do_nothing)


class Lms(Runtime):
    """
    A runtime that writes down which grades are published.
    """

    def publish(self, block: Any, event_type: str, event_data: dict[str, Any]) -> None:
        """
        Take an event; the LMS would put a grade into its gradebook.
        """
        PUBLISHED.append({"block": str(block.scope_ids.usage_id), "event": event_type, **event_data})

    def handler_url(self, *args: object, **options: object) -> str:
        """
        Nobody looks at the block in a browser.
        """
        return ""

    local_resource_url = resource_url = handler_url


def load(location: Any) -> LtiConsumerXBlock:
    """
    Make the graded block of a location.
    """
    ids = MemoryIdManager()
    runtime = Lms(ids, ids, mixins=(Dates,), services={"rebind_user": Rebinder()})
    fields = KvsFieldData(DictKeyValueStore())
    scope_ids = ScopeIds(None, "lti_consumer", location, location)
    block = runtime.construct_xblock_from_class(LtiConsumerXBlock, scope_ids, field_data=fields)
    block.has_score = True
    return block
