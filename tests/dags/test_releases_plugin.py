"""The pages of releases without a running Airflow: who may see what, and what is served how."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Route, sync_playwright

from include.espejo.survey.load import SURVEYS_VARIABLE, load_spec
from tests.conftest import ROOT
from tests.support.mutations import BULK
from tests.support.shop import PERIOD, Shop

PAGES = ROOT / "plugins" / "espejo_pages"
PARKS = ROOT / "tests" / "surveys" / "parks.yaml"
A = "a" * 12
AT = f"/releases/parks_synthesis/{PERIOD}/{A}"
ROUTES = [
    "/releases",
    "/releases/data",
    AT,
    f"{AT}/about",
    f"{AT}/check",
    f"{AT}/report",
    "/runs/parks_synthesis/manual__1",
    "/runs/parks_synthesis/manual__1/state",
]


class Manager:
    """Lets a user read some DAGs."""

    def __init__(self, readable: set[str]):
        self.readable = readable

    def is_authorized_dag(self, *, details: Any, **_: Any) -> bool:
        return details.id in self.readable if details and details.id else True

    def get_authorized_dag_ids(self, **_: Any) -> set[str]:
        return self.readable


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Two surveys in a folder's lake, `parks` with a release."""
    surveys = tmp_path / "surveys"
    surveys.mkdir()
    text = PARKS.read_text(encoding="utf-8")
    for place in ("restricted", "public"):
        text = text.replace(f"s3://espejo-{place}", str(tmp_path / place))
    (surveys / "parks.yaml").write_text(text, encoding="utf-8")
    other = text.replace("survey: parks", "survey: lakes")
    (surveys / "lakes.yaml").write_text(other, encoding="utf-8")
    (surveys / "broken.yaml").write_text("survey: broken\n", encoding="utf-8")
    monkeypatch.setenv(SURVEYS_VARIABLE, str(surveys))
    monkeypatch.setattr("include.espejo.releases.publish.record_publication", lambda *_: None)
    shop = Shop(tmp_path)
    shop.release(A)
    return shop


@pytest.fixture
def client(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """As a user who may read the DAG of `parks` and no other."""
    from airflow.api_fastapi.core_api import security
    from airflow.models.dag import DagModel

    from plugins.espejo_pages import app as pages

    manager = Manager({"parks_synthesis"})
    for module in (security, pages):
        monkeypatch.setattr(module, "get_auth_manager", lambda: manager)
    monkeypatch.setattr(DagModel, "get_team_name", lambda _: None)
    monkeypatch.setitem(pages.app.dependency_overrides, security.get_user, lambda: "somebody")
    return TestClient(pages.app)


@pytest.mark.parametrize("route", ROUTES)
def test_without_a_token_nothing_is_told(route: str, shop: Shop) -> None:
    from plugins.espejo_pages.app import app

    assert TestClient(app).get(route).status_code == 401
    assert TestClient(app).post(f"{AT}/links/synthetic.csv").status_code == 401


@pytest.mark.parametrize("route", [route for route in ROUTES if "parks" in route])
def test_a_survey_is_shown_only_to_those_who_may_read_its_dag(
    route: str, client: TestClient
) -> None:
    hidden = route.replace("parks_synthesis", "lakes_synthesis")
    assert client.get(hidden).status_code == 403
    links = AT.replace("parks_synthesis", "lakes_synthesis") + "/links/synthetic.csv"
    assert client.post(links).status_code == 403
    told = client.get("/releases/data").json()["surveys"]
    assert [survey["survey"] for survey in told] == ["parks"]


def test_the_pages_are_served_under_any_base_path(client: TestClient) -> None:
    for page in PAGES.glob("pages/*.html"):
        text = page.read_text(encoding="utf-8")
        assert '="/' not in text, page
        assert "://" not in text, page
    answer = client.get("/releases")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert client.get("/static/releases.js").status_code == 200


def test_a_release_is_told_with_files_and_gates(client: TestClient) -> None:
    told = client.get(f"{AT}/about").json()
    assert {file["name"] for file in told["files"]} == {
        "synthetic.csv",
        "quality.json",
        "report.html",
        "plots/a.png",
        "manifest.json",
    }
    assert told["every_gate"][0]["gate"] == "membership"
    assert client.get(f"{AT}/check").json() == {"vouched": True, "changes": []}
    assert client.get(AT.replace(A, "b" * 12) + "/about").status_code == 404
    assert client.get(f"/releases/parks_synthesis/..%2F..%2Fx/{A}/about").status_code == 404


def test_the_report_is_sandboxed_whoever_wrote_it(client: TestClient, shop: Shop) -> None:
    shop.path(A, "report.html").write_bytes(b"<script>top</script>")
    answer = client.get(f"{AT}/report")
    rules = [rule.strip() for rule in answer.headers["Content-Security-Policy"].split(";")]
    assert rules[:2] == ["sandbox allow-scripts", "default-src 'none'"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    (change,) = client.get(f"{AT}/check").json()["changes"]
    assert (change["file"], change["kind"]) == ("report.html", "changed")
    with shop.path(A, "report.html").open("wb") as file:
        file.truncate(33 << 20)
    assert client.get(f"{AT}/report").status_code == 404


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("nothing.csv", 404),
        ("..%2F..%2Flatest.json", 404),
        ("plots/a.png", 409),  # changed
        ("synthetic.csv", 502),  # listed and unchanged, but a folder gives no links
        ("manifest.json", 502),
    ],
)
def test_links_are_of_listed_and_unchanged_files(
    client: TestClient, shop: Shop, name: str, status: int
) -> None:
    shop.path(A, "plots/a.png").write_bytes(b"other")
    assert client.post(f"{AT}/links/{name}").status_code == status


