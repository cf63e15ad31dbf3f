"""
The platform's back door, as JSON over HTTP, for tests in any language: look in, be the teacher, make things fail.

It lies under ``/control``, needs no token, and is not recorded. What changes something needs the Content-Type
``application/json``: a page in a browser cannot send that to another origin unasked. Nor can it make this origin its
own by DNS: the name of the host is looked at first.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, get_args

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
    route = methods[asked.method]
    return route(platform, **_arguments(route, arguments))


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


def _people(platform: Platform) -> Any:
    return [attrs.asdict(person) for person in platform.course.people.values()]


def _enroll(
    platform: Platform, *, user_id: str, name: str = "", role: str = "Learner", active: bool = True
) -> dict[str, Any]:
    person = platform.course.enroll(user_id, name, role)
    person.active = active
    return attrs.asdict(person)


def _add_line_item(
    platform: Platform,
    *,
    resource_link_id: str | None = None,
    label: str,
    score_maximum: float,
    resource_id: str | None = None,
    tag: str | None = None,
) -> Any:
    link = platform.course.links.get(resource_link_id or "")
    if link is None and resource_link_id is not None:
        raise ControlError(f"there is no resource link {resource_link_id!r}")
    item = platform.add_line_item(label, score_maximum, link=link, resource_id=resource_id, tag=tag)
    return {"id": platform.site.item_url(item)}


def _grades(platform: Platform, *, line_item: object = None, user_id: str | None = None) -> Any:
    items = platform.line_items() if line_item is None else [_ref(line_item)]
    return [
        _grade(platform, item.number, user)
        for item in map(platform.item, items)
        for user in item.grades
        if user_id in (None, user)
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


def _override(
    platform: Platform,
    *,
    line_item: object = None,
    user_id: str,
    points: float | None = None,
    comment: str | None = None,
) -> Any:
    item = platform.item(_ref(line_item))
    platform.override(item, user_id, points, comment=comment)
    return _grade(platform, item.number, user_id)


def _release(platform: Platform, *, line_item: object = None, user_id: str) -> Any:
    item = platform.item(_ref(line_item))
    platform.release_override(item, user_id)
    return _grade(platform, item.number, user_id)


def _lock(platform: Platform, *, line_item: object = None, user_id: str | None = None, locked: bool = True) -> Any:
    platform.lock(_ref(line_item), user_id, locked=locked)
    return {"locked": locked}


def _ref(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _requests(platform: Platform, *, after: Any = 0, operation: str | None = None) -> Any:
    first = int(after)
    return [describe(one) for one in platform.requests if one.number > first and operation in (None, one.operation)]


def _launch(platform: Platform, *, user_id: str | None = None) -> Any:
    people = platform.users()
    if user_id is None and not people:
        raise ControlError("the course has no people: name one with user_id")
    return platform.launch_claims(people[0] if user_id is None else user_id)


def _connect(platform: Platform, *, login_url: str, redirect_uri: str, target_link_uri: str | None = None) -> Any:
    platform.launches.connect(login_url=login_url, redirect_uri=redirect_uri, target_link_uri=target_link_uri)
    return {"page_url": platform.launches.page_url}


def _keys(platform: Platform) -> Any:
    tool = platform.tool
    known = tool.key_set.keys if tool.key_set is not None else []
    return {
        "owned_by_tool": tool.owns_keys,
        "jwks_url": tool.jwks_url,
        "kids": [key.kid for key in known],
        "trouble": tool.key_trouble,
    }


def _register_keys(platform: Platform, *, jwks_url: str | None = None, public_key: Any = None) -> Any:
    if public_key is not None and not isinstance(public_key, str | dict):
        raise ControlError("public_key must be PEM text, a JWK or a key set")
    platform.register_keys(jwks_url=jwks_url, public_keys=public_key)
    return _keys(platform)


def _faults(platform: Platform) -> Any:
    return [describe_fault(active) for active in platform.faults]


def describe_fault(active: Active) -> dict[str, Any]:
    """
    Write a fault and what it did as JSON.
    """
    fault = attrs.asdict(active.fault)
    fault |= {"body": active.fault.body.decode("utf-8", "replace"), "headers": dict(active.fault.headers)}
    return {"number": active.number, "matched": active.matched, "happened": active.happened, **fault}


def _add_fault(platform: Platform, *, effect: str, **more: Any) -> Any:
    given = {"effect": effect, **_read(more, FAULT_FIELDS)}
    if "body" in given:
        given["body"] = given["body"].encode()
    given["headers"] = tuple((str(name), str(value)) for name, value in given.get("headers", {}).items())
    return {"number": platform.faults.add(Fault(**given))}


def _end_faults(platform: Platform, *, number: str | None = None) -> Any:
    if number is None:
        platform.faults.clear()
    elif not number.isdecimal() or not platform.faults.remove(int(number)):
        raise ControlError(f"there is no fault {number}", 404)
    return _faults(platform)


def _settings(platform: Platform) -> Any:
    allowance = platform.limiters.get(platform.tool.client_id)
    return {
        **{name: getattr(of(platform), attribute) for name, (of, attribute, _) in SETTINGS.items()},
        "limit": allowance.limit if isinstance(allowance, Quota) else None,
        "window": allowance.window if isinstance(allowance, Quota) else None,
    }


def _change_settings(platform: Platform, *, limit: float | None = None, window: float = 1.0, **more: Any) -> Any:
    changes = _read(more, {name: kind for name, (_, _, kind) in SETTINGS.items()})
    if "privacy" in changes:
        check_privacy(changes["privacy"])
    if "scopes" in changes:
        changes["scopes"] = tuple(map(str, changes["scopes"]))
    for name, value in changes.items():
        of, attribute, _ = SETTINGS[name]
        setattr(of(platform), attribute, value)
    if limit is not None:
        platform.limiters[platform.tool.client_id] = Quota(limit, window)
    return _settings(platform)


def _revoke(platform: Platform) -> Any:
    return {"revoked": platform.tokens.revoke()}


def _reset(platform: Platform) -> Any:
    platform.reset()
    return summary(platform)


def _arguments(route: Route, given: Mapping[str, Any]) -> dict[str, Any]:
    """
    Check what was given against the keywords of a route: their annotations, and their defaults.

    A route without keywords takes no notice of what is given.
    """
    parameters = list(inspect.signature(route, eval_str=True).parameters.values())
    kinds = {one.name: _kind(one.annotation) for one in parameters if one.kind is one.KEYWORD_ONLY}
    needed = [one.name for one in parameters if one.name in kinds and one.default is one.empty]
    if missing := [name for name in needed if name not in given]:
        raise ControlError(f"{missing[0]} is missing")
    rest = {name: value for name, value in given.items() if name not in kinds} if kinds else {}
    read = _read({name: value for name, value in given.items() if name in kinds}, kinds, needed)
    return read | (rest if parameters[-1].kind is inspect.Parameter.VAR_KEYWORD else _read(rest, {}))


def _kind(annotation: Any) -> type:
    kind: type = (get_args(annotation) or (annotation,))[0]
    return object if annotation is Any else kind


def _read(given: Mapping[str, Any], kinds: Mapping[str, type], needed: Collection[str] = ()) -> dict[str, Any]:
    """
    Read what is of these names and kinds. None is as good as not given, where nothing is needed.
    """
    wanted = [name for name in kinds if name in needed or given.get(name) is not None]
    read = {name: _checked(name, given[name], kinds[name]) for name in wanted}
    if unknown := given.keys() - kinds.keys():
        raise ControlError(f"nothing here is called {', '.join(sorted(unknown))}")
    return read


def _checked(name: str, value: Any, kind: type) -> Any:
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if not abs(value) <= _LARGEST:
            raise ControlError(f"{name} must lie between -{_LARGEST:.0e} and {_LARGEST:.0e}")
        return value
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise ControlError(f"{name} is {value!r}; it must be {KINDS.get(kind, kind.__name__)}")
    return value


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

# As JSON has them.
FAULT_FIELDS = {field.name: _kind(field.type) for field in attrs.fields(attrs.resolve_types(Fault))}
FAULT_FIELDS |= {"headers": dict, "body": str}
del FAULT_FIELDS["effect"]

# Name: whose it is, what it is called there, its kind.
SETTINGS: Mapping[str, tuple[Callable[[Platform], Any], str, type]] = {
    "skew": (lambda platform: platform.site, "skew", float),
    "token_lifetime": (lambda platform: platform.tokens, "lifetime", float),
    "maintenance": (lambda platform: platform, "maintenance", bool),
    "scopes": (lambda platform: platform.tool, "scopes", list),
    "privacy": (lambda platform: platform.tool, "privacy", str),
    "concluded": (lambda platform: platform.course, "concluded", bool),
    "published": (lambda platform: platform.course, "published", bool),
    "list_lag": (lambda platform: platform.course, "list_lag", float),
}

Route = Callable[..., Any]

ROUTES: Mapping[str, Mapping[str, Route]] = {
    "": {"GET": summary},
    "people": {"GET": _people, "POST": _enroll},
    "line_items": {"GET": Platform.line_items, "POST": _add_line_item},
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
