"""
The platform's back door, as JSON over HTTP, for tests in any language: look in, be the teacher, make things fail.

It lies under ``/control``, needs no token, and is not recorded. What changes something needs the Content-Type
``application/json``: a page in a browser cannot send that to another origin unasked. Nor can it make this origin its
own by DNS: the name of the host is looked at first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from aioags.emulator.platform import Platform
from aioags.emulator.profiles.sharing import check_privacy
from aioags.emulator.refusals import Refusal
from aioags.emulator.site.hosts import HostError, check_host
from aioags.emulator.traffic.exchanges import describe
from aioags.emulator.traffic.faults import Active, Fault
from aioags.emulator.traffic.throttle import Quota
from aioags.emulator.wire.messages import Answer, Asked, json_answer
from aioags.protocol.messages import Request

ROOT = "/control"


class ControlError(Exception):
    """
    A control request cannot be done; the text says why.
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


def answer(platform: Platform, request: Request) -> Answer | None:
    """
    Answer a request of the back door; None: it is for the platform itself.
    """
    # Most requests are a tool's: they are not taken apart here.
    if ROOT not in request.url:
        return None
    asked = Asked(request)
    if asked.path != ROOT and not asked.path.startswith(ROOT + "/"):
        return None
    done = _answer(platform, asked)
    if asked.method != "GET":
        platform.touch()
    return done


def _answer(platform: Platform, asked: Asked) -> Answer:
    try:
        check_host(platform.site, asked)
        return json_answer(200, _done(platform, asked))
    except HostError as error:
        return json_answer(403, {"error": str(error)})
    except ControlError as error:
        return json_answer(error.status, {"error": str(error)})
    except (LookupError, ValueError, TypeError, Refusal) as error:
        return json_answer(400, {"error": str(error)})


def _done(platform: Platform, asked: Asked) -> Any:
    name = asked.path.removeprefix(ROOT).strip("/")
    name, _, rest = name.partition("/")
    methods = ROUTES.get(name)
    if methods is None or (rest and name != "faults"):
        raise ControlError(f"there is nothing at {asked.path}; {ROOT} lists what there is", 404)
    if asked.method not in methods:
        raise ControlError(f"{asked.method} is not possible here; {', '.join(methods)} is", 405)
    arguments = dict(asked.query)
    if rest:
        arguments["number"] = rest
    if asked.method == "POST":
        arguments |= _body(asked)
    return methods[asked.method](platform, arguments)


def _body(asked: Asked) -> dict[str, Any]:
    if asked.content_type != "application/json":
        raise ControlError("send Content-Type: application/json", 415)
    value = asked.json()
    if not isinstance(value, dict):
        raise ControlError("the body must be a JSON object")
    return value


def summary(platform: Platform) -> dict[str, Any]:
    """
    Build what a tool and its tests need to know: registration, AGS claim, profile, counts, where to ask for more.
    """
    return {
        "profile": platform.profile.name,
        "basis": platform.profile.basis,
        **platform.registration_args(),
        "endpoint": platform.endpoint_claim(),
        "control_url": platform.base_url + ROOT,
        "counts": dict(platform.counts),
        "token_requests": platform.tokens.requests,
        "routes": {f"{ROOT}/{name}".rstrip("/"): list(methods) for name, methods in ROUTES.items()},
    }


def _summary(platform: Platform, arguments: dict[str, Any]) -> Any:
    return summary(platform)


def _people(platform: Platform, arguments: dict[str, Any]) -> Any:
    return [attrs.asdict(person) for person in platform.course.people.values()]


def _enroll(platform: Platform, arguments: dict[str, Any]) -> Any:
    take = _Taking(arguments)
    user_id, name, role = take("user_id", str), take("name", str, ""), take("role", str, "Learner")
    active = take("active", bool, True)
    take.end()
    person = platform.course.enroll(user_id, name, role)
    person.active = active
    return attrs.asdict(person)


def _line_items(platform: Platform, arguments: dict[str, Any]) -> Any:
    return platform.line_items()


def _add_line_item(platform: Platform, arguments: dict[str, Any]) -> Any:
    take = _Taking(arguments)
    link_id = take("resource_link_id", str, None)
    if link_id is not None and link_id not in platform.course.links:
        raise ControlError(f"there is no resource link {link_id!r}")
    link = platform.course.links[link_id] if link_id is not None else None
    label, maximum = take("label", str), take("score_maximum", float)
    resource_id, tag = take("resource_id", str, None), take("tag", str, None)
    take.end()
    item = platform.add_line_item(label, maximum, link=link, resource_id=resource_id, tag=tag)
    return {"id": platform.site.item_url(item)}


