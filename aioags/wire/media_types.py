"""
Media types of the standard (AGS 3.2, 3.3, 3.4, NRPS 2.2). Moodle wants each exactly: no list, no ``;q=``, no ``*/*``.
"""

LINE_ITEM = "application/vnd.ims.lis.v2.lineitem+json"
LINE_ITEM_CONTAINER = "application/vnd.ims.lis.v2.lineitemcontainer+json"
RESULT_CONTAINER = "application/vnd.ims.lis.v2.resultcontainer+json"
SCORE = "application/vnd.ims.lis.v1.score+json"
MEMBERS = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