def test_a_lake_that_does_not_answer_is_told_and_hides_no_other_survey(
    client: TestClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.espejo.errors import LakeError
    from include.espejo.lake.local import LocalLake

    def down(self: LocalLake, folder: str) -> Any:
        raise LakeError(f"{folder}: cannot list it: no answer", retryable=True)

    monkeypatch.setattr(LocalLake, "tree", down)
    (told,) = client.get("/releases/data").json()["surveys"]
    assert "no answer" in told["error"]
    assert told["releases"] == []
    assert client.get(f"{AT}/about").status_code == 502


def test_a_missing_connection_is_told_and_hides_no_other_survey(
    client: TestClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.core_api import security
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    from plugins.espejo_pages import app as pages

    def none(conn_id: str) -> Any:
        raise AirflowNotFoundException(conn_id)

    monkeypatch.setattr(Connection, "get", none)
    text = PARKS.read_text(encoding="utf-8")
    (shop.root / "surveys/rivers.yaml").write_text(
        text.replace("survey: parks", "survey: rivers"), encoding="utf-8"
    )
    manager = Manager({"parks_synthesis", "rivers_synthesis"})
    for module in (security, pages):
        monkeypatch.setattr(module, "get_auth_manager", lambda: manager)
    parks, rivers = client.get("/releases/data").json()["surveys"]
    assert (parks["error"], len(parks["releases"])) == (None, 1)
    assert "it does not exist; create one of type aws" in rivers["error"]
    answer = client.get(AT.replace("parks", "rivers") + "/about")
    assert (answer.status_code, "create one of type aws" in answer.text) == (502, True)


def test_airflow_loads_the_plugin_and_none_of_its_parts() -> None:
    from airflow import plugins_manager

    plugins_manager._get_plugins.cache_clear()
    plugins, errors = plugins_manager._get_plugins()
    assert errors == {}
    # Airflow names what it loads by its file: our modules would stand in the way of others.
    assert not {path.stem for path in PAGES.glob("*.py")} & set(sys.modules)
    (ours,) = [plugin for plugin in plugins if plugin.name == "espejo_releases"]
    assert {view["destination"] for view in ours.external_views} == {"nav", "dag_run"}
    assert not [view for view in ours.external_views if view["href"].startswith("/")]


# --- what the pages say, in a browser ------------------------------------------------------------

Shown = Callable[..., str]


@pytest.fixture
def shown(client: TestClient) -> Iterator[Shown]:
    """The text of a page as Airflow would serve it, once it holds `until`.

    `state`: what is told of a run, instead of what Airflow's database says.
    """
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium: run `make browser`")

    def show(path: str, until: str, state: dict[str, Any] | None = None) -> str:
        def serve(route: Route) -> None:
            asked = route.request.url.removeprefix("http://airflow.test/espejo")
            if asked.endswith("/state"):
                route.fulfill(json=state)
            else:
                answer = client.get(asked)
                route.fulfill(
                    status=answer.status_code, headers=dict(answer.headers), body=answer.content
                )

        page = browser.new_page(locale="en")
        page.route("**/*", serve)
        page.goto(f"http://airflow.test/espejo{path}")
        page.get_by_text(until).first.wait_for()
        return page.inner_text("main")

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield show
        browser.close()


def test_a_release_from_before_there_were_gates_does_not_pass_as_good(
    shop: Shop, shown: Shown
) -> None:
    assert "Passes 1 of 1 gates" in shown("/releases", "As published")
    shop.release("b" * 12, gates=None)
    text = shown(AT.replace(A, "b" * 12), "As published")
    assert "Without gates" in text
    assert "Passes" not in text


def test_a_score_stands_beside_the_ceiling_of_as_many_rows(shop: Shop, shown: Shown) -> None:
    shop.release("b" * 12, references={"overall": {"score": 0.83, "ceiling": 0.87}})
    text = shown("/releases", "As published")
    assert "0.83" in text.split("ceiling")[0]
    assert "ceiling 0.87" in text


@pytest.mark.parametrize(
    ("step", "gates", "override", "nothing"),
    [
        ("train", 0, False, True),
        ("publish", 1, False, True),
        ("publish", 0, False, False),
        ("publish", 1, True, False),
    ],
)
def test_that_nothing_was_published_is_said_only_where_it_is_sure(
    shown: Shown, step: str, gates: int, override: bool, nothing: bool
) -> None:
    """Publishing may also fail when the release is out, at the pointers or the journal."""
    label = {"es": "Pertenencia", "en": "Membership"}
    remedy = {"es": "espere", "en": "wait"}
    task = {"id": step, "state": "failed", "try_number": 4, "most_tries": 4, "seconds": 1}
    state = {
        "state": "failed",
        "dry_run": False,
        "override": override,
        "period": PERIOD,
        "release": A,
        "published": False,
        "asked": [{"label": {"es": "Filas", "en": "Rows"}, "value": 100}],
        "tasks": [task],
        "progress": None,
        "candidate": None,
        "lake_answers": True,
        "failed_gates": [{"gate": "membership", "label": label, "remedy": remedy}] * gates,
    }
    text = shown("/runs/parks_synthesis/manual__1", "failed.", state)
    assert ("failed. Nothing was published." in text) == nothing
    assert ("The list of releases shows" in text) != nothing
    assert f"{A} · Rows 100" in text


def test_what_the_form_gave_is_told_but_for_the_seed() -> None:
    from include.espejo_airflow.form import settings_of

    spec = load_spec(PARKS)
    usual = spec.model.epochs
    conf = {"rows": 100, "epochs": usual, "seed": 7, "period": PERIOD, "odd": "<b>"}
    assert settings_of(spec, conf) == {"rows": 100}
    assert settings_of(spec, conf | {"rows": -1}) == {}  # refused: nothing was taken
    assert settings_of(spec, {}) == {}


def test_of_a_task_of_each_part_the_state_that_matters_is_told_in_the_flow_s_order() -> None:
    from plugins.espejo_pages.runs import tell_tasks

    def task(name: str, state: str | None) -> Any:
        return SimpleNamespace(
            task_id=name, state=state, try_number=1, max_tries=3, start_date=None, end_date=None
        )

    found = [
        task("publish", None),
        task("parts.train", "success"),
        task("parts.train", "failed"),
        task("parts.train", "running"),
        task("parts.sample", "success"),
        task("parts.sample", "running"),
        task("combine", None),
        task("evaluate", "success"),
        task("of_the_office", "success"),
        task("protect", "success"),
    ]
    told = [(one["id"], one["state"]) for one in tell_tasks(found)]
    assert told == [
        ("protect", "success"),
        ("parts.train", "failed"),
        ("parts.sample", "running"),
        ("combine", None),
        ("evaluate", "success"),
        ("publish", None),
        ("of_the_office", "success"),
    ]


def test_with_the_lake_down_airflow_s_own_steps_are_still_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from include.espejo.errors import LakeError
    from plugins.espejo_pages import runs

    class Gone:
        def __getattr__(self, name: str) -> Any:
            def fail(*_: object) -> None:
                raise LakeError("s3://espejo-restricted: no answer", retryable=True)

            return fail

    made = {"validate": {"period": PERIOD, "release": A}}
    monkeypatch.setattr(runs, "_tasks", lambda *_: [{"id": "train", "state": "running"}])
    monkeypatch.setattr(runs, "_returned", lambda *words: made.get(words[-1]))
    survey: Any = SimpleNamespace(
        dag_id="parks_synthesis",
        spec=load_spec(PARKS),
        work=Gone(),
        workspace=lambda *_: SimpleNamespace(progress="progress", candidate="candidate"),
    )
    session: Any = SimpleNamespace(scalar=lambda _: SimpleNamespace(state="running", conf={}))
    told = runs.describe_run(survey, "manual__1", session)
    assert told is not None
    assert told["tasks"] == [{"id": "train", "state": "running"}]
    assert (told["lake_answers"], told["progress"], told["failed_gates"]) == (False, None, [])


_ODD = st.sampled_from(
    (
        *("parks_synthesis", "lakes_synthesis", "nobody_synthesis", "parks", "_synthesis"),
        *(PERIOD, "2015T9", A, "manual__1", "..", "%2e%2e", "latest.json", "links", "report"),
        *(
            "check",
            "about",
            "state",
            "synthetic.csv",
            "manifest.json",
            "\x00",
            "a" * 3000,
            "%",
            "é",
        ),
    )
) | st.text(max_size=8)
_HEADERS = st.dictionaries(
    st.sampled_from(("Accept", "Accept-Language", "Authorization", "Cookie", "If-None-Match")),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
    max_size=2,
)


@settings(BULK, suppress_health_check=[*HealthCheck])
@given(
    method=st.sampled_from(("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")),
    start=st.sampled_from(("/releases", "/runs", "/static", "")),
    parts=st.lists(_ODD, max_size=5),
    headers=_HEADERS,
)
def test_no_odd_request_breaks_a_page(
    client: TestClient, method: str, start: str, parts: list[str], headers: dict[str, str]
) -> None:
    path = "/".join([start, *(quote(part, safe="%") for part in parts)])
    answer = client.request(method, path or "/", headers=headers)
    assert answer.status_code < 500
    if answer.status_code >= 400:
        assert "Traceback" not in answer.text
