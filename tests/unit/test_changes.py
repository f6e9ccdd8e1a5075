"""The journal of releases: what readers must know of each publication and withdrawal."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from include.espejo.errors import LakeError
from include.espejo.lake import Lake, open_lake
from include.espejo.lake.keys import PublicLocation
from include.espejo.releases.changes_page import render_changes
from include.espejo.releases.entries import Journal
from include.espejo.releases.publish import publish_release, withdraw_release
from include.espejo.survey import Column, SurveySpec
from include.espejo.table.frames import to_frame, to_table
from tests.support.documents import filled
from tests.support.releases import every_value, release_files, write_candidate

Publish = Callable[..., None]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path))


@pytest.fixture
def place(tmp_path: Path, parks: SurveySpec) -> PublicLocation:
    return PublicLocation(str(tmp_path / "public"), parks.survey)


@pytest.fixture
def release(tmp_path: Path, lake: Lake, place: PublicLocation, parks: SurveySpec) -> Publish:
    """Publishes a release of the survey of parks, as its spec and frame say."""

    def do(
        name: str, period: str = "2026T3", spec: SurveySpec = parks, frame: Any = None, **more: Any
    ) -> None:
        table = every_value(spec) if frame is None else to_table(frame, spec)
        folder = str(tmp_path / "work" / period / name)
        write_candidate(lake, folder, release_files(spec, table, period, name))
        publish_release(lake, folder, lake, place, period, name, **more)

    return do


def entries(lake: Lake, place: PublicLocation) -> list[dict[str, Any]]:
    return list(json.loads(lake.read(place.changes()))["entries"])


def page(lake: Lake, place: PublicLocation) -> str:
    return lake.read(place.changes_page()).decode()


def frame_of(spec: SurveySpec) -> pd.DataFrame:
    return to_frame(every_value(spec))


def _fields(column: Column) -> dict[str, Any]:
    return {name: getattr(column, name) for name in Column.model_fields}


def with_columns(spec: SurveySpec, **columns: Any) -> SurveySpec:
    """The spec with columns changed, or, given None, no longer modelled."""
    kept = [name for name in spec.model.columns if columns.get(name, name) is not None]
    changed = {
        n: type(spec.columns[n])(**(_fields(spec.columns[n]) | update))
        for n, update in columns.items()
        if update
    }
    return spec.model_copy(
        update={
            "columns": spec.columns | changed,
            "model": spec.model.model_copy(update={"columns": tuple(kept)}),
        }
    )


def test_a_first_release_has_no_predecessor(
    lake: Lake, place: PublicLocation, release: Publish
) -> None:
    release("aaa")
    (entry,) = entries(lake, place)
    assert (entry["event"], entry["period"], entry["release"]) == ("published", "2026T3", "aaa")
    assert entry["predecessor"] is None
    assert entry["date"] == "2026-10-01"
    assert "Primera publicación / *First release*" in page(lake, place)


def test_the_same_table_again_has_changed_nothing(
    lake: Lake, place: PublicLocation, release: Publish
) -> None:
    release("aaa", "2026T2")
    release("bbb", "2026T3")
    assert entries(lake, place)[-1]["predecessor"] == {"period": "2026T2", "release": "aaa"}
    assert entries(lake, place)[-1]["changed"] == {}
    assert "*Same columns, codes and rules*" in page(lake, place)


def test_codes_that_came_and_went_are_told(
    lake: Lake, place: PublicLocation, release: Publish, parks: SurveySpec
) -> None:
    """By what rows hold, not by what the spec allows."""
    frame = frame_of(parks)
    release("aaa", frame=frame[frame["park"] != "Álamo"])
    release("bbb", frame=frame[frame["park"] != "Peñón"])
    changed = entries(lake, place)[-1]["changed"]
    assert changed["codes"]["park"] == {"appeared": ["Álamo"], "vanished": ["Peñón"]}
    assert "- `park`, códigos nuevos / *new codes*: `Álamo`" in page(lake, place)


def test_columns_rules_and_spec_that_changed_are_told(
    lake: Lake, place: PublicLocation, release: Publish, parks: SurveySpec
) -> None:
    release("aaa")
    other = with_columns(
        parks, pass_type=None, rating={"kind": "decimal"}, hours={"unit": parks.columns["age"].unit}
    )
    release("bbb", spec=other)
    changed = entries(lake, place)[-1]["changed"]
    assert changed["columns"] == {
        "vanished": ["pass_type"],
        "other_type": ["rating"],
        "other_labels": ["hours"],
    }
    # These two rules name the column that is gone.
    assert changed["rules"] == {"vanished": ["honorary_pays_nothing", "pass_of_members"]}
    assert changed["spec"] is True
    assert "Columnas que ya no están / *Columns no longer there*: `pass_type`" in page(lake, place)
    release("ccc")
    assert entries(lake, place)[-1]["changed"]["columns"]["appeared"] == ["pass_type"]


def test_a_rule_of_another_content_is_told(
    lake: Lake, place: PublicLocation, release: Publish, parks: SurveySpec
) -> None:
    release("aaa")
    wider = [
        r.model_copy(update={"gap": (0, 2)}) if r.kind == "birth_year" else r for r in parks.rules
    ]
    release("bbb", spec=parks.model_copy(update={"rules": tuple(wider)}))
    assert entries(lake, place)[-1]["changed"]["rules"] == {"changed": ["age_birth_year"]}


def test_a_release_is_compared_with_what_readers_had(
    lake: Lake, place: PublicLocation, release: Publish
) -> None:
    """The last of the newest period up to its own; not a withdrawn one, and no later period."""
    release("old", "2026T1")
    release("bad", "2026T2")
    withdraw_release(lake, place, "2026T2", "bad", "wrong weights")
    release("late", "2026T4")
    release("new", "2026T3")
    assert entries(lake, place)[-1]["predecessor"] == {"period": "2026T1", "release": "old"}
    release("again", "2026T3")
    assert entries(lake, place)[-1]["predecessor"] == {"period": "2026T3", "release": "new"}


def test_a_withdrawal_is_entered_with_its_first_reason(
    lake: Lake, place: PublicLocation, release: Publish
) -> None:
    release("aaa")
    withdraw_release(lake, place, "2026T3", "aaa", "wrong\n## weights")
    withdraw_release(lake, place, "2026T3", "aaa", "another reason")
    (last,) = [e for e in entries(lake, place) if e["event"] == "withdrawn"]
    assert last["reason"] == "wrong\n## weights"
    # A reason is one line of the page, whatever its author wrote.
    assert "- Motivo / *Reason*: wrong ## weights\n" in page(lake, place)


def test_an_override_is_told(lake: Lake, place: PublicLocation, release: Publish) -> None:
    release("aaa", added={"override": {"gates": ["membership"], "reason": "the office decided"}})
    assert entries(lake, place)[0]["override"] is True
    assert "*Published although a gate failed: see the manifest*" in page(lake, place)


def test_a_rerun_changes_nothing(lake: Lake, place: PublicLocation, release: Publish) -> None:
    release("aaa", "2026T2")
    release("bbb")
    before = [lake.read_tagged(uri) for uri in (place.changes(), place.changes_page())]
    release("aaa", "2026T2")
    release("bbb")
    assert [lake.read_tagged(uri) for uri in (place.changes(), place.changes_page())] == before


@pytest.mark.parametrize("missing", ["changes", "changes_page"])
def test_a_publication_cut_off_before_the_journal_can_be_finished(
    lake: Lake,
    place: PublicLocation,
    release: Publish,
    monkeypatch: pytest.MonkeyPatch,
    missing: str,
) -> None:
    uri = getattr(place, missing)()
    create = lake.create

    def cut_off(target: str, content: bytes) -> bool:
        if target == uri:
            raise LakeError("cut off", retryable=True)
        return create(target, content)

    with monkeypatch.context() as patch:
        patch.setattr(lake, "create", cut_off)
        with pytest.raises(LakeError, match="cut off"):
            release("aaa")
    assert not lake.exists(uri)
    release("aaa")
    assert [e["release"] for e in entries(lake, place)] == ["aaa"]
    assert "`aaa`" in page(lake, place)


def test_a_damaged_journal_is_told_with_its_remedy(
    lake: Lake, place: PublicLocation, release: Publish
) -> None:
    release("aaa")
    lake.write(place.changes(), b'{"survey": "parks", "entries": [{}]}')
    with pytest.raises(LakeError, match="not what publishing writes; restore it"):
        release("bbb")


def test_publications_at_once_lose_no_entry(
    lake: Lake, place: PublicLocation, release: Publish
) -> None:
    names = [f"r{i}" for i in range(4)]

    def patiently(name: str) -> None:
        for _ in range(50):
            try:
                return release(name)
            except LakeError as error:
                if not error.retryable:
                    raise
        raise AssertionError("never got through")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(patiently, names))
    assert sorted(e["release"] for e in entries(lake, place)) == names
    assert all(f"`{name}`" in page(lake, place) for name in names)
    assert page(lake, place).encode() == render_changes(Journal.of_json(lake.read(place.changes())))


def test_a_predecessor_without_rules_in_its_data_package_is_compared(
    lake: Lake, place: PublicLocation, release: Publish, parks: SurveySpec, tmp_path: Path
) -> None:
    """Releases made before data packages held rules are among the predecessors."""
    release("aaa")
    uri = place.release("2026T3", "aaa") + "/datapackage.json"
    package = json.loads(lake.read(uri))
    del package["rules"]
    lake.write(uri, json.dumps(package).encode())
    release("bbb")
    assert entries(lake, place)[-1]["changed"] == {}


@pytest.mark.parametrize("content", [None, b"{}", b"not json"])
@pytest.mark.parametrize("name", ["datapackage.json", "synthetic.parquet", "manifest.json"])
def test_a_damaged_predecessor_does_not_hold_a_publication_back(
    lake: Lake,
    place: PublicLocation,
    release: Publish,
    caplog: pytest.LogCaptureFixture,
    name: str,
    content: bytes | None,
) -> None:
    release("aaa")
    damaged = Path(place.release("2026T3", "aaa")) / name
    damaged.unlink() if content is None else damaged.write_bytes(content)
    release("bbb")
    last = entries(lake, place)[-1]
    assert (last["release"], last["changed"]) == ("bbb", None)
    assert last["predecessor"] == {"period": "2026T3", "release": "aaa"}
    assert f"aaa/{name}" in caplog.text
    assert "Could not be compared with*: 2026T3 `aaa`" in page(lake, place)
    assert "Same columns" not in page(lake, place)
    release("ccc")
    assert entries(lake, place)[-1]["changed"] == {}


def test_a_lake_that_does_not_answer_is_asked_again_for_the_predecessor(
    lake: Lake, place: PublicLocation, release: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    release("aaa")
    read = lake.read

    def down(uri: str) -> bytes:
        if "/aaa/" in uri and place.root in uri:
            raise LakeError("no answer", retryable=True)
        return read(uri)

    with monkeypatch.context() as patch:
        patch.setattr(lake, "read", down)
        with pytest.raises(LakeError, match="no answer"):
            release("bbb")
    release("bbb")
    assert entries(lake, place)[-1]["changed"] == {}


def test_the_page_lists_a_few_of_many_codes_and_the_newest_entry_first() -> None:
    published = {
        "event": "published",
        "spec_sha256": None,
        "code_version": None,
        "date": "2026-10-01",
        "period": "2026T3",
        "rows": 10,
        "override": False,
        "predecessor": {"period": "2026T2", "release": "aaa"},
    }
    codes = [f"{i:03}" for i in range(40)]
    journal = {
        "survey": "parks",
        "entries": [
            published | {"release": "bbb", "changed": {"codes": {"park": {"appeared": codes}}}},
            published | {"release": "ccc", "changed": {}},
        ],
    }
    text = render_changes(filled(Journal, journal)).decode()
    assert text.index("`ccc`") < text.index("`bbb`")
    assert "`011` y otros / *and others*: 28" in text
    assert "`012`" not in text
