"""Sphinx: ``python -m sphinx -W -b html python/docs build``."""

import skymosaic

project, author, release = "skymosaic", "the authors of skymosaic", skymosaic.__version__
copyright = author
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
# Roles of other projects' objects are shown as text: building the pages takes no network.
nitpicky = False
html_theme = "alabaster"
exclude_patterns = ["_build"]
