"""What the steps share: the job, and summaries that say what is done."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.espejo.lake import Lakes
from include.espejo.lake.keys import Workspace
from include.espejo.parameters import Parameters
from include.espejo.survey import Period, SurveySpec

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

Summary = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """What is to be made: a survey's period with these parameters."""

    spec: SurveySpec
    period: Period
    parameters: Parameters


def done_before(lakes: Lakes, uri: str) -> Summary | None:
    """What an earlier run of the same release left: a step is done once, its summary last.

    A release's name follows from all that determines it, so doing it again could only change
    what may already be published.
    """
    stored = lakes.work.read_tagged(uri)
    if stored is None:
        return None
    log.info("%s is already there: done by an earlier run of this release", uri)
    return dict(json.loads(stored.content))


def read_summary(lakes: Lakes, uri: str) -> Summary:
    return dict(json.loads(lakes.work.read(uri)))


def read_sides(
    lakes: Lakes, work: Workspace, columns: Iterable[str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The protected rows, with their keys, that training sees and that it does not.

    `columns` picks and orders.
    """
    from include.espejo.table.frames import from_parquet, to_frame

    train, holdout = (
        to_frame(from_parquet(lakes.work.read(uri), columns)) for uri in (work.train, work.holdout)
    )
    return train, holdout


def as_json(content: Summary) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"
