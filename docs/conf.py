# SPDX-License-Identifier: Apache-2.0
"""How the documentation is built: MyST pages, the furo theme, facts read from the code. No network is used."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent / "src")]

project = "Safeconduct"
author = "The Safeconduct developers"
copyright = "The Safeconduct developers, Apache-2.0"
release = version = installed("safeconduct")
language = "en"

extensions = ["myst_parser", "safeconduct_facts"]
exclude_patterns = ["_build", "_ext", "_static", "examples"]
nitpicky = True
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]

html_theme = "furo"
html_title = "Safeconduct"
html_static_path = ["_static"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"source_view_link": "", "top_of_page_buttons": []}
