"""Results of long benchmarks: each is kept as soon as it is there.

A benchmark names its jobs. What was computed before is not computed again: it is read
from the folder ``--out``, or from the file ``--known``, which an earlier run wrote with
``--pack``.
"""

import json
from pathlib import Path

from joblib import Parallel

__all__ = ["Kept"]


class Kept:
    """Where the results of one benchmark are kept.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Gets the options that all such benchmarks have.
    name : str
        Of the folder.
    """

    def __init__(self, parser, name):
        parser.add_argument("--out", default=f"out/{name}", help="folder of results")
        parser.add_argument("--known", help="JSON file of results, not to be repeated")
        parser.add_argument("--pack", help="JSON file to write all results to")
        parser.add_argument("--jobs", type=int, default=1, help="processes")

    def open(self, arguments):
        """Take the options that were given."""
        self.folder = Path(arguments.out)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.n_jobs, self.pack_to = arguments.jobs, arguments.pack
        self.known = {}
        if arguments.known:
            self.known = json.loads(Path(arguments.known).read_text())

    def results(self, jobs):
        """Results of the jobs, a dict from name to delayed call, as a list."""
        found = {name: self._kept(name) for name in jobs}
        todo = [name for name, result in found.items() if result is None]
        calls = Parallel(n_jobs=self.n_jobs, return_as="generator")(
            jobs[name] for name in todo
        )
        for name, result in zip(todo, calls, strict=True):
            (self.folder / f"{name}.json").write_text(json.dumps(result))
            found[name] = result
        return list(found.values())

    def _kept(self, name):
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text()) if path.is_file() else self.known.get(name)

    def pack(self):
        """Write all results to one file, if asked for."""
        if self.pack_to:
            found = dict(self.known)
            for path in sorted(self.folder.glob("*.json")):
                found[path.stem] = json.loads(path.read_text())
            lines = (f"{json.dumps(n)}: {json.dumps(r)}" for n, r in found.items())
            Path(self.pack_to).write_text("{\n" + ",\n".join(lines) + "\n}\n")
