"""
How Sphinx builds these pages.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

from sphinx.application import Sphinx

project = "aioags"
author = "The aioags authors"
copyright = "2026, The aioags authors"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build", "examples"]
html_theme = "furo"
html_title = "aioags"
# The list of pages for readers that are programs (llmstxt.org); tests/test_docs_site.py holds it complete.
html_extra_path = ["llms.txt"]
html_static_path = ["_static"]
html_css_files = ["site.css"]
# What is copied from a console is what is typed.
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
copybutton_selector = "div:not(.highlight-output, .highlight-text) > div.highlight > pre"

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
# `Score` in a docstring is a name: a link where there is such a page.
default_role = "py:obj"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_maximum_signature_line_length = 88

napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
# Section of the standard that a name implements.
napoleon_custom_sections = [("Spec", "notes_style")]


def keep_property(app: Sphinx, what: str, name: str, thing: object, options: Any, lines: list[str]) -> None:
    """
    Undo what napoleon did to a property: it takes ``Whatever it is: more`` for a type and a description.
    """
    if what == "property":
        lines[:] = (inspect.getdoc(thing) or "").splitlines()


def shorten(app: Sphinx, what: str, name: str, thing: object, options: Any, signature: str | None, returns: Any) -> Any:
    """
    Show a default as it is written, ``RetryPolicy()`` and ``{}``, not as its repr; leave out what is not public.
    """
    if signature is None:
        return None
    calls = re.sub(r"= (\w+)\((?:[^()]|\([^()]*\))*\)", r"= \1()", signature)
    public = re.sub(r", _\w+: [^,)]+(?=[,)])", "", calls)
    return public.replace("= NOTHING", "= {}"), returns


def setup(app: Sphinx) -> None:
    """
    Run after napoleon, whose priority is 500.
    """
    app.connect("autodoc-process-docstring", keep_property, priority=600)
    app.connect("autodoc-process-signature", shorten)