def _grades(platform: Platform, arguments: dict[str, Any]) -> Any:
    take = _Taking(arguments)
    ref, user = take("line_item", object, None), take("user_id", str, None)
    take.end()
    items = [platform.item(_ref(ref))] if ref is not None else [platform.item(one) for one in platform.line_items()]
    return [
        _grade(platform, item.number, user_id)
        for item in items
        for user_id in item.grades
        if user is None or user == user_id
    ]


def _grade(platform: Platform, number: int, user_id: str) -> dict[str, Any]:
    item = platform.item(number)
    grade = platform.grade(item, user_id)
    return {
        "line_item": platform.site.item_url(item),
        "result": platform.result(item, user_id),
        "score": grade.statement,
        # Not deeper: the scores in it are JSON already, and nested as the tool likes.
        **attrs.asdict(grade, recurse=False, filter=attrs.filters.exclude("statement")),
        "attempts": [attrs.asdict(attempt, recurse=False) for attempt in grade.attempts],
        "override": attrs.asdict(grade.override) if grade.override is not None else None,
    }


def _override(platform: Platform, arguments: dict[str, Any]) -> Any:
    take = _Taking(arguments)
    item, user = platform.item(_ref(take("line_item", object, None))), take("user_id", str)
    points, comment = take("points", float, None), take("comment", str, None)
    take.end()
    platform.override(item, user, points, comment=comment)
    return _grade(platform, item.number, user)


def _release(platform: Platform, arguments: dict[str, Any]) -> Any:
    take = _Taking(arguments)
    item, user = platform.item(_ref(take("line_item", object, None))), take("user_id", str)
    take.end()
    platform.release_override(item, user)
    return _grade(platform, item.number, user)


def _lock(platform: Platform, arguments: dict[str, Any]) -> Any:
    take = _Taking(arguments)
    item, user = platform.item(_ref(take("line_item", object, None))), take("user_id", str, None)
    locked = take("locked", bool, True)
    take.end()
    platform.lock(item, user, locked=locked)
    return {"locked": locked}


