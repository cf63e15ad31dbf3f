"""
Write the bill of materials of what is installed: the package and everything that it needs, as CycloneDX 1.6 JSON.

Run ``python docs/sbom.py [extra ...] > aioags.cdx.json`` in the environment that is to be described. Nothing in it but
what is installed there decides what is written, so the same environment gives the same file.
"""

from __future__ import annotations

import json
import sys
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def needed(name: str, extras: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    """
    List what a distribution needs here, each with the extras that are asked of it.
    """
    found: dict[str, frozenset[str]] = {}
    for text in metadata.requires(name) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""}):
            key = canonicalize_name(requirement.name)
            found[key] = found.get(key, frozenset()) | frozenset(requirement.extras)
    return sorted(found.items())


def walk(name: str, extras: frozenset[str]) -> dict[str, list[str]]:
    """
    Return, for a distribution and everything that it needs, what each needs itself.

    Raises:
        importlib.metadata.PackageNotFoundError: Something of it is not installed.
    """
    graph: dict[str, set[str]] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(name, extras)]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        needs = needed(*one)
        graph.setdefault(one[0], set()).update(need for need, _ in needs if need != one[0])
        waiting += needs
    return {each: sorted(graph[each]) for each in sorted(graph)}


def purl(name: str) -> str:
    """
    Return what names a distribution and its version everywhere.
    """
    return f"pkg:pypi/{name}@{metadata.version(name)}"


def component(name: str) -> dict[str, Any]:
    """
    Describe one distribution.
    """
    about = metadata.metadata(name)
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl(name),
        "name": name,
        "version": metadata.version(name),
        "purl": purl(name),
    }
    if expression := about.get("License-Expression"):
        found["licenses"] = [{"expression": expression}]
    elif licence := (about.get("License") or "").splitlines()[:1]:
        found["licenses"] = [{"license": {"name": licence[0]}}]
    return found


def bill(extras: frozenset[str] = frozenset(), name: str = "aioags") -> dict[str, Any]:
    """
    Return the whole bill.

    Args:
        extras: Of the package, which are included.
    """
    graph = walk(name, extras)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component(name)},
        "components": [component(each) for each in graph if each != name],
        "dependencies": [{"ref": purl(each), "dependsOn": list(map(purl, needs))} for each, needs in graph.items()],
    }


if __name__ == "__main__":
    print(json.dumps(bill(frozenset(sys.argv[1:])), indent=2))
