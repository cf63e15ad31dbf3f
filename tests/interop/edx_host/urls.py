"""
The LTI consumer where edx-platform's LMS has it, and the test's window.
"""

from __future__ import annotations

from django.urls import include, path

from tests.interop.edx_host import window

urlpatterns = [
    path("api/", include("lti_consumer.plugin.urls", namespace="lti_consumer")),
    path("host/add_block", window.add_block),
    path("host/published", window.published),
    path("host/new_key", window.new_key),
]
