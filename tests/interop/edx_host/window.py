"""
What a test can do and see beside the LTI services, as a course's author and as a teacher would.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.http import HttpRequest, HttpResponse, JsonResponse
from lti_consumer.models import Lti1p3Passport, LtiConfiguration
from lti_consumer.utils import get_lms_lti_access_token_link
from opaque_keys.edx.keys import UsageKey

from tests.interop.edx_host.edx_platform import ACCOUNTS, PUBLISHED

COURSE = "block-v1:edX+AGS+2026+type@lti_consumer+block@"


def add_block(request: HttpRequest) -> HttpResponse:
    """
    Put a block of the tool into the course, and say what a launch of it would say.

    The parameter ``mode`` is Open edX's: ``programmatic`` lets the tool make line items, ``declarative`` does not.
    """
    passport = Lti1p3Passport.objects.get()
    configuration = LtiConfiguration.objects.create(
        version=LtiConfiguration.LTI_1P3,
        config_store=LtiConfiguration.CONFIG_ON_DB,
        location=UsageKey.from_string(COURSE + uuid4().hex),
        lti_1p3_passport=passport,
        lti_advantage_ags_mode=request.GET["mode"],
    )
    return JsonResponse(_told(passport, configuration))


def _told(passport: Lti1p3Passport, configuration: LtiConfiguration) -> dict[str, Any]:
    consumer = configuration.get_lti_consumer()
    (claim,) = consumer.ags.get_lti_ags_launch_claim().values()
    return {
        "issuer": consumer.iss,
        "client_id": passport.lti_1p3_client_id,
        "token_url": get_lms_lti_access_token_link(passport.passport_id),
        "endpoint": claim,
        "link_id": str(configuration.location),
        "users": list(ACCOUNTS),
    }


def published(request: HttpRequest) -> HttpResponse:
    """
    List the grades of the block ``link_id`` that reached the LMS's gradebook, in order: user id and points.
    """
    users = {number: user for user, number in ACCOUNTS.items()}
    found = [event for event in PUBLISHED if event["block"] == request.GET["link_id"]]
    return JsonResponse([[users[event["user_id"]], event["value"], event["max_value"]] for event in found], safe=False)


def new_key(request: HttpRequest) -> HttpResponse:
    """
    Give the platform another key to sign access tokens with, so that no token in use is good any longer.
    """
    set_key(Lti1p3Passport.objects.get())
    return HttpResponse(status=204)


def set_key(passport: Lti1p3Passport) -> None:
    """
    Make the platform a key pair.

    Open edX parses the key with every request; one of its usual length would take most of a test's time.
    """
    key = rsa.generate_private_key(65537, 1024)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    passport.lti_1p3_internal_private_key = key.private_bytes(*form).decode()
    passport.lti_1p3_internal_public_jwk = ""
    passport.save()
