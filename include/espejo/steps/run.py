"""What every step is given: the job, the lake, and where its files lie."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from pydantic import JsonValue

from include.espejo.errors import UnexpectedError
from include.espejo.lake import Lakes, join
from include.espejo.lake.document import Document
from include.espejo.lake.keys import PublicLocation, Workspace
from include.espejo.parameters import Parameters
from include.espejo.releases.ledger import Ledger
from include.espejo.steps.documents import ProtectionSummary, RunFacts
from include.espejo.survey import Period, SurveySpec

if TYPE_CHECKING:
    import pandas as pd

    from include.espejo.table.weights import WeightMargin

log = logging.getLogger(__name__)

Summary = dict[str, JsonValue]
Kind = TypeVar("Kind", bound=Document)


@dataclass(frozen=True)
class Job:
    """What is to be made: a survey's period with these parameters."""

    spec: SurveySpec
    period: Period
    parameters: Parameters


@dataclass(frozen=True)
class Run:
    """A job on its way through the lake.

    source      the survey's file, or the pattern that names it or its parts
    scratch     the folder of what is not yet valid
    workspaces  the workspace of a release, by its name
    release     its name; empty before `validate` has found it
    public      the survey's public location; None where nothing is published
    ledger      of attempts and households; None on the command line
    override    the reason to publish although a gate failed
    part        of a table that is learnt in parts, the one that this is about, or the group of its
                fields, or the shard of its audit's search; empty for the whole
    joined      the file, or its pattern, of the table that the spec joins; empty for none
    """

    job: Job
    lakes: Lakes
    source: str
    scratch: str
    workspaces: Callable[[str], Workspace]
    release: str = ""
    public: PublicLocation | None = None
    ledger: Ledger | None = None
    override: str | None = None
    joined: str = ""
    part: str = ""

    @property
    def spec(self) -> SurveySpec:
        return self.job.spec

    @property
    def whole(self) -> Workspace:
        """The release's workspace."""
        if not self.release:
            raise UnexpectedError("the run has no release yet: `validate` names it")
        return self.workspaces(self.release)

    @property
    def work(self) -> Workspace:
        """The release's workspace, or that of the part in it."""
        return self.whole.part(self.part) if self.part else self.whole

    @property
    def seed(self) -> int:
        """The run's seed; a part has one of its own, so that no two parts draw alike."""
        seed = self.facts().seed
        if not self.part:
            return seed
        return int.from_bytes(hashlib.sha256(f"part {seed} {self.part}".encode()).digest()[:4])

    @property
    def ingested(self) -> str:
        """The facts about the file that was read."""
        return join(self.scratch, "ingest.json")

    @property
    def refused(self) -> str:
        """Which rows and values of a file could not be read; it outlives the scratch folder."""
        return join(self.scratch.rpartition("/")[0], "refused.json")

    @property
    def scratch_table(self) -> str:
        """The typed table that is not yet valid."""
        return join(self.scratch, "typed.parquet")

    def of_release(self, release: str) -> Run:
        """The same run, now that its release has a name."""
        return replace(self, release=release)

    def of_part(self, part: str) -> Run:
        """The same run, for one part of the table."""
        return replace(self, part=part)

    def facts(self) -> RunFacts:
        """What is settled about the run."""
        return self.read(RunFacts, self.whole.run)

    def rows_to_draw(self) -> int:
        """The rows asked for, as many as the survey where none were; of a part, its share."""
        from include.espejo.protect.parts import share_rows

        told = self.read(ProtectionSummary, self.whole.protection)
        rows = self.job.parameters.rows or told.rows
        return share_rows(told.parts, rows)[self.part] if self.part else rows

    def read(self, kind: type[Kind], uri: str) -> Kind:
        """A document of the workspace."""
        return kind.of_json(self.lakes.work.read(uri))

    def done_before(self, kind: type[Kind], uri: str) -> Kind | None:
        """What an earlier run of the same release left: a step is done once, its summary last.

        A release's name follows from all that determines it, so doing it again could only change
        what may already be published.
        """
        stored = self.lakes.work.read_tagged(uri)
        if stored is None:
            return None
        log.info("%s is already there: an earlier run of this release made it", uri)
        return kind.of_json(stored.content)

    def write(self, uri: str, document: Document) -> None:
        self.lakes.work.write(uri, document.to_json())

    def sides(self, columns: Iterable[str] | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The protected rows that training sees and those that it does not, with their keys."""
        return read_sides(self.lakes, self.work, columns)

    def synthetic(self) -> pd.DataFrame:
        """The synthetic table."""
        from include.espejo.table.frames import read_frame

        return read_frame(self.lakes.work.read(self.work.synthetic))

    def weight_margins(self) -> list[WeightMargin]:
        """What the survey's weights add up to, by its rows as they came; none without a weight."""
        from include.espejo.table.frames import read_frame
        from include.espejo.table.weights import weight_margins

        if self.spec.weight is None:
            return []
        return weight_margins(read_frame(self.lakes.work.read(self.work.typed)), self.spec)


def read_sides(
    lakes: Lakes, work: Workspace, columns: Iterable[str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The protected rows of a workspace, training and holdout. `columns` picks and orders."""
    from include.espejo.table.frames import read_frame

    train, holdout = (
        read_frame(lakes.work.read(uri), columns) for uri in (work.train, work.holdout)
    )
    return train, holdout
