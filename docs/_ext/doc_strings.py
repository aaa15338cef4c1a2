"""How doc strings become pages.

Of a class only the methods that this package wrote are documented: what comes from
scikit-learn or torch is documented there, and attributes are in the doc string of the
class. Shapes are protected: to reST ``(n_features_in_,)`` is a link, and the star of
``(*batch, n)`` opens emphasis.
"""

import inspect
import re

__all__ = ["setup"]


def leave_out(app, what, name, obj, skip, options):
    """Whether a member stays out; None leaves it to autodoc."""
    if what != "class":
        return None
    function = inspect.unwrap(getattr(obj, "__func__", obj))
    module = getattr(function, "__module__", None) or ""
    if not inspect.isroutine(obj) or not module.startswith("skspectral"):
        return True
    return None


def protect_shapes(app, what, name, obj, options, lines):
    """Escape stars and trailing underscores of shapes, in place, before numpydoc."""
    for i, line in enumerate(lines):
        line = re.sub(r"(?<!`)\((\*\w)", r"(\\\1", line)
        lines[i] = re.sub(r"(shape \(\w+)_(?=,)", r"\1\\_", line)


def setup(app):
    app.connect("autodoc-skip-member", leave_out)
    app.connect("autodoc-process-docstring", protect_shapes, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
