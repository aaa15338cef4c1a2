"""The report of a pruner: a table of the network before and after the cut."""

import html

__all__ = ["ReportMixin", "report_row", "scores_on_folds"]


def report_row(name, estimator, score, scored_on) -> dict:
    """Return one row of the report: the size of a network, and its score."""
    state, x, y = estimator._state(), estimator._x_columns, estimator._y_columns
    arrays = [*state.phi, *state.lambda_in, *state.lambda_out, *state.bias]
    arrays += [s.mean for s in (x.statistics, y)] + [x.statistics.variance, y.variance]
    arrays += [*x.knots.values(), *x.dummies.values()]
    return {
        "network": name,
        "nodes": state.sizes[1:-1],
        "trained_parameters": estimator.n_trained_parameters_,
        "bytes": sum(a.nbytes for a in arrays if a is not None),
        "score": score,
        "scored_on": scored_on,
    }


def scores_on_folds(results) -> tuple[list[float], str]:
    """Return the mean scores of the uncut network and of the cut, and their rows."""
    chosen = results["n_nodes"].index(results["chosen"])
    scores = results["mean_score"][[-1, chosen]].tolist()
    return scores, f"test rows of {results['scores'].shape[1]} folds"


def _report_html(report) -> str:
    """Return the report as an HTML table."""

    def cells(tag, values):
        texts = (f"{v:.4g}" if isinstance(v, float) else str(v) for v in values)
        return "".join(f"<{tag}>{html.escape(text)}</{tag}>" for text in texts)

    head = cells("th", (name.replace("_", " ") for name in report[0]))
    rows = "".join(f"<tr>{cells('td', row.values())}</tr>" for row in report)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


class ReportMixin:
    """HTML representation with the table `report_` below scikit-learn's own."""

    # Jupyter calls these two names, whatever scikit-learn calls its own methods.
    @property
    def _repr_html_(self):
        plain = super()._repr_html_
        return lambda: self._with_report(plain())

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] = self._with_report(bundle["text/html"])
        return bundle

    def _with_report(self, page: str) -> str:
        report = vars(self).get("report_")
        return page if report is None else page + _report_html(report)
