"""What the steps leave for each other in the workspace, as JSON documents."""

from __future__ import annotations

from pydantic import BaseModel

from include.espejo.lake.document import Document
from include.espejo.releases.manifest import PublicFacts
from include.espejo.table.document import BrokenRule, TablePart, Touched


class IngestedFile(Document):
    """The survey's file as it was read; `size` in bytes."""

    source: str
    sha256: str
    size: int
    encoding: str
    rows: int
    warnings: tuple[str, ...]


class EarlierValidation(BaseModel):
    """What is read of another period's validation.json, whatever else it says."""

    blank_shares: dict[str, float]


class RestrictedFacts(Document):
    """What of it may not."""

    seed: int
    input: IngestedFile


class RunFacts(Document):
    """What is settled about a run once its input is valid."""

    restricted: RestrictedFacts
    public: PublicFacts

    @property
    def seed(self) -> int:
        return self.restricted.seed


class ProtectionSummary(Document):
    """Rows of both sides, how many each measure has touched, and the parts, where there are any."""

    rows: int
    train_rows: int
    holdout_rows: int
    touched: Touched
    parts: tuple[TablePart, ...] = ()


class TrainingSummary(Document):
    """Optimiser steps, time and memory (MB) of a fit, and the model's files."""

    fit_seconds: float
    steps: int
    best_step: int
    fit_peak_rss_mb: float
    files: tuple[str, ...]


class SamplingSummary(Document):
    """Rows drawn, and the declared rules that some of them break."""

    rows: int
    sample_seconds: float
    broken_rules: tuple[BrokenRule, ...]
