"""
What is asked of Open edX and of its profile, one thing after the other: the rules, and what breaks them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from joserfc.jwk import ECKey, RSAKey

from tests.interop.sides import FORM_TYPE, SCOPES, Step

CONTAINER_TYPE = "application/vnd.ims.lis.v2.lineitemcontainer+json"
ITEM_TYPE = "application/vnd.ims.lis.v2.lineitem+json"
SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"
RESULTS_TYPE = "application/vnd.ims.lis.v2.resultcontainer+json"

ITEM = "{item[0]}"  # on the link
UNBOUND = "{item[1]}"
UNGRADED = "{item[2]}"
NOWHERE = "{items}/999999"
OTHER_LINK = "block-v1:edX+AGS+2026+type@lti_consumer+block@other"
USERS = [str(UUID(int=number, version=4)) for number in range(1, 31)]
STRANGERS = [str(UUID(int=number, version=4)) for number in (0xFFFE, 0xFFFF)]


def grant(name: str, *, content_type: str = FORM_TYPE, **changes: Any) -> Step:
    """
    Ask for an access token.
    """
    return Step(f"token: {name}", "POST", "{token}", content_type=content_type, authorization=None, **changes)


def tokens() -> Iterator[Step]:
    """
    The token endpoint.
    """
    yield grant("all scopes")
    yield grant("in part", form={"scope": f"{SCOPES} https://example.org/x"})
    yield grant("none of the scopes", form={"scope": "https://example.org/x"})
    for name in ("grant_type", "client_assertion_type", "client_assertion", "scope"):
        yield grant(f"no {name}", form={name: None})
    yield grant("empty scope", form={"scope": ""})
    yield grant("other grant type", form={"grant_type": "password"})
    yield grant("other assertion type", form={"client_assertion_type": "x"})
    yield grant("other content type", content_type="application/json")
    yield grant("rubbish", form={"client_assertion": "rubbish"})
    yield grant("rubbish with dots", form={"client_assertion": "a.b.c"})
    yield grant("expired", assertion={"exp": -1})
    yield grant("exp a word", assertion={"exp": "tomorrow"})
    yield grant("iat ahead", assertion={"iat": 60})
    yield grant("nbf ahead", assertion={"nbf": 60})
    for name in ("iss", "aud", "iat", "exp", "jti", "sub"):
        yield grant(f"no {name} claim", assertion={name: None})
    for name in ("iss", "aud", "sub"):
        yield grant(f"other {name}", assertion={name: "x"})
    yield grant("list as aud", assertion={"aud": ["x"]})
    yield grant("other key", header={"key": RSAKey.generate_key(2048)})
    yield grant("ES256", header={"key": ECKey.generate_key("P-256"), "alg": "ES256"})
    yield grant("RS384", header={"alg": "RS384"})
    yield grant("RS512", header={"alg": "RS512"})
    yield grant("unknown kid", header={"kid": "x"})
    yield Step("token: GET", "GET", "{token}", authorization=None)


def listing(name: str, query: str = "", *, accept: str | None = CONTAINER_TYPE, **changes: Any) -> Step:
    """
    Ask for the line items.
    """
    return Step(f"list: {name}", "GET", "{items}" + query, accept=accept, **changes)


def access() -> Iterator[Step]:
    """
    Tokens and media types at the container, while there is nothing in it.
    """
    yield listing("empty")
    yield listing("no token", authorization=None)
    yield listing("Basic", authorization="Basic YTpi")
    yield listing("small bearer", authorization="bearer <token>")
    yield listing("Bearer alone", authorization="Bearer")
    yield listing("two words", authorization="Bearer a b")
    yield listing("bad token", authorization="Bearer rubbish")
    yield listing("bad token, wrong Accept", authorization="Bearer rubbish", accept="text/html")
    yield listing("no Accept", accept=None)
    for accept in ("*/*", "application/*", "application/json", ITEM_TYPE, f"{CONTAINER_TYPE}, */*;q=0.1"):
        yield listing(f"Accept {accept}", accept=accept)
    yield listing("slash", "/")
    yield Step("list: DELETE", "DELETE", "{items}", accept="*/*")


def make(name: str, fields: Any, *, makes: bool = True, **changes: Any) -> Step:
    """
    Ask for a new line item, with label and maximum unless the fields say otherwise.
    """
    body = {"label": "Quiz", "scoreMaximum": 10} | fields if isinstance(fields, dict) else fields
    headers = {"accept": ITEM_TYPE, "content_type": ITEM_TYPE} | changes
    return Step(f"create: {name}", "POST", "{items}", body, makes=makes, **headers)


def refused(name: str, fields: Any, **changes: Any) -> Step:
    """
    Ask for a line item that will not be made.
    """
    return make(name, fields, makes=False, **changes)


EXTRAS = {
    "gradesReleased": True,
    "submissionReview": {"reviewableStatus": ["Submitted"]},
    "https://example.org/x": 1,
    "odd": 2,
    "id": "x",
}


def creations() -> Iterator[Step]:
    """
    New line items.
    """
    yield make("on the link", {"resourceLinkId": "<link>", "resourceId": "r0", "tag": "t0"})
    yield make("resourceId alone", {"resourceId": "r1"})
    dates = {"startDateTime": "2026-01-01T00:00:00Z", "endDateTime": "2027-01-01T00:00:00.5+01:00"}
    yield make("all fields", {"resourceId": "r2", "tag": "t"} | dates | EXTRAS)
    yield make("link of another block", {"resourceLinkId": OTHER_LINK})
    for name, taken in (
        ("number as label", {"label": 7}),
        ("whole float as maximum", {"scoreMaximum": 60.0}),
        ("text as maximum", {"scoreMaximum": "60"}),
        ("maximum 0", {"scoreMaximum": 0}),
        ("maximum -1", {"scoreMaximum": -1}),
        ("number as resourceId", {"resourceId": 12}),
        ("long resourceId", {"resourceId": "x" * 256}),
        ("blank tag", {"tag": ""}),
        ("date without zone", {"startDateTime": "2026-01-01T00:00:00"}),
    ):
        yield make(name, {"resourceId": "r"} | taken)
    yield make("charset", {"resourceId": "r"}, content_type=f"{ITEM_TYPE}; charset=utf-8")
    yield from refusals()


def refusals() -> Iterator[Step]:
    """
    Line items that are not made.
    """
    yield refused("unbound", {})
    yield refused("nothing", b"{}")
    for name in ("label", "scoreMaximum", "resourceId", "tag", "resourceLinkId", "startDateTime"):
        yield refused(f"{name} null", {"resourceId": "r", name: None})
    for name in ("label", "resourceId", "resourceLinkId"):
        yield refused(f"{name} blank", {"resourceId": "r", name: " "})
    yield refused("list as label", {"resourceId": "r", "label": []})
    yield refused("long label", {"resourceId": "r", "label": "x" * 101})
    yield refused("long tag", {"resourceId": "r", "tag": "x" * 51})
    yield refused("maximum 60.5", {"resourceId": "r", "scoreMaximum": 60.5})
    yield refused("word as maximum", {"resourceId": "r", "scoreMaximum": "lots"})
    yield refused("unreadable link", {"resourceLinkId": "nowhere"})
    yield refused("word as date", {"resourceId": "r", "startDateTime": "soon"})
    yield refused("several faults", b'{"scoreMaximum": "x", "startDateTime": "soon"}')
    yield refused("no JSON", b"{")
    yield refused("list", b"[]")
    yield refused("no body", None)
    yield refused("JSON as type", {"resourceId": "r"}, content_type="application/json")
    yield refused("no type", {"resourceId": "r"}, content_type=None)
    yield refused("wrong Accept", {"resourceId": "r"}, accept="application/json")


def put(name: str, body: dict[str, Any], url: str = ITEM, **changes: Any) -> Step:
    """
    Ask for a change of a line item.
    """
    headers = {"accept": ITEM_TYPE, "content_type": ITEM_TYPE} | changes
    return Step(f"put: {name}", "PUT", url, {"label": "Quiz", "scoreMaximum": 10} | body, **headers)


def items() -> Iterator[Step]:
    """
    Line items found, read, changed and not deleted.
    """
    yield listing("all")
    for query in ("tag=t0", "tag=", "tag=none", "resource_id=r1", "resource_link_id={link}", "tag=t0&resource_id=r1"):
        yield listing(query, "?" + query)
    for query in ("resource_link_id=nowhere", "limit=1", "limit=x"):
        yield listing(query, "?" + query)
    for accept in (ITEM_TYPE, CONTAINER_TYPE, "*/*", "application/json", None):
        yield Step(f"get: Accept {accept}", "GET", ITEM, accept=accept)
    yield Step("get: unknown", "GET", NOWHERE, accept=ITEM_TYPE)
    yield Step("get: a word for a number", "GET", "{items}/word", accept=ITEM_TYPE)
    yield put(
        "everything", {"label": "Q2", "scoreMaximum": 20, "resourceLinkId": "<link>", "resourceId": "r", "tag": "t"}
    )
    yield put("less", {"resourceLinkId": "<link>"})
    yield put("without link", {"resourceId": "r0", "tag": "t0"})
    yield put("unbound", {})
    yield put("label null", {"label": None, "resourceId": "r0"})
    yield put("another link", {"resourceLinkId": OTHER_LINK}, "{item[4]}")
    yield put("blank tag", {"resourceId": "r", "tag": ""}, "{item[4]}")
    yield put("unknown", {"resourceId": "r0"}, NOWHERE)
    yield put("JSON as type", {"resourceId": "r0"}, content_type="application/json")
    yield Step("patch", "PATCH", ITEM, {"label": "Quiz", "resourceId": "r0"}, ITEM_TYPE, ITEM_TYPE)
    yield Step("delete", "DELETE", ITEM, accept="*/*")
    yield Step("delete: no Accept", "DELETE", ITEM)
    yield Step("delete: unknown", "DELETE", NOWHERE, accept="*/*")
    yield Step("POST to an item", "POST", ITEM, {}, ITEM_TYPE, ITEM_TYPE)


def stamp(seconds: int) -> str:
    """
    Write a timestamp so many seconds into 2026.
    """
    return f"2026-01-01T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.000Z"


def score(name: str, user: int, change: dict[str, Any] | None = None, *, later: int = 0, **options: Any) -> Step:
    """
    Post 8 of 10 points.

    Args:
        user: Whose, by number. Each has another time, so that results have an order.

        change: Fields to change; None takes one out.

        later: Seconds after this user's first score.
    """
    body: dict[str, Any] = {
        "userId": USERS[user],
        "timestamp": stamp(100 * user + later),
        "scoreGiven": 8,
        "scoreMaximum": 10,
        "activityProgress": "Completed",
        "gradingProgress": "FullyGraded",
    }
    for field, value in (change or {}).items():
        if value is ABSENT:
            del body[field]
        else:
            body[field] = value
    url = options.pop("url", ITEM) + "/scores"
    headers = {"content_type": SCORE_TYPE} | options
    return Step(f"score: {name}", "POST", url, **({"body": body} | headers))


ABSENT = object()
NO_POINTS = {"scoreGiven": ABSENT, "scoreMaximum": ABSENT}


def scores() -> Iterator[Step]:
    """
    Scores that follow one another, and of every kind.
    """
    yield score("graded", 0)
    yield score("same time", 0, {"scoreGiven": 9})
    yield score("older", 0, {"timestamp": "2025-12-31T23:59:59Z"})
    yield score("with a comment", 0, {"scoreGiven": 9.5, "comment": "Well done"}, later=1)
    yield score("without a comment", 0, later=2)
    yield score("a microsecond later", 0, {"timestamp": "2026-01-01T00:00:02.000001+00:00"})
    yield score("zero", 1, {"scoreGiven": 0})
    yield score("above the maximum", 2, {"scoreGiven": 12})
    yield score("on another scale", 3, {"scoreGiven": 1, "scoreMaximum": 2})
    yield score("pending", 4, {"gradingProgress": "Pending"})
    yield score("started", 5, NO_POINTS | {"activityProgress": "Started", "gradingProgress": "NotReady"})
    yield score("graded without points", 6, NO_POINTS)
    yield score("points null", 6, {"scoreGiven": None}, later=1)
    yield score("cleared", 3, NO_POINTS | {"activityProgress": "Initialized", "gradingProgress": "NotReady"}, later=1)
    yield score("final and cleared", 2, NO_POINTS, later=1)
    yield score("blank comment", 7, {"comment": ""})
    yield score("comment null", 7, {"comment": None}, later=1)
    yield score("number as comment", 7, {"comment": 7}, later=2)
    extras = {"https://example.org/x": 1, "odd": 2, "scoringUserId": "teacher", "submission": {"startedAt": stamp(0)}}
    yield score("extras", 7, extras, later=3)
    yield score("stamp with an offset", 8, {"timestamp": "2026-01-01T02:00:00.5+02:00"})
    yield score("stamp without a zone", 9, {"timestamp": "2026-01-01T00:20:00"})
    yield score("stamp in whole seconds", 9, {"timestamp": "2026-01-01T00:20:01Z"})
    yield score("a date as stamp", 9, {"timestamp": "2026-01-02"})
    yield score("number as user", 10, {"userId": 7, "gradingProgress": "Pending"})
    yield score("text as points", 11, {"scoreGiven": "8"})
    yield score("maximum alone", 12, {"scoreGiven": ABSENT})
    yield score("maximum 0 alone", 13, {"scoreGiven": ABSENT, "scoreMaximum": 0})
    yield score("to an unbound item", 14, url=UNBOUND)
    yield score("a stranger, to an unbound item", 14, {"userId": STRANGERS[0]}, url=UNBOUND, later=1)
    yield score("a stranger, pending", 14, {"userId": STRANGERS[0], "gradingProgress": "Pending"}, later=2)
    yield score("JSON as type", 15, content_type="application/json")
    yield score("no type", 15, content_type=None, later=1)
    yield score("wrong Accept", 15, accept="text/html", later=2)
    yield from bad_scores()


def bad_scores() -> Iterator[Step]:
    """
    Scores that are refused, or too much for Open edX.
    """
    for field in ("userId", "timestamp", "activityProgress", "gradingProgress"):
        yield score(f"no {field}", 20, {field: ABSENT})
        yield score(f"{field} null", 20, {field: None})
        yield score(f"odd {field}", 20, {field: "Odd"})
    yield score("blank user", 20, {"userId": ""})
    yield score("a stranger", 20, {"userId": STRANGERS[1]})
    for value in (ABSENT, None, 0, -1):
        shown = "absent" if value is ABSENT else value
        yield score(f"maximum {shown}", 20, {"scoreMaximum": value})
    yield score("below zero", 20, {"scoreGiven": -1})
    yield score("word as points", 20, {"scoreGiven": "lots"})
    yield score("several faults", 20, body={"timestamp": "now"})
    yield score("no JSON", 20, body=b"{")
    yield score("list", 20, body=[])
    yield score("unknown item", 20, url=NOWHERE)
    yield score("two slashes", 20, url=ITEM + "/")
    yield Step("score: GET", "GET", ITEM + "/scores", accept=SCORE_TYPE)


def results(name: str, tail: str = "", url: str = ITEM, accept: str = RESULTS_TYPE) -> Step:
    """
    Ask for results.
    """
    return Step(f"results: {name}", "GET", f"{url}/results{tail}", accept=accept)


def readings() -> Iterator[Step]:
    """
    Results.
    """
    yield results("all")
    yield results("wrong Accept", accept="text/html")
    for limit in ("1", "0", "-1", "x", ""):
        yield results(f"limit={limit}", f"?limit={limit}")
    yield results("user_id", f"?user_id={USERS[0]}")
    yield results("one user", f"/{USERS[0]}")
    yield results("an unknown user", "/nobody")
    yield results("a user with a dot", "/a.b")
    yield results("slash", "/")
    yield results("none yet", url=UNGRADED)
    yield results("unbound item", url=UNBOUND)
    yield results("unknown item", url=NOWHERE)
    yield Step("results: POST", "POST", ITEM + "/results", {}, RESULTS_TYPE, RESULTS_TYPE)


SCRIPT = [*tokens(), *access(), *creations(), *items(), *scores(), *readings()]
