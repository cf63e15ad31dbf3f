"""
Names that the standards give: claims, message types, roles; and those of Canvas.
"""

LTI = "https://purl.imsglobal.org/spec/lti/claim/"
AGS_CLAIM = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
NRPS_CLAIM = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
DL = "https://purl.imsglobal.org/spec/lti-dl/claim/"
DEEP_LINKING_CLAIM = DL + "deep_linking_settings"

RESOURCE_LINK = "LtiResourceLinkRequest"
DEEP_LINKING = "LtiDeepLinkingRequest"
SUBMISSION_REVIEW = "LtiSubmissionReviewRequest"
DEEP_LINKING_RESPONSE = "LtiDeepLinkingResponse"
VERSION = "1.3.0"

ROLES = {
    "Learner": "http://purl.imsglobal.org/vocab/lis/v2/membership#Learner",
    "Instructor": "http://purl.imsglobal.org/vocab/lis/v2/membership#Instructor",
    "TeachingAssistant": "http://purl.imsglobal.org/vocab/lis/v2/membership/Instructor#TeachingAssistant",
    "Mentor": "http://purl.imsglobal.org/vocab/lis/v2/membership#Mentor",
    "ContentDeveloper": "http://purl.imsglobal.org/vocab/lis/v2/membership#ContentDeveloper",
    "TestUser": "http://purl.imsglobal.org/vocab/lti/system/person#TestUser",
}

# Of Canvas, in scores, line items and results.
CANVAS_SUBMISSION_TYPE = "https://canvas.instructure.com/lti/submission_type"
CANVAS_LAUNCH_URL = "https://canvas.instructure.com/lti/launch_url"

# The gradebook of LTI 1.1, as a claim.
BASIC_OUTCOME_CLAIM = "https://purl.imsglobal.org/spec/lti-bo/claim/basicoutcome"
