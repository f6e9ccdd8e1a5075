"""Moves the pins to the newest versions, runs the tests, and writes what changed: `make upgrade`.

What a line of the requirements says after `# upgrade:` bounds its package (`celery==5.6.3  #
upgrade: <5.7`). Where the tests fail, the pins stay moved, for whoever looks; `git checkout` takes
them back.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_FILES = ("requirements.txt", "requirements-server.txt", "requirements-dev.txt")
_PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?P<rest>\s+# upgrade: (?P<bound>\S+))?\s*$"
)
_TOLD = "build/upgrade.md"

Pins = dict[str, str]


def pins_of(text: str) -> Pins:
    """The version of each package that a file of requirements or constraints pins."""
    found = (_PIN.match(line) for line in text.splitlines())
    return {canonical(pin["name"]): pin["version"] for pin in found if pin}


def canonical(name: str) -> str:
    """A package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def unpinned(text: str) -> list[str]:
    """The packages of a file of requirements, each with its bound only."""
    found = (_PIN.match(line) for line in text.splitlines())
    return [f"{pin['name']}{pin['bound'] or ''}" for pin in found if pin]


def moved(text: str, newest: Mapping[str, str]) -> str:
    """The file with its pins at these versions; comments and order stay."""

    def of(pin: re.Match[str]) -> str:
        version = newest.get(canonical(pin["name"]), pin["version"])
        return f"{pin['name']}=={version}{pin['rest'] or ''}"

    return "\n".join(_PIN.sub(of, line) for line in text.splitlines()) + "\n"


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """A table row for each package that moved, came or went, in the order of names."""
    rows = [(name, before.get(name, "-"), after.get(name, "-")) for name in {*before, *after}]
    return [f"| {name} | {old} | {new} |" for name, old, new in sorted(rows) if old != new]


def main() -> int:
    """Move the pins, install them, test; the exit code is that of the tests."""
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in _FILES}
    constraints = ROOT / "constraints.txt"
    before = pins_of(constraints.read_text(encoding="utf-8"))
    newest = _newest(package for text in texts.values() for package in unpinned(text))
    for name, text in texts.items():
        (ROOT / name).write_text(moved(text, newest), encoding="utf-8")
    head = constraints.read_text(encoding="utf-8").splitlines()[0]
    lines = [head, *(f"{name}=={version}" for name, version in sorted(newest.items()))]
    constraints.write_text("\n".join(lines) + "\n", encoding="utf-8")
    steps = ("setup", "lock", "test")
    failed = next((step for step in steps if subprocess.call(["make", step], cwd=ROOT)), None)
    rows = changes(before, newest)
    outcome = "The tests passed." if failed is None else f"`make {failed}` failed."
    table = ["| package | before | after |", "|---|---|---|", *rows]
    told = ROOT / _TOLD
    told.parent.mkdir(exist_ok=True)
    told.write_text("\n".join([outcome, "", *table]) + "\n", encoding="utf-8")
    print(f"{len(rows)} packages moved; {outcome} See {_TOLD}")
    return 0 if failed is None else 1


def _newest(packages: Iterable[str]) -> Pins:
    """The newest versions that go together, of these packages and all that they need."""
    command = [str(Path(sys.executable).parent / "uv"), "pip", "compile", "--upgrade", "--quiet"]
    command += ["--no-header", "--no-annotate", "--python-version", "3.11.5"]
    command += ["--python-platform", "linux", "-"]
    asked = "\n".join(packages)
    done = subprocess.run(command, input=asked, text=True, check=True, stdout=subprocess.PIPE)
    return pins_of(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
