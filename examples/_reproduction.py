"""What the reproductions share: a command line, and results that can be resumed.

Each ``reproduce_*.py`` answers one claim at three scales. ``quick`` shows in a minute
that it runs, and writes below ``out``; ``reduced`` and ``full`` write figures and
numbers to ``docs/results``. Whatever was computed is kept there and not computed again,
so a run that was stopped goes on where it was.
"""

import argparse
import datetime
import json
import platform
import time
from pathlib import Path

import joblib
import matplotlib
import numpy as np
import sklearn
import torch
from joblib import Parallel, delayed
from matplotlib.ticker import FixedLocator, NullLocator

import skspectral

SCALES = ("quick", "reduced", "full")


def arguments(doc, parents=()):
    """Scale, number of processes and folder of results, from the command line."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0], parents=parents)
    parser.add_argument("--scale", choices=SCALES, default="quick")
    parser.add_argument("--jobs", type=int, default=joblib.cpu_count())
    parser.add_argument(
        "--draw-only", action="store_true", help="compute nothing; show what is kept"
    )
    parser.add_argument("--layers", type=int, choices=(1, 2), default=1)
    options = parser.parse_args()
    root = Path(__file__).resolve().parent.parent
    quick = options.scale == "quick"
    options.folder = root / ("out/results" if quick else "docs/results")
    options.folder.mkdir(parents=True, exist_ok=True)
    options.dates = set()  # of the results that are shown
    matplotlib.use("Agg")
    return options


def one_thread(compute, case):
    torch.set_num_threads(1)
    start = time.perf_counter()
    row = compute(**case)
    return case, row, time.perf_counter() - start


class Results:
    """Rows of results by case, in a JSON file that is written after each of them."""

    def __init__(self, path):
        self.path = Path(path)
        self.kept = {"about": {}, "rows": {}}
        if self.path.exists():
            self.kept = json.loads(self.path.read_text())
        for row in self.kept["rows"].values():
            row.setdefault("date", self.kept["about"]["date"])

    def rows(self, cases, compute, options):
        """Rows of ``compute(**case)`` for each case, those missing computed now."""
        keys = [json.dumps(case, sort_keys=True) for case in cases]
        missing = [
            case
            for case, key in zip(cases, keys, strict=True)
            if key not in self.kept["rows"]
        ]
        if options.draw_only:
            print(f"{len(missing)} of {len(cases)} cases are not there yet")
            missing = []
        done = Parallel(n_jobs=options.jobs, return_as="generator_unordered")(
            delayed(one_thread)(compute, case) for case in missing
        )
        for number, (case, row, seconds) in enumerate(done, 1):
            print(f"{number}/{len(missing)}  {seconds:6.1f} s  {case}", flush=True)
            key = json.dumps(case, sort_keys=True)
            self.kept["rows"][key] = {
                "seconds": round(seconds, 1),
                "date": datetime.date.today().isoformat(),
                **row,
            }
            self._save()
        kept = self.kept["rows"]
        pairs = zip(cases, keys, strict=True)
        found = [{**case, **kept[key]} for case, key in pairs if key in kept]
        options.dates.update(row["date"] for row in found)
        return found

    def _save(self):
        self.kept["about"] = {
            "skspectral": skspectral.__version__,
            "torch": torch.__version__,
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
            "date": datetime.date.today().isoformat(),
        }
        about = json.dumps(self.kept["about"])
        how = {"default": _plain, "separators": (",", ":")}
        rows = ",\n".join(  # a line for each row, to be read and compared
            f"{json.dumps(key)}:{json.dumps(row, **how)}"
            for key, row in sorted(self.kept["rows"].items())
        )
        text = f'{{"about": {about},\n"rows": {{\n{rows}\n}}}}\n'
        partial = self.path.with_suffix(".partial")
        partial.write_text(text)
        partial.replace(self.path)  # whole, or not at all


def _plain(value):
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item()


def digits(values, n=4):
    """Numbers with n significant digits, as results are kept."""
    return [float(f"{float(v):.{n}g}") for v in np.ravel(values)]


def mean_and_sd(values):
    """Mean and standard deviation of a sample; no deviation of a single number."""
    values = np.asarray(values, dtype=float)
    return values.mean(), values.std(ddof=1) if len(values) > 1 else np.nan


def table(header, rows):
    """Print rows as a Markdown table and return it."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    text = "\n".join(lines)
    print(text)
    return text


def ticks_at(axis, values):
    """Ticks of a logarithmic axis at these values, plain numbers, and no others."""
    axis.set_major_locator(FixedLocator(values))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_locator(NullLocator())


def legend_below(figure, ax, n_columns=3):
    """One legend for all panels."""
    handles, labels = ax.get_legend_handles_labels()
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0)}
    figure.legend(handles, labels, **place, ncols=n_columns, frameon=False)
    figure.tight_layout()


def save(options, name, figure=None, text=None):
    """Write a figure and a table beside the results."""
    if figure is not None:
        path = options.folder / f"{name}.png"
        figure.savefig(path, dpi=120, bbox_inches="tight")
        print(f"figure: {path}")
    if text is not None:
        dates = " to ".join(sorted({min(options.dates), max(options.dates)}))
        text += f"\n\nComputed with the skspectral of {dates}.\n"
        (options.folder / f"{name}.md").write_text(text)