def _ref(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _requests(platform: Platform, arguments: dict[str, Any]) -> Any:
    take = _Taking(arguments)
    after, operation = int(take("after", object, 0)), take("operation", str, None)
    take.end()
    chosen = (one for one in platform.requests if one.number > after)
    return [describe(one) for one in chosen if operation is None or one.operation == operation]


def _launch(platform: Platform, arguments: dict[str, Any]) -> Any:
    take = _Taking(arguments)
    user = take("user_id", str, None)
    take.end()
    people = platform.users()
    if user is None and not people:
        raise ControlError("the course has no people: name one with user_id")
    return platform.launch_claims(people[0] if user is None else user)


def _connect(platform: Platform, arguments: dict[str, Any]) -> Any:
    take = _Taking(arguments)
    login_url, redirect_uri = take("login_url", str), take("redirect_uri", str)
    target_link_uri = take("target_link_uri", str, None)
    take.end()
    platform.launches.connect(login_url=login_url, redirect_uri=redirect_uri, target_link_uri=target_link_uri)
    return {"page_url": platform.launches.page_url}


def _keys(platform: Platform, arguments: dict[str, Any]) -> Any:
    tool = platform.tool
    known = tool.key_set.keys if tool.key_set is not None else []
    return {
        "owned_by_tool": tool.owns_keys,
        "jwks_url": tool.jwks_url,
        "kids": [key.kid for key in known],
        "trouble": tool.key_trouble,
    }


def _register_keys(platform: Platform, arguments: dict[str, Any]) -> Any:
    take = _Taking(arguments)
    jwks_url, public_keys = take("jwks_url", str, None), take("public_key", object, None)
    take.end()
    if public_keys is not None and not isinstance(public_keys, str | dict):
        raise ControlError("public_key must be PEM text, a JWK or a key set")
    platform.register_keys(jwks_url=jwks_url, public_keys=public_keys)
    return _keys(platform, {})


def _faults(platform: Platform, arguments: dict[str, Any]) -> Any:
    return [describe_fault(active) for active in platform.faults]


def describe_fault(active: Active) -> dict[str, Any]:
    """
    Write a fault and what it did as JSON.
    """
    fault = attrs.asdict(active.fault)
    fault |= {"body": active.fault.body.decode("utf-8", "replace"), "headers": dict(active.fault.headers)}
    return {"number": active.number, "matched": active.matched, "happened": active.happened, **fault}


def _add_fault(platform: Platform, arguments: dict[str, Any]) -> Any:
    take = _Taking(arguments)
    given = {name: take(name, kind) for name, kind in FAULT_FIELDS.items() if arguments.get(name) is not None}
    if "effect" not in given:
        raise ControlError("effect is missing")
    take.end()
    if "body" in given:
        given["body"] = given["body"].encode()
    given["headers"] = tuple((str(name), str(value)) for name, value in given.get("headers", {}).items())
    return {"number": platform.faults.add(Fault(**given))}


def _end_faults(platform: Platform, arguments: dict[str, Any]) -> Any:
    if "number" not in arguments:
        platform.faults.clear()
    elif not arguments["number"].isdecimal() or not platform.faults.remove(int(arguments["number"])):
        raise ControlError(f"there is no fault {arguments['number']}", 404)
    return _faults(platform, {})


def _settings(platform: Platform, arguments: dict[str, Any]) -> Any:
    allowance = platform.limiters.get(platform.tool.client_id)
    return {
        "skew": platform.site.skew,
        "token_lifetime": platform.tokens.lifetime,
        "maintenance": platform.maintenance,
        "scopes": list(platform.tool.scopes),
        "privacy": platform.tool.privacy,
        "concluded": platform.course.concluded,
        "published": platform.course.published,
        "list_lag": platform.course.list_lag,
        "limit": allowance.limit if isinstance(allowance, Quota) else None,
        "window": allowance.window if isinstance(allowance, Quota) else None,
    }


def _change_settings(platform: Platform, arguments: dict[str, Any]) -> Any:
    take = _Taking(arguments)
    skew, lifetime = take("skew", float, platform.site.skew), take("token_lifetime", float, platform.tokens.lifetime)
    maintenance, scopes = take("maintenance", bool, platform.maintenance), take("scopes", list, platform.tool.scopes)
    privacy = check_privacy(take("privacy", str, platform.tool.privacy))
    concluded = take("concluded", bool, platform.course.concluded)
    published = take("published", bool, platform.course.published)
    list_lag = take("list_lag", float, platform.course.list_lag)
    limit, window = take("limit", float, None), take("window", float, 1.0)
    take.end()
    platform.site.skew, platform.tokens.lifetime, platform.maintenance = skew, lifetime, maintenance
    platform.tool.scopes, platform.tool.privacy = tuple(map(str, scopes)), privacy
    platform.course.concluded, platform.course.published = concluded, published
    platform.course.list_lag = list_lag
    if limit is not None:
        platform.limiters[platform.tool.client_id] = Quota(limit, window)
    return _settings(platform, {})


def _revoke(platform: Platform, arguments: dict[str, Any]) -> Any:
    return {"revoked": platform.tokens.revoke()}


def _reset(platform: Platform, arguments: dict[str, Any]) -> Any:
    platform.reset()
    return summary(platform)


class _Taking:
    """
    Takes arguments one by one, and finds what nobody asked for.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._left = dict(arguments)

    def __call__(self, name: str, kind: type, *default: Any) -> Any:
        if name not in self._left:
            if not default:
                raise ControlError(f"{name} is missing")
            return default[0]
        value = self._left.pop(name)
        if value is None and default:
            return default[0]
        if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            if not abs(value) <= _LARGEST:
                raise ControlError(f"{name} must lie between -{_LARGEST:.0e} and {_LARGEST:.0e}")
            return value
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            raise ControlError(f"{name} is {value!r}; it must be {KINDS.get(kind, kind.__name__)}")
        return value

    def end(self) -> None:
        """
        Say what was too much.

        Raises:
            ControlError: Something is left.
        """
        if self._left:
            raise ControlError(f"nothing here is called {', '.join(sorted(self._left))}")


# More than any clock or grade needs, and less than what breaks a date or cannot be written as JSON.
_LARGEST = 1e10

KINDS: dict[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}
FAULT_FIELDS: dict[str, type] = {
    "effect": str,
    "operation": str,
    "method": str,
    "path": str,
    "skip": int,
    "times": int,
    "probability": float,
    "applied": bool,
    "seconds": float,
    "jitter": float,
    "over": int,
    "size": int,
    "status": int,
    "reason": str,
    "headers": dict,
    "body": str,
}

Route = Callable[[Platform, dict[str, Any]], Any]

ROUTES: Mapping[str, Mapping[str, Route]] = {
    "": {"GET": _summary},
    "people": {"GET": _people, "POST": _enroll},
    "line_items": {"GET": _line_items, "POST": _add_line_item},
    "grades": {"GET": _grades},
    "override": {"POST": _override, "DELETE": _release},
    "lock": {"POST": _lock},
    "requests": {"GET": _requests},
    "launch": {"GET": _launch, "POST": _connect},
    "keys": {"GET": _keys, "POST": _register_keys},
    "faults": {"GET": _faults, "POST": _add_fault, "DELETE": _end_faults},
    "settings": {"GET": _settings, "POST": _change_settings},
    "revoke": {"POST": _revoke},
    "reset": {"POST": _reset},
}
