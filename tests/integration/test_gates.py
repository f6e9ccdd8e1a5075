"""The gates around a release, step by step on a disk: what is held back, let pass, and counted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from demo.enoe_like import generate_survey, write_survey
from include.espejo.disclose.gates import Audit, Gate, Outcome
from include.espejo.errors import GateError, LakeError, ParameterError
from include.espejo.lake import Lakes, open_lake
from include.espejo.lake.keys import PublicLocation, Workspace, scratch, workspace
from include.espejo.lake.local import LocalLake
from include.espejo.parameters import Parameters
from include.espejo.releases.ledger import Ledger
from include.espejo.releases.pointer import read_pointer
from include.espejo.steps.disclose import disclose
from include.espejo.steps.gates import require_gates
from include.espejo.steps.ingest import ingest
from include.espejo.steps.protect import protect
from include.espejo.steps.publish import publish
from include.espejo.steps.run import Job, Run
from include.espejo.steps.validate import validate
from include.espejo.survey import Period, SurveySpec, load_spec
from include.espejo.table.frames import from_parquet, to_frame, to_parquet, to_table
from tests.support.releases import every_value, release_files
from tests.surveys.parks import SPEC, write_parks

REASON = "identical: the director of the survey, 3 May"
LEAK = Gate(
    name="identical",
    figure=0.123456,
    unit="share of rows",
    limit=0.0,
    outcome=Outcome.LEAK,
    remedy="train shorter",
    p=0.0001,
    detectable=0.05,
)
UNDER_FLOOR = Gate(
    name="floor",
    figure=7.0,
    unit="people",
    limit=10.0,
    outcome=Outcome.BROKEN,
    about="under it",
    remedy="protect again",
)
SAFE = Gate(name="rules", figure=0.0, unit="rows", limit=0.0, outcome=Outcome.PASSED)


@dataclass(frozen=True)
class Office:
    """A lake on a disk with the places of a survey."""

    root: Path
    spec: SurveySpec

    @property
    def lakes(self) -> Lakes:
        lake = open_lake(str(self.root))
        return Lakes(lake, lake, lake)

    @property
    def restricted(self) -> str:
        return str(self.root / "restricted")

    @property
    def place(self) -> PublicLocation:
        return PublicLocation(str(self.root / "public"), self.spec.survey)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.lakes.work, self.restricted, self.spec.survey)

    def job(self, period: str, **given: Any) -> Job:
        return Job(self.spec, Period.parse(period), Parameters.of(self.spec, given))

    def run(
        self, job: Job, work: Workspace | None = None, override: str | None = None, source: str = ""
    ) -> Run:
        """As the DAG makes it; `work`: of the release, once it has one."""
        period = str(job.period)
        return Run(
            job=job,
            lakes=self.lakes,
            source=source,
            scratch=scratch(self.restricted, self.spec.survey, period),
            workspaces=partial(workspace, self.restricted, self.spec.survey, period),
            release="" if work is None else work.base.rpartition("/")[2],
            public=self.place,
            ledger=self.ledger,
            override=override,
        )

    def take_in(self, job: Job, survey: Path) -> Workspace:
        """The steps up to protected tables, as the DAG runs them."""
        run = self.run(job, source=str(survey))
        ingest(run)
        run = run.of_release(str(validate(run)["release"]))
        protect(run)
        return run.work


def put_candidate(work: Workspace, *gates: Gate) -> None:
    """What `disclose` and `report` leave, made up."""
    release = json.loads(Path(work.run).read_text())["public"]
    spec = load_spec(SPEC)
    made = release_files(spec, every_value(spec), release["period"], release["release"])
    manifest = json.loads(made["manifest.json"]) | release | {"overall": 0.5}
    for name, content in made.items():
        write(f"{work.candidate}/{name}", content)
    write(f"{work.candidate}/manifest.json", json.dumps(manifest).encode())
    write(work.audit, Audit(gates=gates).to_json())


def audits_find(monkeypatch: pytest.MonkeyPatch, *gates: Gate) -> list[tuple[int, int]]:
    """Audits find this without looking; the rows of train and control that each was given."""
    import include.espejo.disclose.audit as audits_module

    seen: list[tuple[int, int]] = []

    def gathered(train: pd.DataFrame, control: pd.DataFrame, *_: Any) -> None:
        seen.append((len(train), len(control)))

    monkeypatch.setattr(audits_module, "audited_population", gathered)
    monkeypatch.setattr(audits_module, "audit_population", lambda *_, **__: Audit(gates=gates))
    return seen


def write(path: str, content: bytes) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(content)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# --- publish -----------------------------------------------------------------------------------


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "lake", load_spec(SPEC))


@pytest.fixture
def work(office: Office, tmp_path: Path) -> Workspace:
    write_parks(tmp_path / "parks.csv")
    return office.take_in(office.job("2015T2"), tmp_path / "parks.csv")


def publish_it(office: Office, work: Workspace, override: str | None = None) -> Any:
    job = office.job("2015T2")
    release = json.loads(Path(work.run).read_text())["public"]["release"]
    office.ledger.attempt(job.period, release, 3, None)  # as `disclose` does
    return publish(office.run(job, work, override))


def test_what_passes_is_published_and_its_households_are_entered(
    office: Office, work: Workspace
) -> None:
    put_candidate(work, SAFE)
    done = publish_it(office, work)
    assert "override" not in json.loads(Path(done["manifest"]).read_text())
    (entered,) = Path(office.ledger.root).glob("households/*.parquet")
    rows = json.loads(Path(work.protection).read_text())
    assert len(pq.read_table(entered)) == rows["train_rows"]  # a visitor is a household here
    assert publish_it(office, work)["already_there"]
    assert len(list(Path(office.ledger.root).glob("households/*"))) == 1


def test_a_failed_gate_publishes_nothing_and_keeps_the_candidate(
    office: Office, work: Workspace
) -> None:
    put_candidate(work, SAFE, LEAK)
    kept = files(Path(work.candidate))
    with pytest.raises(GateError, match=r"gate identical: .* about 0.12 .*; train shorter"):
        publish_it(office, work)
    assert not Path(office.place.root).exists()
    assert files(Path(work.candidate)) == kept
    assert office.ledger.earlier(Period(2015, 3), 5) == []


def test_a_reason_publishes_it_and_stands_in_the_manifest(office: Office, work: Workspace) -> None:
    put_candidate(work, SAFE, LEAK)
    done = publish_it(office, work, REASON)
    manifest = json.loads(Path(done["manifest"]).read_text())
    assert manifest["override"] == {"gates": ["identical"], "reason": REASON}
    before = files(Path(office.place.root))
    for reason in (REASON, "identical: another person, another reason"):  # the first one stands
        assert publish_it(office, work, reason)["already_there"]
        assert files(Path(office.place.root)) == before
    pointer = read_pointer(office.lakes.publish, office.place.latest())
    assert pointer is not None
    assert len(pointer.history) == 1


@pytest.mark.parametrize("reason", ["", "identical", "because I can", "          "])
def test_a_word_is_no_reason(office: Office, work: Workspace, reason: str) -> None:
    put_candidate(work, SAFE, LEAK)
    with pytest.raises((ParameterError, GateError), match=r"override_reason|does not name"):
        publish_it(office, work, reason)
    assert not Path(office.place.root).exists()


def test_no_reason_publishes_what_is_under_the_floor(office: Office, work: Workspace) -> None:
    put_candidate(work, SAFE, LEAK, UNDER_FLOOR)
    with pytest.raises(GateError, match="no reason can override floor\n"):
        publish_it(office, work, REASON)
    assert not Path(office.place.root).exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"passed": true}'])
def test_an_audit_that_is_broken_or_missing_is_no_pass(
    office: Office, work: Workspace, content: bytes
) -> None:
    put_candidate(work, SAFE)
    write(work.audit, content)
    with pytest.raises(Exception, match=r"unexpected|held back"):
        publish_it(office, work, REASON)
    Path(work.audit).unlink()
    with pytest.raises(Exception, match="not found"):
        publish_it(office, work, REASON)
    assert not Path(office.place.root).exists()


# --- attempts ----------------------------------------------------------------------------------


def test_attempts_are_counted_before_anything_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spec allows three; the fourth release is refused before its audit."""
    audits = audits_find(monkeypatch, SAFE, LEAK)
    office = Office(tmp_path / "lake", load_spec(SPEC))
    write_parks(tmp_path / "parks.csv")
    jobs = [office.job("2015T2", seed=seed) for seed in range(4)]
    works = [office.take_in(job, tmp_path / "parks.csv") for job in jobs]
    for work in works:
        pq.write_table(pq.read_table(work.train), work.synthetic)

    def disclose_it(number: int, reason: str | None = None) -> Mapping[str, Any]:
        job, work = jobs[number], works[number]
        return disclose(office.run(job, work, reason))

    for number in (0, 1, 2, 0, 1, 2):
        assert disclose_it(number) == {"passed": False, "failed": ["identical"]}
    assert len(audits) == 3  # once a release
    with pytest.raises(GateError, match="3 releases of 2015T2 have been tried"):
        disclose_it(3)
    assert len(audits) == 3
    assert not Path(works[3].audit).exists()
    with pytest.raises(GateError, match="override reason that names `attempts`"):
        disclose_it(3, REASON)  # given for a gate, it says nothing of another try
    assert len(audits) == 3
    reason = f"attempts, {REASON}"
    disclose_it(3, reason)
    assert len(audits) == 4
    put_candidate(works[3], SAFE)
    done: Any = publish(office.run(jobs[3], works[3]))
    override = json.loads(Path(done["manifest"]).read_text())["override"]
    assert override == {"gates": ["attempts"], "reason": reason}


