"""The report of a pruner: a table of the network before and after the cut."""

import html

from skspectral._estimators import HTMLBelowMixin

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


class ReportMixin(HTMLBelowMixin):
    """HTML representation with the table `report_` below scikit-learn's own."""

    def _html_below(self) -> str:
        fitted = vars(self)
        if "report_" not in fitted:
            return ""
        return _report_html(fitted["report_"]) + fitted["estimator_"]._html_below()
