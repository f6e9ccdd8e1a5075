"""A table that is learnt in parts: each by itself, and one release of them all."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
import yaml

from include.espejo.disclose.distance import shards
from include.espejo.disclose.distance.shards import shards_of
from include.espejo.lake import Lakes, join, open_lake
from include.espejo.lake.keys import Workspace
from include.espejo.parameters import Parameters
from include.espejo.steps import earlier
from include.espejo.steps.combine import combine
from include.espejo.steps.disclose import disclose
from include.espejo.steps.documents import ProtectionSummary, SamplingSummary, TrainingSummary
from include.espejo.steps.earlier import PastRelease
from include.espejo.steps.pretrain import FIELD_GROUPS, pretrain
from include.espejo.steps.protect import protect
from include.espejo.steps.run import Job, Run
from include.espejo.steps.sample import sample
from include.espejo.steps.search import search
from include.espejo.steps.table import INGEST, VALIDATE
from include.espejo.steps.train import train
from include.espejo.survey import Period
from include.espejo.survey.load import parse_spec
from include.espejo.table.frames import from_parquet
from tests.surveys.parks import SPEC, write_parks

PEOPLE, ASKED = 4_000, 777


def prepared(folder: Path) -> Run:
    """A run of the parks, by park, up to its valid table."""
    content = yaml.safe_load(SPEC.read_text(encoding="utf-8"))
    content["model"] |= {"partition": "park", "part_rows": 1000}
    spec = parse_spec(yaml.safe_dump(content, allow_unicode=True), "parks.yaml")
    write_parks(folder / "parks.csv", PEOPLE)
    work = Workspace(str(folder / "work"))
    lake = open_lake(str(folder))
    run = Run(
        job=Job(
            spec, Period(2015, 2), Parameters.of(spec, {"rows": ASKED, "seed": 5, "epochs": 1})
        ),
        lakes=Lakes(ingest=lake, work=lake, publish=lake),
        source=str(folder / "parks.csv"),
        scratch=join(work.base, "scratch"),
        workspaces=lambda _: work,
    )
    INGEST.call(run)
    return run.of_release(str(VALIDATE.call(run)["release"]))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same, to its synthetic table."""
    run = prepared(tmp_path_factory.mktemp("parts"))
    protect(run)
    # On whatever worker is free: in no order.
    for group in reversed(FIELD_GROUPS):
        pretrain(run.of_part(group))
    for part in reversed(run.read(ProtectionSummary, run.work.protection).parts):
        train(run.of_part(part.name))
        sample(run.of_part(part.name))
    combine(run)
    return run


def table(run: Run, uri: str) -> pa.Table:
    return from_parquet(run.lakes.work.read(uri))


def parks(rows: pa.Table) -> Counter[str]:
    return Counter(rows["park"].to_pylist())


def test_each_part_learns_its_own_rows_and_all_of_them_once(made: Run) -> None:
    parts = made.read(ProtectionSummary, made.work.protection).parts
    assert len(parts) == 2  # of four parks, each too small by itself
    assert sorted(code for part in parts for code in part.codes) == sorted(
        parks(table(made, made.work.train))
    )
    learnt: Counter[str] = Counter()
    for part in parts:
        rows = table(made, made.of_part(part.name).work.train)
        assert set(parks(rows)) == set(part.codes)
        assert rows.num_rows == part.rows
        learnt += parks(rows)
    assert learnt == parks(table(made, made.work.train))


