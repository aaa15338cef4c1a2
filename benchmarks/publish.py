"""Run benchmarks, keep what they print, and fill the table of steps in the docs.

``python benchmarks/publish.py step shrink`` runs those two and writes their output to
``docs/results/benchmarks``, which the documentation shows as it is. After each run the
table of steps in ``docs/speed.md`` is filled from ``step.txt``; without names only that
is done. Nothing else should run on the machine.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
KEPT = HERE.parent / "docs" / "results" / "benchmarks"
PAGE = HERE.parent / "docs" / "speed.md"
BEGIN, END = "<!-- filled by benchmarks/publish.py -->\n", "<!-- end -->"


def run(name):
    """Output of a benchmark, written as it comes."""
    script, *sections = name.split(":")
    command = [sys.executable, str(HERE / f"{script}.py"), *sections]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode:
        raise SystemExit(f"{name} failed")
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{name.replace(':', '_')}.txt").write_text("".join(lines))


def steps():
    """Rows of the table from one thread of step.py."""
    text = (KEPT / "step.txt").read_text()
    first = text[text.index("1 thread") :].split("\n\n")[0]
    shape = re.compile(r" *\(([\d, ]+)\) +(\d+)((?: +[\d.]+)+)$")
    for line in first.splitlines():
        found = shape.match(line)
        if found:
            widths = " + ".join(re.findall(r"\d+", found[1]))
            mlp, torch, _, ours, by_mlp, by_torch, *_ = found[3].split()
            yield [widths, found[2], ours, mlp, torch, by_mlp, by_torch]


def table():
    header = ["hidden nodes", "rows of a minibatch", "ours", "scikit-learn's MLP"]
    header += ["plain torch", "MLP / ours", "torch / ours"]
    lines = [header, ["---"] * len(header), *steps()]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="step, shrink, scale:rows, ...")
    for name in parser.parse_args().names:
        run(name)
    text = PAGE.read_text()
    start, stop = text.index(BEGIN) + len(BEGIN), text.index(END)
    PAGE.write_text(text[:start] + table() + text[stop:])


if __name__ == "__main__":
    main()
