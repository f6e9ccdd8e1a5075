"""Every place of a run, named once. Keys come from survey, period and release, not the clock."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from include.espejo.lake import join


@dataclass(frozen=True)
class Workspace:
    """A run's folder in the restricted area: the only place of rows, models, seeds, figures."""

    base: str

    @property
    def run(self) -> str:
        return join(self.base, "run.json")

    @property
    def typed(self) -> str:
        return join(self.base, "typed.parquet")

    @property
    def validation(self) -> str:
        return join(self.base, "validation.json")

    @property
    def train(self) -> str:
        """The protected rows that the model learns from, with their keys."""
        return join(self.base, "train.parquet")

    @property
    def holdout(self) -> str:
        """The protected rows of the households that the model never sees: the audit's control."""
        return join(self.base, "holdout.parquet")

    @property
    def protection(self) -> str:
        return join(self.base, "protection.json")

    def part(self, name: str) -> Workspace:
        """Where a part of the table is learnt and drawn by itself."""
        return Workspace(join(self.base, "parts", name))

    def pretraining(self, group: str) -> Workspace:
        """Where a group of fields is learnt of the whole of a table that is learnt in parts."""
        return Workspace(join(self.base, "pretraining", group))

    @property
    def model(self) -> str:
        return join(self.base, "model")

    @property
    def training(self) -> str:
        return join(self.base, "training.json")

    @property
    def checkpoint(self) -> str:
        """A training under way; gone once its model is there."""
        return join(self.base, "checkpoint", "training.safetensors")

    @property
    def progress(self) -> str:
        """How far a training is, for those who wait for it: no row, no seed, rounded figures."""
        return join(self.base, "progress.json")

    @property
    def losses(self) -> str:
        return join(self.base, "losses.csv")

    @property
    def synthetic(self) -> str:
        return join(self.base, PARQUET)

    @property
    def sampling(self) -> str:
        return join(self.base, "sampling.json")

    def figure(self, name: str) -> str:
        """Exact scores: quality.json and the details of shapes and pairs."""
        return join(self.base, "figures", name)

    @property
    def audit(self) -> str:
        """Every gate with its exact figures."""
        return self.figure("disclosure.json")

    @property
    def searched(self) -> str:
        """Whose neighbours have been searched, in shards; gone once the audit is there."""
        return join(self.base, "search")

    @property
    def override(self) -> str:
        """Why a gate that failed was overridden."""
        return join(self.base, "override.json")

    @property
    def internal_report(self) -> str:
        """How training went: never part of a release."""
        return join(self.base, "internal.html")

    @property
    def candidate(self) -> str:
        """The candidate release; it is kept even if a gate fails."""
        return join(self.base, "candidate")

    @property
    def bill_of_materials(self) -> str:
        """Every package that made the release."""
        return join(self.base, "sbom.json")

    @property
    def manifest(self) -> str:
        """The restricted manifest: what the public one says, and seed and input's hash."""
        return join(self.base, "manifest.json")


def workspace(restricted: str, survey: str, period: str, release: str) -> Workspace:
    """A release's workspace in the lake's restricted area."""
    return Workspace(join(restricted, survey, period, release))


def ledger_place(restricted: str, survey: str) -> str:
    """Where a survey's ledger is; no period is called so."""
    return join(restricted, survey, "ledger")


def scratch(restricted: str, survey: str, period: str) -> str:
    """Where a run keeps what is not yet validated; one run of a period at a time."""
    return join(restricted, survey, period, "scratch")


def period_lock(restricted: str, survey: str, period: str) -> str:
    """Which run is at a period."""
    return join(restricted, survey, period, "lock.json")


@dataclass(frozen=True)
class PublicLocation:
    """Where a survey's releases are for researchers to read."""

    root: str
    survey: str

    def release(self, period: str, release: str) -> str:
        return join(self.root, self.survey, period, release)

    def tombstone(self, period: str, release: str) -> str:
        """Beside the release: the release itself is never written again."""
        return join(self.root, self.survey, period, f"{release}.withdrawn.json")

    def latest(self, period: str | None = None) -> str:
        """The survey's pointer, or that of one of its periods."""
        return join(self.root, self.survey, *([period] if period else []), "latest.json")

    def changes(self) -> str:
        """The survey's journal: what each publication and withdrawal changed."""
        return join(self.root, self.survey, "releases.json")

    def changes_page(self) -> str:
        """The same for people."""
        return join(self.root, self.survey, "CHANGES.md")


MANIFEST = "manifest.json"
# A release's table; `PARTS`: the folder of its Parquet files, where it has several.
CSV, PARQUET, PARTS = "synthetic.csv", "synthetic.parquet", "synthetic"
_PART = re.compile(rf"{PARTS}/part-[0-9]+\.parquet")


def part_file(number: int) -> str:
    """The name of one of a release's several Parquet files, counted from 1."""
    return f"{PARTS}/part-{number:04d}.parquet"


def parquet_files(names: Iterable[str]) -> list[str]:
    """Those of a release's files that together are its table, in the order of its rows."""
    found = [name for name in names if name == PARQUET or _PART.fullmatch(name)]
    return sorted(found, key=lambda name: (len(name), name))  # part-10000 after part-9999


def plot_file(column: str) -> str:
    """Where a release has a column's plot: by its name, where every system can have such a file.

    Of other names (`AÑO`, `Ingreso mensual`) what is left in plain letters, and a part of their
    hash, so that no two columns share a file.
    """
    plain = unicodedata.normalize("NFKD", column).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", plain).strip("_-")[:60]
    if plain != column:
        plain = f"{plain or 'column'}-{hashlib.sha256(column.encode()).hexdigest()[:8]}"
    return f"plots/{plain}.png"
