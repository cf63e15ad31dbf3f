"""
Settings of a Django project that serves nothing but Open edX's LTI consumer.
"""

from __future__ import annotations

import os

from tests.interop.edx_host import edx_platform

# Before Django loads the applications: some of them ask for edx-platform while they are imported.
edx_platform.install()

SECRET_KEY = "no secrets here"
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "tests.interop.edx_host.urls"
# As in edx-platform's lms/envs/common.py.
USAGE_ID_PATTERN = r"(?P<usage_id>(?:i4x://?[^/]+/[^/]+/[^/]+/[^@]+(?:@[^/]+)?)|(?:[^/]+))"
# Where launches say that the services are; known once the server has its port.
LMS_ROOT_URL = ""
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "config_models", "lti_consumer"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["EDX_HOST_DATABASE"],
        # As edx-platform has it.
        "ATOMIC_REQUESTS": True,
        "OPTIONS": {"init_command": "PRAGMA synchronous=OFF"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
LOGGING_CONFIG = None
