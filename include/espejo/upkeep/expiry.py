"""Expiry: rows and models of the restricted area are deleted when the spec says so.

Never of what the ledger still needs: the rows of published releases that a later one is held
against. What says how a published release came about stays, and so does its candidate, which
vouches for the public files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from include.espejo.errors import ParameterError
from include.espejo.lake import Lake, join
from include.espejo.lake.store import Entry
from include.espejo.releases.ledger import Ledger
from include.espejo.survey import Period, SurveySpec

# Of a published release: neither a person's row nor a model is in them. All else goes, whatever it
# is, so that a file that is new here is not kept by mistake.
_STAYS = {
    *("run.json", "manifest.json", "override.json", "sbom.json"),
    *("protection.json", "training.json", "sampling.json"),
}
_STAYING_FOLDERS = ("candidate/", "figures/")

Files = Mapping[str, Entry]
# Whether the caller may delete in a period, and that nobody else works there meanwhile.
Turn = Callable[[str], AbstractContextManager[bool]]


@dataclass(frozen=True)
class Expiry:
    """Runs of which something was deleted, its files and bytes; and the periods that were left
    because a run is at them."""

    runs: int
    files: int
    bytes: int
    busy: tuple[str, ...]


def expire_runs(lake: Lake, ledger: Ledger, spec: SurveySpec, now: datetime, turn: Turn) -> Expiry:
    """Delete of each run what may go, where nobody has written for `keep.days` days.

    Raises ParameterError where the spec does not say how long runs are kept.
    """
    if spec.keep is None:
        raise ParameterError(
            f"survey {spec.survey}: the spec does not say how long runs are kept; write `keep`"
        )
    root = join(ledger.restricted, spec.survey)
    going = _going(lake.tree(root), ledger, spec, now - timedelta(days=spec.keep.days))
    runs, busy = [], []
    for period in sorted({period for period, _ in going}):
        with turn(period) as mine:
            if not mine:
                busy.append(period)
                continue
            for then, run in going:
                if then == period:
                    _delete(lake, join(root, period, run), going[period, run])
                    runs.append(going[period, run])
    sizes = [entry.size for files in runs for entry in files.values()]
    return Expiry(len(runs), len(sizes), sum(sizes), tuple(busy))


def _going(
    tree: Files, ledger: Ledger, spec: SurveySpec, before: datetime
) -> dict[tuple[str, str], Files]:
    """The files that may go, by period and run."""
    published = ledger.published()
    needed = _needed(published, spec.disclosure.periods)
    going: dict[tuple[str, str], Files] = {}
    for key, files in _runs(tree).items():
        old = max(entry.modified for entry in files.values()) < before
        if old and key not in needed:
            going[key] = _of_rows(files) if key in published else files
    return {key: files for key, files in going.items() if files}


def _needed(published: Iterable[tuple[str, str]], periods: int) -> set[tuple[str, str]]:
    """The releases that the next ones are held against: those of the last `periods` periods."""
    periods_of = {key: Period.parse(key[0]) for key in published}
    if not periods_of:
        return set()
    newest = max(periods_of.values())
    return {key for key, then in periods_of.items() if newest.since(then) < periods}


def _runs(tree: Files) -> dict[tuple[str, str], dict[str, Entry]]:
    """Files by period and run, each by its path from there. What a run leaves beside its workspace
    (`scratch/`, `refused.json`) counts as a run of that name."""
    runs: dict[tuple[str, str], dict[str, Entry]] = defaultdict(dict)
    for path, entry in tree.items():
        period, _, rest = path.partition("/")
        name, _, file = rest.partition("/")
        if period != "ledger" and name not in ("", "lock.json"):
            runs[period, name][file] = entry
    return runs


def _of_rows(files: Files) -> Files:
    return {
        name: entry
        for name, entry in files.items()
        if name not in _STAYS and not name.startswith(_STAYING_FOLDERS)
    }


def _delete(lake: Lake, run: str, files: Files) -> None:
    for name in files:
        lake.delete_tree(join(run, name) if name else run)
