"""Small releases in a folder, published as the flow does, for tests of what shows them."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from include.espejo.lake import join
from include.espejo.lake.keys import PublicLocation, workspace
from include.espejo.lake.local import LocalLake
from include.espejo.releases.catalog import Catalog, Release
from include.espejo.releases.publish import publish_release

SURVEY, PERIOD = "parks", "2026T1"
GATE = {"name": "membership", "applicable": True, "passed": True, "safe_to_within": 0.02}
REFERENCES = {"overall": {"ceiling": 0.97}}


class CountingLake(LocalLake):
    """Counts what is read, by kind."""

    def __init__(self) -> None:
        self.reads: list[str] = []
        self._lock = threading.Lock()

    def read(self, uri: str) -> bytes:
        with self._lock:
            self.reads.append(uri)
        return super().read(uri)

    def open(self, uri: str) -> Any:
        with self._lock:
            self.reads.append(uri)
        return super().open(uri)


class Shop:
    """A lake with a public and a restricted place, and releases in it."""

    def __init__(self, root: Path) -> None:
        self.root, self.lake = root, CountingLake()
        self.place = PublicLocation(str(root / "public"), SURVEY)
        self.catalog = self.open()

    def open(self) -> Catalog:
        return Catalog(self.lake, self.place, self.lake, str(self.root / "restricted"))

    def release(
        self,
        name: str,
        period: str = PERIOD,
        override: dict[str, Any] | None = None,
        gates: Sequence[dict[str, Any]] | None = (GATE,),
        references: Mapping[str, Any] = REFERENCES,
    ) -> None:
        """Make a candidate and publish it, as the flow does. `gates` None: the manifest has none.

        `references`: of the scores, in quality.json.
        """
        work = workspace(str(self.root / "restricted"), SURVEY, period, name)
        score = {"overall": 0.9, "column_shapes": 0.91, "column_pair_trends": None}
        files = {
            "synthetic.csv": b"a;b\n1;2\n",
            "quality.json": json.dumps(score | {"references": references}).encode(),
            "report.html": b"<p>report</p>",
            "plots/a.png": b"png",
        }
        entries = [
            {"name": n, "size": len(c), "sha256": hashlib.sha256(c).hexdigest()}
            for n, c in files.items()
        ]
        manifest: dict[str, Any] = {
            "survey": SURVEY,
            "period": period,
            "release": name,
            "engine": "ctgan",
            "rows": 1,
            "created": "2026-05-01T00:00:00+00:00",
            "files": entries,
        }
        if gates is not None:
            manifest["gates"] = gates
        for path, content in files.items():
            self.lake.write(join(work.candidate, path), content)
        self.lake.write(join(work.candidate, "manifest.json"), json.dumps(manifest).encode())
        if override is not None:
            self.lake.write(work.override, json.dumps(override).encode())
        added = None if override is None else {"override": override}
        publish_release(self.lake, work.candidate, self.lake, self.place, period, name, added)

    def path(self, name: str, file: str, period: str = PERIOD) -> Path:
        return Path(self.place.release(period, name)) / file

    def find(self, name: str, period: str = PERIOD) -> Release:
        found = self.catalog.find(period, name)
        assert found is not None
        return found

    def changes(self, name: str) -> list[tuple[str, str]]:
        check = self.catalog.check(self.find(name))
        return [(change.file, change.kind) for change in check.changes]
