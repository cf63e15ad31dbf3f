"""
Pages of which a part is made: what stands between two marks that name it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping


def filled(text: str, made: Mapping[str, str]) -> str:
    """
    Return a page with each part in its place, between ``<!-- begin name -->`` and ``<!-- end name -->``.

    Raises:
        ValueError: It has no place for one, or several.
    """
    for name, part in made.items():
        mark = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        if len(mark.findall(text)) != 1:
            raise ValueError(f"the page has no place for {name}, or several")
        text = mark.sub(lambda found, part=part: f"{found[1]}\n{part.strip(chr(10))}\n\n{found[2]}", text)  # type: ignore[misc]
    return text
