"""
How Sphinx builds these pages.
"""

project = "aioags"
author = "The aioags authors"
copyright = "2026, The aioags authors"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "examples"]
html_theme = "furo"
html_title = "aioags"

myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases: dict[str, str] = {}
python_maximum_signature_line_length = 88

napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
# Section of the standard that a name implements.
napoleon_custom_sections = [("Spec", "notes_style")]