# --- across periods ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Panel:
    """Two quarters of the invented ENOE in one lake; a part of the households is in both."""

    office: Office
    first: Workspace
    second: Workspace
    job: Job


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    folder = tmp_path_factory.mktemp("panel")
    office = Office(folder / "lake", load_spec("enoe_sdem"))
    everybody = generate_survey(2015, 2, people=2600, seed=3)
    household = everybody.groupby(["CD_A", "ENT", "CON", "V_SEL", "N_HOG", "H_MUD"]).ngroup() % 5
    write_survey(everybody[household < 4], folder / "first.csv")
    write_survey(everybody[household > 0].assign(PER="315"), folder / "second.csv")
    before, job = office.job("2015T2"), office.job("2015T3")
    first = office.take_in(before, folder / "first.csv")
    put_candidate(first, SAFE)
    office.ledger.attempt(before.period, first.base.rpartition("/")[2], 3, None)
    publish(office.run(before, first))
    return Panel(office, first, office.take_in(job, folder / "second.csv"), job)


def table(uri: str) -> pd.DataFrame:
    return to_frame(from_parquet(Path(uri).read_bytes()))


def households(uri: str) -> set[tuple[str, ...]]:
    rows = table(uri)[["ENT", "CON", "V_SEL", "N_HOG", "H_MUD"]].astype(str)
    return set(rows.itertuples(index=False, name=None))


