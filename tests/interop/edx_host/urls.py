"""
Where edx-platform's LMS puts the LTI consumer, and a window for the tests.
"""

from __future__ import annotations

from django.urls import include, path

from tests.interop.edx_host import window

urlpatterns = [
    path("api/", include("lti_consumer.plugin.urls", namespace="lti_consumer")),
    path("host/published", window.published),
    path("host/new_key", window.new_key),
]
