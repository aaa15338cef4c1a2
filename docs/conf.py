"""Settings of the documentation: ``make docs`` builds it."""

import logging
import os
import sys
from pathlib import Path

import matplotlib

import skspectral

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
matplotlib.use("Agg")

project = "skspectral"
author = "The skspectral developers"
copyright = author
version = release = skspectral.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "doc_strings",
]

# Links into other projects need their inventories, hence the network: only on request.
if os.environ.get("SKSPECTRAL_INTERSPHINX"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "numpy": ("https://numpy.org/doc/stable", None),
        "python": ("https://docs.python.org/3", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
        "torch": ("https://docs.pytorch.org/docs/stable", None),
    }

templates_path = ["_templates"]
# Tables that reproductions write; the pages of the claims include them.
exclude_patterns = ["_build", "results/*.md"]

# In doc strings a name in single backticks is code.
default_role = "literal"
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
autodoc_class_signature = "mixed"
numpydoc_show_class_members = False
numpydoc_use_plots = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_",
    "ignore_pattern": r"^(?!plot_)",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "remove_config_comments": True,
    "abort_on_example_error": True,
    "show_signature": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"skspectral {release}"
html_static_path = ["_static"]
html_css_files = ["own.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "skspectral"},
    "show_prev_next": False,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 6,
}
WITHOUT_SIDEBAR = "architecture changes contributing getting_started measured"
html_sidebars = {page: [] for page in WITHOUT_SIDEBAR.split()}


def setup(app):
    """Let the list of claims be empty: their pages come with their results."""
    # Sphinx gives this warning no type by which `suppress_warnings` could name it.
    logging.getLogger("sphinx.sphinx.directives.other").addFilter(
        lambda record: getattr(record, "subtype", None) != "empty_glob"
    )
