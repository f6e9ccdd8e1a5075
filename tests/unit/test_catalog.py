"""What the pages of releases read: releases, what was changed of them, a training under way."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest

from include.espejo.disclose.gates import Audit, Gate, Outcome
from include.espejo.disclose.verdict import failed_gates
from include.espejo.errors import LakeError
from include.espejo.lake import Lake
from include.espejo.lake.keys import workspace
from include.espejo.lake.local import LocalLake
from include.espejo.releases import catalog as catalog_module
from include.espejo.releases.publish import withdraw_release
from include.espejo.synthesis import progress as progress_module
from include.espejo.synthesis.interface.engine import EpochProgress
from include.espejo.synthesis.progress import (
    LiveProgress,
    read_progress,
    seconds_left,
)
from tests.support.shop import PERIOD, SURVEY, Shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    # The journal of changes compares contents that these small releases do not have.
    monkeypatch.setattr("include.espejo.releases.publish.record_publication", lambda *_: None)
    monkeypatch.setattr("include.espejo.releases.publish.record_withdrawal", lambda *_: None)
    return Shop(tmp_path)


A, B, C = "a" * 12, "b" * 12, "c" * 12


def test_nothing_published_is_an_empty_list(shop: Shop) -> None:
    assert shop.catalog.releases() == []


def test_a_pointer_of_another_form_is_not_taken_for_an_empty_survey(shop: Shop) -> None:
    shop.release(A)
    Path(shop.place.latest()).write_bytes(b"{}")
    with pytest.raises(LakeError, match="not what publishing writes"):
        shop.catalog.releases()


def test_a_release_whose_files_are_gone_is_still_told(shop: Shop) -> None:
    shop.release(A)
    shop.lake.delete_tree(shop.place.release(PERIOD, A))
    assert shop.find(A).manifest is None
    assert ("synthetic.csv", "missing") in shop.changes(A)


def test_releases_come_newest_first_with_verdict_and_scores(shop: Shop) -> None:
    shop.release(A, "2025T4")
    shop.release(B)
    shop.release(C)
    found = shop.catalog.releases()
    assert [(r.period, r.name, r.current) for r in found] == [
        ("2026T1", C, True),
        ("2026T1", B, False),
        ("2025T4", A, False),
    ]
    assert found[0].scores == {"overall": 0.9, "column_shapes": 0.91, "column_pair_trends": None}
    assert found[0].ceilings == {"overall": 0.97}
    assert found[0].manifest is not None
    assert found[0].manifest.gates[0].passed
    assert shop.catalog.find("2026T1", "d" * 12) is None


def test_a_withdrawn_release_is_shown_with_its_reason(shop: Shop) -> None:
    shop.release(A)
    shop.release(B)
    withdraw_release(shop.lake, shop.place, PERIOD, B, "wrong file")
    assert (shop.find(B).withdrawn, shop.find(B).reason, shop.find(B).current) == (
        True,
        "wrong file",
        False,
    )
    assert shop.find(A).current


def test_what_was_published_is_unchanged(shop: Shop) -> None:
    shop.release(A)
    shop.release(B, override={"gates": ["membership"], "reason": "the board decided"})
    for name in (A, B):
        check = shop.catalog.check(shop.find(name))
        assert (check.changes, check.vouched) == ((), True)
    overridden = shop.find(B).manifest
    assert overridden is not None
    assert overridden.override is not None
    assert overridden.override.reason == "the board decided"


def test_a_changed_file_is_told_with_both_hashes(shop: Shop) -> None:
    shop.release(A)
    assert shop.changes(A) == []
    shop.path(A, "report.html").write_bytes(b"<p>REPORT</p>")  # of the same size
    (change,) = shop.catalog.check(shop.find(A)).changes
    assert (change.file, change.kind) == ("report.html", "changed")
    assert change.expected == hashlib.sha256(b"<p>report</p>").hexdigest()
    assert change.found == hashlib.sha256(b"<p>REPORT</p>").hexdigest()
    assert shop.catalog.check_file(shop.find(A), "report.html") == change
    assert shop.catalog.check_file(shop.find(A), "synthetic.csv") is None


def test_missing_and_added_files_are_told(shop: Shop) -> None:
    shop.release(A)
    shop.path(A, "plots/a.png").unlink()
    shop.path(A, "rows.csv").write_bytes(b"x")
    assert shop.changes(A) == [("plots/a.png", "missing"), ("rows.csv", "unlisted")]


def test_a_manifest_changed_with_its_file_is_told(shop: Shop) -> None:
    """Whoever writes to the public place may keep both in step, but not the restricted copy."""
    shop.release(A)
    evil = b"<script>1</script>"
    shop.path(A, "report.html").write_bytes(evil)
    manifest = json.loads(shop.path(A, "manifest.json").read_text())
    for entry in manifest["files"]:
        if entry["name"] == "report.html":
            entry |= {"size": len(evil), "sha256": hashlib.sha256(evil).hexdigest()}
    shop.path(A, "manifest.json").write_text(json.dumps(manifest))
    assert shop.changes(A) == [("manifest.json", "changed"), ("report.html", "changed")]
    assert shop.catalog.check_file(shop.find(A), "report.html") is not None


def test_without_the_restricted_copy_the_check_says_so(shop: Shop) -> None:
    shop.release(A)
    shop.lake.delete_tree(workspace(str(shop.root / "restricted"), SURVEY, PERIOD, A).base)
    check = shop.catalog.check(shop.find(A))
    assert (check.changes, check.vouched) == ((), False)
    shop.path(A, "report.html").write_bytes(b"other")
    assert shop.changes(A) == [("report.html", "changed")]


@pytest.mark.parametrize(
    "content",
    [
        b"not json",
        b"[]",
        b'{"rows": "<b>", "created": "x", "gates": [], "files": []}',
        b'{"rows": 1, "created": "x", "gates": [], "files": '
        b'[{"name": "../../latest.json", "size": 1, "sha256": "' + b"0" * 64 + b'"}]}',
    ],
)
def test_a_manifest_of_another_form_is_not_shown(shop: Shop, content: bytes) -> None:
    shop.release(A)
    shop.path(A, "manifest.json").write_bytes(content)
    assert shop.find(A).manifest is None
    assert shop.find(A).entry("../../latest.json") is None
    assert ("manifest.json", "changed") in shop.changes(A)
    shop.lake.delete_tree(workspace(str(shop.root / "restricted"), SURVEY, PERIOD, A).base)
    assert shop.changes(A) == [("manifest.json", "changed")]  # the seal that is gone is not kept


def test_a_seal_that_is_put_right_counts_at_once(shop: Shop) -> None:
    shop.release(A)
    work = workspace(str(shop.root / "restricted"), SURVEY, PERIOD, A)
    seal = f"{work.candidate}/manifest.json"
    right = shop.lake.read(seal)
    shop.lake.write(seal, right + b" ")
    assert shop.changes(A) == [("manifest.json", "changed")]
    shop.lake.write(seal, right)
    assert shop.changes(A) == []


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("override", [None, {"gates": ["membership"], "reason": "the board"}])
def test_the_manifest_is_checked_as_its_files_are(
    shop: Shop, sealed: bool, override: dict[str, Any] | None
) -> None:
    shop.release(A, override=override)
    if not sealed:
        shop.lake.delete_tree(workspace(str(shop.root / "restricted"), SURVEY, PERIOD, A).base)
    before = shop.path(A, "manifest.json").read_bytes()
    assert shop.catalog.check_file(shop.find(A), "manifest.json") is None
    shop.path(A, "manifest.json").write_bytes(before + b" ")
    change = shop.catalog.check_file(shop.find(A), "manifest.json")
    if sealed:
        assert change is not None
        assert change.expected == hashlib.sha256(before).hexdigest()
    else:
        assert change is None  # nobody is left who knows
    shop.path(A, "manifest.json").write_bytes(b"{}")
    assert shop.catalog.check_file(shop.find(A), "manifest.json") is not None
    shop.path(A, "manifest.json").unlink()
    gone = shop.catalog.check_file(shop.find(A), "manifest.json")
    assert gone is not None
    assert gone.kind == "missing"


def test_a_release_from_before_there_were_gates_is_checked(shop: Shop) -> None:
    shop.release(A, gates=None)
    manifest = shop.find(A).manifest
    assert manifest is not None
    assert manifest.gates == ()
    assert (shop.changes(A), shop.catalog.check(shop.find(A)).vouched) == ([], True)
    assert shop.catalog.check_file(shop.find(A), "synthetic.csv") is None


def test_a_sealed_copy_of_another_form_vouches_for_nothing(shop: Shop) -> None:
    shop.release(A)
    work = workspace(str(shop.root / "restricted"), SURVEY, PERIOD, A)
    shop.lake.write(f"{work.candidate}/manifest.json", b"[]")
    check = shop.catalog.check(shop.find(A))
    assert (check.changes, check.vouched) == ((), False)
    assert shop.catalog.check_file(shop.find(A), "synthetic.csv") is None


def test_beside_a_ceiling_stands_the_score_of_as_many_rows(shop: Shop) -> None:
    shop.release(
        A,
        references={
            "overall": {"all_rows": 0.9, "score": 0.88, "ceiling": 0.97},
            "column_shapes": {"all_rows": 0.91, "score": 0.86, "ceiling": None},
        },
    )
    scores = {"overall": 0.88, "column_shapes": 0.91, "column_pair_trends": None}
    assert shop.find(A).scores == scores
    assert shop.find(A).ceilings.get("overall") == 0.97


def test_changed_scores_are_not_shown(shop: Shop) -> None:
    shop.release(A)
    shop.path(A, "quality.json").write_text('{"overall": 1.0}')
    assert shop.find(A).scores == {}


def test_a_hundred_releases_are_read_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(100):
        shop.release(f"{n:012x}", f"20{n // 4 + 10}T{n % 4 + 1}")
    shop.lake.reads.clear()
    assert len(shop.catalog.releases()) == 100
    assert len(shop.lake.reads) <= 1 + 3 * 100  # the pointer, and manifest, scores and their hash
    shop.lake.reads.clear()
    assert len(shop.catalog.releases()) == 100
    assert shop.lake.reads == []  # a listing and nothing else
    shop.path(f"{99:012x}", "synthetic.csv", "2034T4").write_bytes(b"changed")
    shop.lake.reads.clear()
    shop.catalog.check(shop.find(f"{99:012x}", "2034T4"))
    read = [uri.rpartition("/")[2] for uri in shop.lake.reads]
    assert read.count("synthetic.csv") == 1


def test_files_are_hashed_in_pieces(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_module, "_CHUNK", 2)
    shop.release(A)
    assert shop.changes(A) == []


# --- the training under way ----------------------------------------------------------------------


def told(epoch: int, of: int = 10, **more: Any) -> EpochProgress:
    figures: dict[str, Any] = {
        "generator_loss": 1.23456,
        "critic_loss": -0.98765,
        "seconds": 10.0 * epoch,
        "score": 0.912345,
        "rows_per_second": 12345.6,
    }
    return EpochProgress(epoch=epoch, epochs=of, **(figures | more))


@pytest.fixture
def at(tmp_path: Path) -> str:
    return str(tmp_path / "run" / "progress.json")


@pytest.fixture
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "SECONDS_BETWEEN", 0.0)


def read(at: str) -> dict[str, Any]:
    found = read_progress(LocalLake(), at)
    assert found is not None
    return found.model_dump(mode="json")


def test_progress_is_rounded_and_holds_nothing_else(at: str, every_epoch: None) -> None:
    assert read_progress(LocalLake(), at) is None
    live = LiveProgress(LocalLake(), at)
    live.tell(told(1))
    live.tell(told(2))
    point = {"epoch": 2, "generator_loss": 1.235, "critic_loss": -0.988, "score": 0.912}
    assert read(at) == {
        "done": False,
        **point,
        "of": 10,
        "seconds": 20,
        "seconds_left": 80,
        "rows_per_second": 12000,
        "curve": [point | {"epoch": 1}, point],
    }
    assert seconds_left(told(2)) == 80


def test_progress_ends_as_done(at: str) -> None:
    live = LiveProgress(LocalLake(), at)
    live.end()
    assert read_progress(LocalLake(), at) is None  # nothing was trained
    for epoch in range(1, 5):
        live.tell(told(epoch))
    assert read(at)["epoch"] == 1  # the others came within a second
    live.end()
    assert (read(at)["done"], read(at)["epoch"], read(at)["seconds_left"]) == (True, 4, 0)
    assert [point["epoch"] for point in read(at)["curve"]] == [1, 2, 3, 4]


def test_a_long_training_keeps_a_short_curve(at: str, every_epoch: None) -> None:
    live = LiveProgress(LocalLake(), at)
    for epoch in range(1, 1001):
        live.tell(told(epoch, of=1000))
    curve = [point["epoch"] for point in read(at)["curve"]]
    assert len(curve) <= progress_module.MOST_POINTS
    assert curve[-1] == 1000
    assert curve == sorted(set(curve))


def test_a_curve_that_is_cut_keeps_its_last_point(at: str, every_epoch: None) -> None:
    live = LiveProgress(LocalLake(), at)
    epochs = progress_module.MOST_POINTS + 1
    for epoch in range(1, epochs + 1):
        live.tell(told(epoch, of=epochs))
    curve = [point["epoch"] for point in read(at)["curve"]]
    assert curve == list(range(1, epochs + 1, 2))


def test_a_resumed_training_keeps_its_curve(at: str, every_epoch: None) -> None:
    killed = LiveProgress(LocalLake(), at)
    for epoch in (1, 2, 3):
        killed.tell(told(epoch))
    resumed = LiveProgress(LocalLake(), at)
    resumed.tell(told(3))  # the checkpoint was of epoch 2
    assert [point["epoch"] for point in read(at)["curve"]] == [1, 2, 3]
    anew = LiveProgress(LocalLake(), at)
    anew.tell(told(1))
    assert [point["epoch"] for point in read(at)["curve"]] == [1]


def test_a_training_goes_on_over_a_damaged_state(at: str, every_epoch: None) -> None:
    LiveProgress(LocalLake(), at).tell(told(1))
    Path(at).write_text('{"curve": 1}')
    assert read_progress(LocalLake(), at) is None
    LiveProgress(LocalLake(), at).tell(told(3))
    assert [point["epoch"] for point in read(at)["curve"]] == [3]


def test_a_diverged_training_has_no_figures(at: str) -> None:
    live = LiveProgress(LocalLake(), at)
    live.tell(told(1, generator_loss=math.nan, score=None, rows_per_second=None))
    assert (read(at)["generator_loss"], read(at)["score"], read(at)["rows_per_second"]) == (
        None,
        None,
        None,
    )


def test_training_goes_on_where_progress_cannot_be_written(
    at: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Full(LocalLake):
        def write(self, uri: str, content: bytes) -> None:
            raise LakeError(f"{uri}: the storage is full")

    LiveProgress(Full(), at).tell(told(1))
    assert "the storage is full" in caplog.text


def test_failed_gates_are_told_by_name_and_remedy_only(tmp_path: Path) -> None:
    lake: Lake = LocalLake()
    work = workspace(str(tmp_path), SURVEY, PERIOD, A)
    assert failed_gates(lake, work) == []
    leak = Gate(
        name="membership",
        figure=0.123,
        unit="AUC",
        limit=0.1,
        outcome=Outcome.LEAK,
        remedy="wait",
        p=0.0001,
        detectable=0.05,
    )
    fine = Gate(
        name="identical",
        figure=0.0,
        unit="share of rows",
        limit=0.1,
        outcome=Outcome.PASSED,
        remedy="none",
    )
    lake.write(work.audit, Audit(gates=(leak, fine)).to_json())
    assert failed_gates(lake, work) == [{"name": "membership", "remedy": "wait"}]
    lake.write(work.audit, b'{"gates": 3}')
    [damaged] = failed_gates(lake, work)
    assert damaged["name"] == "audit"
    assert "run `disclose` again" in damaged["remedy"]