def test_a_household_is_on_the_same_side_in_both_quarters(panel: Panel) -> None:
    trained = [households(work.train) for work in (panel.first, panel.second)]
    held = [households(work.holdout) for work in (panel.first, panel.second)]
    both = (trained[0] | held[0]) & (trained[1] | held[1])
    assert len(both) > 200
    assert trained[0] & both == trained[1] & both
    assert held[0] & both == held[1] & both
    assert all(side & both for side in (*trained, *held))


def test_the_second_audit_is_also_held_against_the_first_quarters_people(panel: Panel) -> None:
    """Rows of the first quarter's training that left the panel: this quarter's own people do not
    show the copies, those of both do."""
    real = pd.concat([table(panel.second.train), table(panel.second.holdout)])
    left = table(panel.first.train)
    gone = ~left["CON"].astype(str).str.cat(left[["ENT", "V_SEL"]].astype(str), "-").isin(
        real["CON"].astype(str).str.cat(real[["ENT", "V_SEL"]].astype(str), "-")
    )
    random = np.random.default_rng(1)
    some = real.iloc[random.permutation(len(real))[: len(real) // 10]]
    columns = list(panel.job.spec.model_columns())
    copies = pd.concat([some, left[gone]])[columns]
    write(panel.second.synthetic, to_parquet(to_table(copies, panel.job.spec)))
    done: Any = disclose(panel.office.run(panel.job, panel.second))
    found = json.loads(Path(panel.second.audit).read_text())
    assert found["periods"] == 2
    attacks = [name for name in done["failed"] if not name.startswith("floor")]
    assert "identical_across_periods" in attacks
    assert all(name.endswith("_across_periods") for name in attacks)
    with pytest.raises(GateError, match="identical_across_periods"):
        require_gates(panel.office.run(panel.job, panel.second))


def test_two_releases_of_one_quarter_count_its_people_once(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = audits_find(monkeypatch, SAFE)
    office, root = panel.office, Path(panel.first.base)
    again = root.with_name("again")
    write(str(again / "train.parquet"), Path(panel.first.train).read_bytes())
    write(str(again / "holdout.parquet"), Path(panel.first.holdout).read_bytes())
    office.ledger.enter(Period(2015, 2), "again", np.zeros(1, dtype=np.uint64))
    write(panel.second.synthetic, Path(panel.second.train).read_bytes())
    Path(panel.second.audit).unlink(missing_ok=True)
    disclose(office.run(panel.job, panel.second))
    now = (len(table(panel.second.train)), len(table(panel.second.holdout)))
    then = (len(table(panel.first.train)), len(table(panel.first.holdout)))
    assert seen == [now, (now[0] + then[0], now[1] + then[1])]
    assert json.loads(Path(panel.second.audit).read_text())["periods"] == 2


def test_an_audit_is_made_again_when_earlier_people_come_to_light_before_it_is_published(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    audits_find(monkeypatch, SAFE)
    office, work = panel.office, panel.second
    release = work.base.rpartition("/")[2]
    write(work.synthetic, Path(work.train).read_bytes())
    Path(work.audit).unlink(missing_ok=True)

    def against() -> list[str]:
        disclose(office.run(panel.job, work))
        return list(json.loads(Path(work.audit).read_text())["against"])

    before = against()
    write(f"{work.candidate}/manifest.json", b"{}")
    revised = Path(panel.first.base).with_name("revised")
    for name in ("train.parquet", "holdout.parquet"):
        write(str(revised / name), Path(panel.first.base, name).read_bytes())
    office.ledger.enter(Period(2015, 2), "revised", np.zeros(1, dtype=np.uint64))
    # Before it was audited again it could not be published by the verdict of before.
    with pytest.raises(GateError, match="releases of earlier periods have come or gone"):
        require_gates(office.run(panel.job, work))
    assert against() == sorted([*before, str(revised)])
    assert require_gates(office.run(panel.job, work)) is None
    assert not Path(work.candidate).exists(), "it told the verdict of the older audit"
    office.ledger.enter(panel.job.period, release, np.zeros(1, dtype=np.uint64))
    write(f"{work.candidate}/manifest.json", b"{}")
    write(str(Path(panel.first.base).with_name("later") / "train.parquet"), b"")
    write(str(Path(panel.first.base).with_name("later") / "holdout.parquet"), b"")
    office.ledger.enter(Period(2015, 2), "later", np.zeros(1, dtype=np.uint64))
    assert against() == sorted([*before, str(revised)]), "what is published stays as it is"
    assert Path(work.candidate).exists()


def test_validating_alone_reads_the_file_again(tmp_path: Path) -> None:
    """Clearing the task `validate` deletes what `ingest` had left for it."""
    office = Office(tmp_path / "lake", load_spec(SPEC))
    write_parks(tmp_path / "parks.csv")
    run = office.run(office.job("2015T2"), source=str(tmp_path / "parks.csv"))
    ingest(run)
    before = validate(run)
    run.lakes.work.delete_tree(run.scratch)
    assert validate(run) == before


def test_a_task_killed_before_its_audit_is_kept_leaves_no_older_verdict(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: LocalLake, uri: str, content: bytes) -> None:
        raise LakeError(f"{uri}: {len(content)} bytes were not written")

    audits_find(monkeypatch, SAFE)
    work = panel.second
    Path(work.audit).unlink(missing_ok=True)
    write(work.synthetic, Path(work.train).read_bytes())
    write(f"{work.candidate}/manifest.json", b"{}")
    monkeypatch.setattr(LocalLake, "write", killed)
    with pytest.raises(LakeError, match="not written"):
        disclose(replace(panel.office.run(panel.job, work), ledger=None))
    assert not Path(work.candidate).exists()


class _KilledError(BaseException):
    """As a process that is killed: nothing catches it."""


@pytest.mark.parametrize("override", [None, REASON], ids=["passed", "overridden"])
def test_publishing_killed_after_any_write_is_mended_by_a_rerun(
    office: Office, work: Workspace, monkeypatch: pytest.MonkeyPatch, override: str | None
) -> None:
    put_candidate(work, SAFE, *([LEAK] if override else []))
    start = files(office.root)
    publish_it(office, work, override)
    whole = files(Path(office.place.root))
    cut_off = 0
    for writes in range(100):
        shutil.rmtree(office.root)
        for name, content in start.items():
            write(str(office.root / name), content)
        if not _killed_after(writes, monkeypatch, lambda: publish_it(office, work, override)):
            break
        cut_off += 1
        publish_it(office, work, override)
        assert files(Path(office.place.root)) == whole, writes
        pointer = read_pointer(office.lakes.publish, office.place.latest())
        assert pointer is not None
        assert len(pointer.history) == 1
    assert cut_off > len(whole)


def _killed_after(writes: int, monkeypatch: pytest.MonkeyPatch, call: Any) -> bool:
    """Whether the call was killed at a write after so many."""
    done = 0

    def counted(method: Any) -> Any:
        def write_or_die(*given: Any) -> Any:
            nonlocal done
            if done == writes:
                raise _KilledError
            done += 1
            return method(*given)

        return write_or_die

    with monkeypatch.context() as patch:
        for name in ("write", "create", "replace"):
            patch.setattr(LocalLake, name, counted(getattr(LocalLake, name)))
        try:
            call()
        except _KilledError:
            return True
    return False
