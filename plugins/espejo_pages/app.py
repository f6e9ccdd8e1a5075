"""The routes of the pages of releases: each asks for the permission of the survey's own DAG.

What a page shows comes as JSON and is put into it as text. Only a release's report is served as
it lies in the lake, where it may have been changed: in a sandbox that reaches nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from include.espejo.errors import LakeError
from include.espejo.lake import join
from include.espejo.lake.keys import MANIFEST
from include.espejo.language.catalogue import sentences_of
from include.espejo.releases.catalog import Release
from plugins.espejo_pages.runs import describe_run
from plugins.espejo_pages.surveys import Survey, dag_of, find_surveys, forget_survey, open_survey
from plugins.espejo_pages.views import Answer, about, check_of, summary

HERE = Path(__file__).parent
LINK_SECONDS = 300
LARGEST_REPORT = 32 << 20  # bytes; a report has three million at most

# A page of ours runs its own scripts only, and is framed by Airflow only.
OWN_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
# No allow-same-origin: a report has no cookies, no storage, and reads nothing of Airflow's.
SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'; "
    "base-uri 'none'; form-action 'none'"
)
COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

app = FastAPI(title="Espejo", openapi_url=None)
app.mount("/static", StaticFiles(directory=HERE / "static"))

ReadsSomeDag = Depends(requires_access_dag("GET"))
ReadsDag = Depends(requires_access_dag("GET"))
ReadsRun = Depends(requires_access_dag("GET", DagAccessEntity.RUN))


@app.get("/texts.json")
def read_texts() -> JSONResponse:
    """What the pages say in Spanish, by the English that their scripts have."""
    return JSONResponse(sentences_of("plugins"), headers=COMMON)


@app.exception_handler(LakeError)
def tell_lake_error(request: Request, error: LakeError) -> JSONResponse:
    """The lake's failures name the place and what to check, and no value of a row."""
    return JSONResponse({"detail": str(error)}, status_code=502, headers=COMMON)


def survey_of(dag_id: str) -> Survey:
    """The survey whose releases a DAG makes."""
    for spec in find_surveys():
        if dag_of(spec) == dag_id:
            return open_survey(spec)
    raise HTTPException(404, f"{dag_id} makes no releases")


SurveyDep = Annotated[Survey, Depends(survey_of)]


def release_of(survey: SurveyDep, period: str, release: str) -> Release:
    """A release that the survey's pointer knows, and no other place of the lake."""
    try:
        found = survey.catalog.find(period, release)
    except LakeError:
        forget_survey(survey.spec)
        raise
    if found is None:
        raise HTTPException(404, f"{survey.spec.survey} has no release {period} {release}")
    return found


ReleaseDep = Annotated[Release, Depends(release_of)]


@app.get("/releases", dependencies=[ReadsSomeDag])
def releases_page() -> FileResponse:
    return own_page("releases.html")


@app.get("/releases/data", dependencies=[ReadsSomeDag])
def releases_data(user: GetUserDep) -> JSONResponse:
    """Every survey whose DAG the user may read, with its releases."""
    readable = get_auth_manager().get_authorized_dag_ids(user=user, method="GET")
    specs = [spec for spec in find_surveys() if dag_of(spec) in readable]
    return JSONResponse({"surveys": [_listed(spec) for spec in specs]}, headers=COMMON)


def _listed(spec: Any) -> Answer:
    told = {"survey": spec.survey, "dag_id": dag_of(spec), "title": spec.title.model_dump()}
    try:
        found = open_survey(spec).catalog.releases()
    except LakeError as error:
        forget_survey(spec)
        return told | {"error": str(error), "releases": []}
    return told | {"error": None, "releases": [summary(release) for release in found]}


@app.get("/releases/{dag_id}/{period}/{release}", dependencies=[ReadsDag])
def release_page(release: ReleaseDep) -> FileResponse:
    return own_page("release.html")


@app.get("/releases/{dag_id}/{period}/{release}/about", dependencies=[ReadsDag])
def release_data(survey: SurveyDep, release: ReleaseDep) -> JSONResponse:
    told = {"title": survey.spec.title.model_dump(), "link_seconds": LINK_SECONDS}
    return JSONResponse(told | about(release), headers=COMMON)


@app.get("/releases/{dag_id}/{period}/{release}/check", dependencies=[ReadsDag])
def release_check(survey: SurveyDep, release: ReleaseDep) -> JSONResponse:
    """Which files are not as they were published, by their hashes."""
    return JSONResponse(check_of(survey.catalog.check(release)), headers=COMMON)


@app.get("/releases/{dag_id}/{period}/{release}/report", dependencies=[ReadsDag])
def release_report(survey: SurveyDep, release: ReleaseDep) -> Response:
    """The report as it lies in the lake, whoever wrote it there."""
    entry = release.entries.get("report.html")
    if entry is None or entry.size > LARGEST_REPORT:
        raise HTTPException(404, "there is no report of a report's size")
    content = survey.catalog.read(release, "report.html")
    headers = COMMON | {"Content-Security-Policy": SANDBOX}
    return Response(content, media_type="text/html; charset=utf-8", headers=headers)


@app.post("/releases/{dag_id}/{period}/{release}/links/{name:path}", dependencies=[ReadsDag])
def make_link(survey: SurveyDep, release: ReleaseDep, name: str) -> JSONResponse:
    """An address for some minutes of a file that the manifest lists and that was not changed."""
    if release.entry(name) is None and name != MANIFEST:
        raise HTTPException(404, "the manifest lists no such file")
    if survey.catalog.check_file(release, name) is not None:
        raise HTTPException(409, f"{name} was changed after it was published: no link is made")
    last = name.rpartition("/")[2]
    called = f"{survey.spec.survey}_{release.period}_{release.name}_{last}"
    url = survey.links.link(join(release.folder, name), LINK_SECONDS, called)
    return JSONResponse({"url": url, "seconds": LINK_SECONDS}, headers=COMMON)


@app.get("/runs/{dag_id}/{run_id}", dependencies=[ReadsRun])
def run_page(dag_id: str) -> FileResponse:
    return own_page("run.html")


@app.get("/runs/{dag_id}/{run_id}/state", dependencies=[ReadsRun])
def run_state(survey: SurveyDep, run_id: str, session: SessionDep) -> JSONResponse:
    """How far a run is, what it made or why it made nothing."""
    told = describe_run(survey, run_id, session)
    if told is None:
        raise HTTPException(404, "there is no such run")
    return JSONResponse(told, headers=COMMON)


def own_page(name: str) -> FileResponse:
    headers = COMMON | {"Content-Security-Policy": OWN_PAGE}
    return FileResponse(
        HERE / "pages" / name, media_type="text/html; charset=utf-8", headers=headers
    )
