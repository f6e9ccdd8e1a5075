"""The surveys that there are pages of, each with its catalog of releases."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

from airflow.sdk.exceptions import AirflowFailException

from include.espejo.errors import LakeError
from include.espejo.lake import Lake
from include.espejo.lake.keys import PublicLocation, Workspace, workspace
from include.espejo.releases.catalog import Catalog
from include.espejo.survey import SurveySpec, load_specs
from include.espejo.survey.load import surveys_directory
from include.espejo_airflow.connections import lake_by


@dataclass(frozen=True)
class Survey:
    """A survey as its pages see it: the public place by one identity, the restricted by another.

    `links` signs addresses for a reader's browser, which may know the lake by another name.
    """

    spec: SurveySpec
    catalog: Catalog
    links: Lake
    work: Lake

    @property
    def dag_id(self) -> str:
        return dag_of(self.spec)

    def workspace(self, period: str, release: str) -> Workspace:
        return workspace(self.spec.places.restricted, self.spec.survey, period, release)


_opened: dict[str, Survey] = {}
_opening = Lock()


def dag_of(spec: SurveySpec) -> str:
    """The DAG that makes a survey's releases."""
    return f"{spec.survey}_synthesis"


def find_surveys() -> list[SurveySpec]:
    """The specs that can be used; dags/check_specs.py shows the others."""
    files = sorted(surveys_directory().glob("*"))
    return _load(tuple((path, path.stat().st_mtime_ns) for path in files))


def open_survey(spec: SurveySpec) -> Survey:
    """The survey with its lakes, and all that its catalog has read so far.

    Raises LakeError where a connection that it names is missing.
    """
    with _opening:
        opened = _opened.get(spec.survey)
        if opened is None or opened.spec is not spec:
            _opened[spec.survey] = opened = _open(spec)
        return opened


def forget_survey(spec: SurveySpec) -> None:
    """Open it anew next time: its connections may have been changed after the lake refused them."""
    _opened.pop(spec.survey, None)


def _open(spec: SurveySpec) -> Survey:
    places, connections = spec.places, spec.connections
    place = PublicLocation(places.public, spec.survey)
    try:
        work = lake_by(connections.work, places.restricted)
        reader = lake_by(connections.consumer, places.public)
        links = lake_by(connections.consumer, places.public, "link_endpoint_url")
    except AirflowFailException as error:
        raise LakeError(str(error)) from error
    return Survey(spec, Catalog(reader, place, work, places.restricted), links, work)


@lru_cache(maxsize=1)
def _load(files: tuple[tuple[Path, int], ...]) -> list[SurveySpec]:
    """The specs as these files, of these times, have them: a spec may read others beside it."""
    return sorted(load_specs()[0], key=lambda spec: spec.survey)