def test_the_release_is_one_of_the_rows_asked_for(made: Run) -> None:
    synthetic, train_rows = table(made, made.work.synthetic), table(made, made.work.train)
    assert synthetic.num_rows == ASKED
    assert synthetic.column_names == list(made.spec.model_columns())
    for part in made.read(ProtectionSummary, made.work.protection).parts:
        drawn = sum(n for code, n in parks(synthetic).items() if code in part.codes)
        assert drawn == pytest.approx(part.rows / train_rows.num_rows * ASKED, abs=1)
    first = synthetic["park"].to_pylist()[: ASKED // 2]
    assert set(first) == set(parks(synthetic))  # not a part after the other
    told = made.read(SamplingSummary, made.work.sampling)
    assert (told.rows, told.broken_rules) == (ASKED, ())


def test_what_is_told_of_the_training_is_of_all_parts(made: Run) -> None:
    whole = made.read(TrainingSummary, made.work.training)
    places = [
        *(made.work.pretraining(group) for group in FIELD_GROUPS),
        *(
            made.of_part(part.name).work
            for part in made.read(ProtectionSummary, made.work.protection).parts
        ),
    ]
    told = [made.read(TrainingSummary, work.training) for work in places]
    assert whole.steps == sum(one.steps for one in told)
    losses, *of_each = (
        pd.read_csv(io.BytesIO(made.lakes.work.read(work.losses))) for work in (made.work, *places)
    )
    of_groups, of_parts = of_each[: len(FIELD_GROUPS)], of_each[len(FIELD_GROUPS) :]
    before = max(len(one) for one in of_groups)
    assert losses["epoch"].tolist() == list(range(1, len(losses) + 1))
    assert len(losses) == before + max(len(one) for one in of_parts)
    begun = sum(one["generator_loss"].iloc[0] for one in of_groups if len(one))
    assert losses["generator_loss"].iloc[0] == pytest.approx(begun)
    assert losses["score"].notna().tolist() == [False] * before + [True] * (len(losses) - before)
    for name in whole.files:
        assert made.lakes.work.exists(join(made.work.base, name))


def test_a_part_that_has_no_row_to_draw_is_left_out(
    made: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (part.name for part in made.read(ProtectionSummary, made.work.protection).parts)
    monkeypatch.setattr(Run, "rows_to_draw", lambda run: 0 if run.part == first else ASKED)
    for name in (first, second):
        Path(made.of_part(name).work.sampling).unlink()
        sample(made.of_part(name))
    kept = {uri: made.lakes.work.read(uri) for uri in (made.work.synthetic, made.work.sampling)}
    Path(made.work.sampling).unlink()
    combine(made)
    codes = made.read(ProtectionSummary, made.work.protection).parts[1].codes
    assert set(parks(table(made, made.work.synthetic))) <= set(codes)
    for uri, content in kept.items():
        made.lakes.work.write(uri, content)


def test_parts_do_not_draw_alike_and_the_same_again_is_the_same(made: Run, tmp_path: Path) -> None:
    names = [part.name for part in made.read(ProtectionSummary, made.work.protection).parts]
    assert len({made.seed, *(made.of_part(name).seed for name in names)}) == len(names) + 1
    again = prepared(tmp_path)
    protect(again)
    for group in FIELD_GROUPS:
        pretrain(again.of_part(group))
    for name in names:
        train(again.of_part(name))
        sample(again.of_part(name))
    combine(again)
    left, right = (run.lakes.work.read(run.work.synthetic) for run in (made, again))
    assert left == right
    before = made.lakes.work.read_tagged(made.work.synthetic)
    combine(made)  # as a task that is tried again
    assert made.lakes.work.read_tagged(made.work.synthetic) == before


def audited_anew(run: Run) -> bytes:
    Path(run.work.audit).unlink(missing_ok=True)
    disclose(run)
    return run.lakes.work.read(run.work.audit)


@pytest.mark.parametrize("others", [0, 1])
def test_the_audit_whose_search_is_shared_is_the_audit_of_one_process(
    made: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, others: int
) -> None:
    before = [PastRelease(Period(2015, 1), made.work)] * others
    monkeypatch.setattr(earlier, "_recorded", lambda run: before)
    monkeypatch.setattr(shards, "_SHARD_ROWS", 1_000)
    caplog.set_level("INFO")
    wanted = audited_anew(made)
    Path(made.work.audit).unlink()
    names = [shard.name for shard in shards_of(PEOPLE)]
    assert len(names) == 4
    told = [search(made.of_part(name)) for name in reversed(names)]
    assert sum(int(str(shard["rows"])) for shard in told) == PEOPLE * (1 + 2 * others)
    assert search(made.of_part(names[0]))["rows"] == 0  # as a task that is tried again
    assert audited_anew(made) == wanted
    assert "searched in 4 shards" in caplog.text
    assert made.lakes.work.tree(made.work.searched) == {}
    assert search(made.of_part(names[0]))["rows"] == 0  # the audit is there


def test_a_shard_that_is_missing_is_searched_by_the_audit(
    made: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shards, "_SHARD_ROWS", 1_000)
    caplog.set_level("INFO")
    wanted = audited_anew(made)
    Path(made.work.audit).unlink()  # or there is nothing to search
    search(made.of_part("1-of-4"))
    assert audited_anew(made) == wanted
    assert "searched in" not in caplog.text
