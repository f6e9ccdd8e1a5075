"""Writes the bill of materials of this environment to `build/sbom.json`: `make sbom`."""

from __future__ import annotations

from pathlib import Path

from include.espejo.parameters import code_version
from include.espejo.report.files.sbom import bill_of_materials

if __name__ == "__main__":
    target = Path("build/sbom.json")
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(bill_of_materials(code_version()))
    print(target)
