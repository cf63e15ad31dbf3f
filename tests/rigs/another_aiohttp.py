"""
An aiohttp in which something that we touch is called otherwise, is gone, or has another shape.

A name is changed wherever aiohttp itself uses it, so that what does not need the old one goes on to work.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
from aiohttp import base_protocol, client, client_proto, client_reqrep, connector, streams

MODULES = (base_protocol, client, client_proto, client_reqrep, connector, streams)

OTHERWISE = "_of_another"

Place = ModuleType | type | FunctionType


def rename(patch: pytest.MonkeyPatch, name: str, *places: Place) -> None:
    """
    Give something of aiohttp's another name, until the end of the test.

    Args:
        name: An attribute's, a method's or a keyword argument's.

        places: Modules, classes and functions. None: everywhere.
    """
    new = name + OTHERWISE
    for owner in dict.fromkeys(classes(places or MODULES)):
        if name in vars(owner):
            # Methods, properties, and what slots hold.
            patch.setattr(owner, new, vars(owner)[name], raising=False)
            patch.delattr(owner, name)
    for function in {id(one): one for one in functions(places or MODULES)}.values():
        patch.setattr(function, "__code__", replaced(function.__code__, name, new))
        if (defaults := function.__kwdefaults__) and name in defaults:
            patch.setattr(function, "__kwdefaults__", {new if one == name else one: defaults[one] for one in defaults})


def classes(places: tuple[Place, ...]) -> Iterator[type]:
    """
    Yield the classes of these places.
    """
    for place in places:
        if isinstance(place, type):
            yield place
        elif isinstance(place, ModuleType):
            yield from (
                one for one in vars(place).values() if inspect.isclass(one) and one.__module__ == place.__name__
            )


def functions(places: tuple[Place, ...]) -> Iterator[FunctionType]:
    """
    Yield the functions and methods of these places.
    """
    for owner in classes(places):
        for one in vars(owner).values():
            parts = (one.fget, one.fset) if isinstance(one, property) else (getattr(one, "__func__", one),)
            yield from (part for part in parts if isinstance(part, FunctionType))
    for place in places:
        found = vars(place).values() if isinstance(place, ModuleType) else (place,)
        yield from (one for one in found if isinstance(one, FunctionType) and one.__module__.startswith("aiohttp."))


def replaced(code: CodeType, name: str, new: str) -> CodeType:
    """
    Return compiled code that uses another name, also for keyword arguments.
    """

    def names(found: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(new if one == name else one for one in found)

    def constant(one: Any) -> Any:
        if isinstance(one, CodeType):
            return replaced(one, name, new)
        return names(one) if isinstance(one, tuple) else one

    return code.replace(
        co_names=names(code.co_names),
        co_varnames=names(code.co_varnames),
        co_consts=tuple(map(constant, code.co_consts)),
    )


class Message:
    """
    What a parser tells of an answer, some of it otherwise.
    """

    def __init__(self, message: Any, without: str, **otherwise: Any) -> None:
        self._message, self._without = message, without
        self.__dict__.update(otherwise)

    def __getattr__(self, name: str) -> Any:
        if name == self._without:
            raise AttributeError(f"'RawResponseMessage' object has no attribute '{name}'")
        return getattr(self._message, name.removesuffix(OTHERWISE))


class Parser:
    """
    aiohttp's parser, with something changed.

    Attributes:
        without: A part of its messages that has another name.

        most: Answers that it reads.

        end: What it says of its end, instead of what it found.
    """

    without = ""
    otherwise: dict[str, Any] = {}  # noqa: RUF012 - of subclasses
    most = 1_000
    end: Any = None

    def __init__(self, *args: Any, **settings: Any) -> None:
        self._parser = PARSER(*args, **{name.removesuffix(OTHERWISE): value for name, value in settings.items()})
        self._read = 0

    def feed_data(self, data: bytes) -> Any:
        """
        Parse.
        """
        messages, upgraded, tail = self._parser.feed_data(data)
        self._read += sum(message.code >= 200 for message, _ in messages)
        if self._read > self.most:
            raise ValueError("this parser has read all that it reads")
        changed = [(Message(message, self.without, **self.otherwise), body) for message, body in messages]
        return changed, upgraded, tail

    def feed_eof(self) -> Any:
        """
        Tell of half a message.
        """
        found = self._parser.feed_eof()
        return self.end or found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)


PARSER: Any = client_proto.HttpResponseParser


def another_parser(patch: pytest.MonkeyPatch, **changes: Any) -> None:
    """
    Let connections parse with a parser that has these attributes of `Parser`.
    """
    patch.setattr(client_proto, "HttpResponseParser", type("HttpResponseParser", (Parser,), changes))
