"""Formulas as MathML, so that the pages need no script and no other server."""

import html
import re

from docutils.nodes import SkipNode
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

__all__ = ["setup"]

BAR = r'<mo stretchy="false" lspace="0" rspace="0">\1</mo>'
log = logging.getLogger(__name__)


def convert(node, *, as_block=False):
    """MathML of a formula; a warning and the TeX itself where docutils cannot."""
    tex = node.astext()
    try:
        text = tex2mathml(tex, as_block=as_block)
    except MathError as error:
        log.warning("formula %r: %s", tex, error, location=node)
        return f"<code>{html.escape(tex)}</code>"
    # Bars of norms neither grow with their content nor stand apart from it.
    return re.sub("<mo[^>]*>([|‖])</mo>", BAR, text)


def inline(writer, node):
    writer.body.append(convert(node))
    raise SkipNode


def block(writer, node):
    writer.body.append(writer.starttag(node, "div", CLASS="math"))
    if node.get("number"):
        writer.body.append(f'<span class="eqno">({node["number"]})</span>')
    writer.body.append(convert(node, as_block=True) + "</div>\n")
    raise SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
