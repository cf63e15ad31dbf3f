"""
Serve Open edX's LTI consumer until the standard input ends; the one line on the standard output is the URL.

``EDX_HOST_DATABASE`` names the SQLite file to make, ``EDX_HOST_TOOL_KEY`` holds the tool's public key as PEM.
"""

from __future__ import annotations

import os
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

from tests.interop.wsgi import serve


def open_lms(url: str) -> Any:
    """
    Agree on keys with the tool.
    """
    from lti_consumer.models import Lti1p3Passport

    from tests.interop.edx_host.window import set_key

    settings.LMS_ROOT_URL = url
    set_key(Lti1p3Passport(lti_1p3_tool_public_key=os.environ["EDX_HOST_TOOL_KEY"]))
    return get_wsgi_application()


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.interop.edx_host.settings"
    django.setup()
    call_command("migrate", verbosity=0)
    serve(open_lms)
