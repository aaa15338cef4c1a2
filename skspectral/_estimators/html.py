"""HTML representations with something of our own below scikit-learn's."""

__all__ = ["HTMLBelowMixin"]


class HTMLBelowMixin:
    """Puts what ``_html_below`` returns below scikit-learn's HTML representation.

    A subclass defines ``_html_below() -> str``.
    """

    # Jupyter calls these two names, whatever scikit-learn calls its own methods.
    @property
    def _repr_html_(self):
        plain = super()._repr_html_
        return lambda: plain() + self._html_below()

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] += self._html_below()
        return bundle
