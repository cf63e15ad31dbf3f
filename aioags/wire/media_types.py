"""
Media types of the standard (AGS 3.2, 3.3, 3.4). Moodle wants each exactly: no list, no ``;q=``, no ``*/*``.
"""

LINE_ITEM = "application/vnd.ims.lis.v2.lineitem+json"
LINE_ITEM_CONTAINER = "application/vnd.ims.lis.v2.lineitemcontainer+json"
RESULT_CONTAINER = "application/vnd.ims.lis.v2.resultcontainer+json"
SCORE = "application/vnd.ims.lis.v1.score+json"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
