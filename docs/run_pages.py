"""Run the Python blocks of Markdown pages and write below each what it printed.

``python docs/run_pages.py docs/getting_started.md docs/user_guide/*.md``

The blocks of a page share their names and run in order. A ``text`` block that follows a
``python`` block is replaced by what that block printed, warnings included; without one
the block has to print nothing. Pages are written in place: what changed is in the diff.
"""

import contextlib
import io
import os
import re
import sys
import tempfile
import warnings
from pathlib import Path

BLOCK = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)


def printed(code, names):
    """What a block prints; a warning is one line, its class and its message."""
    out = io.StringIO()

    def show(message, category, *args, **kwargs):
        print(f"{category.__name__}: {message}", file=out)

    with contextlib.redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        exec(compile(code, "page", "exec"), names)
    return out.getvalue()


def run(page):
    """The text of a page with the outputs of today."""
    names = {"__name__": "page"}

    def fill(match):
        output = printed(match[1], names)
        if match[2] is None and output:
            raise SystemExit(
                f"{page}: a block prints, but no text block follows:\n{output}"
            )
        block = f"```python\n{match[1]}```\n"
        return block if match[2] is None else f"{block}\n```text\n{output}```\n"

    return BLOCK.sub(fill, page.read_text())


def main():
    pages = [Path(name).resolve() for name in sys.argv[1:]]
    os.environ.setdefault("MPLBACKEND", "Agg")
    with tempfile.TemporaryDirectory() as folder:  # for what the blocks save
        os.chdir(folder)
        for page in pages:
            text = run(page)
            changed = text != page.read_text()
            page.write_text(text)
            print(f"{page.name}: {'changed' if changed else 'as before'}")


if __name__ == "__main__":
    main()
