"""
What a test can see and do beside the LTI services.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from lti_consumer.models import Lti1p3Passport

from tests.interop.edx_host import edx_platform


def published(request: HttpRequest) -> HttpResponse:
    """
    List the grades that reached the LMS's gradebook, in order.
    """
    return JsonResponse(edx_platform.PUBLISHED, safe=False)


def new_key(request: HttpRequest) -> HttpResponse:
    """
    Give the platform a new key for its access tokens, so that every token in use is bad.
    """
    Lti1p3Passport.objects.update(lti_1p3_internal_private_key="", lti_1p3_internal_public_jwk="")
    return HttpResponse(status=204)
