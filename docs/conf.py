"""How Sphinx builds the site: make docs."""

from __future__ import annotations

import fastfork

project = "fastfork"
author = copyright = "fastfork contributors"
release = version = fastfork.__version__

extensions = ["myst_parser"]
exclude_patterns = ["README.md"]
nitpicky = True
smartquotes = False  # -- is how an option begins
suppress_warnings: list[str] = []

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
# Links in angle brackets that are examples, as http://127.0.0.1:8000.
myst_linkify_fuzzy_links = False

html_theme = "furo"
html_title = "fastfork"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/icon.svg"
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
# No highlighting where there is nothing to highlight; a session is "console".
highlight_language = "text"
