"""Engine ctgan, the model file: no pickle, no row, no other spec, the same on another machine."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load as load_tensors

from include.espejo.errors import ModelError
from include.espejo.survey import load_spec
from include.espejo.synthesis.ctgan.encoding.encode import encode
from include.espejo.synthesis.ctgan.encoding.layout import Layout
from include.espejo.synthesis.ctgan.engine import CtganEngine
from include.espejo.synthesis.ctgan.model import VERSION, load_model, save_model
from include.espejo.synthesis.ctgan.sampling import sample_rows
from include.espejo.synthesis.interface.engine import NoStore, SampleRequest
from include.espejo.table.frames import from_parquet, to_frame, to_parquet
from tests.conftest import ROOT
from tests.support.learning import (
    SETTINGS,
    drawn,
    enoe_learning,
    fitted,
    hand_made,
    parks_learning,
    quiet,
    trained_enoe,
    trained_parks,
)

WEIGHTS, ABOUT = "model.safetensors", "model.json"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    save_model(trained_parks().model, folder)
    return folder


def test_the_same_fit_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        CtganEngine().fit(parks_learning(), SETTINGS, tmp_path / name, quiet, NoStore())
    files = sorted(p.name for p in (tmp_path / "one").iterdir())
    assert files == [ABOUT, WEIGHTS]
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_files_are_json_and_safetensors_and_no_pickle(saved: Path) -> None:
    assert json.loads((saved / ABOUT).read_text())["format"] == "espejo-ctgan"
    assert load_tensors((saved / WEIGHTS).read_bytes())
    for path in saved.iterdir():
        content = path.read_bytes()
        with pytest.raises(Exception):  # noqa: B017, PT011  whatever pickle says, it cannot
            pickle.loads(content)
        assert not content.startswith((b"PK", b"\x80"))


@pytest.mark.parametrize("calibrate", [True, False])
def test_a_loaded_model_gives_the_same_sample(saved: Path, calibrate: bool) -> None:
    model = load_model(saved, parks_learning().spec)
    (table,) = sample_rows(model, SampleRequest(400, 5, calibrate=calibrate))
    assert table.equals(drawn(trained_parks(), 400, calibrate=calibrate))


def test_loading_leaves_the_global_random_state(saved: Path) -> None:
    before = torch.get_rng_state()
    load_model(saved, parks_learning().spec)
    assert torch.equal(before, torch.get_rng_state())


def test_counted_lifts_are_in_the_model_and_in_no_checkpoint(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    home = random.integers(0, 100, 3000)
    work = np.where(random.random(3000) < 0.8, home * 7 % 100, 11)
    towns = {"home": home, "work": work}
    trained = fitted(
        hand_made({n: [f"t{v:02d}" for v in x] for n, x in towns.items()}), max_steps=1
    )
    generator = trained.model.generator
    assert [net.lifted_by for net in generator.from_field(0)] == [None, 0]
    assert not [name for name in generator.state_dict() if "lift" in name]
    save_model(trained.model, tmp_path)
    loaded = load_model(tmp_path, trained.model.encoding.spec)
    (table,) = sample_rows(loaded, SampleRequest(300, 5))
    assert table.equals(drawn(trained, 300))


def test_it_loads_in_a_fresh_process_with_none_of_the_other_library(tmp_path: Path) -> None:
    """A model trained and saved here gives, in another process, the same rows; and neither the
    engine nor what it imports needs sdv, ctgan, rdt, copulas or sdmetrics."""
    save_model(trained_enoe().model, tmp_path)
    code = f"""
import sys, pathlib
from include.espejo.synthesis.engines import make_engine
from include.espejo.synthesis.interface.engine import SampleRequest
from include.espejo.survey import load_spec
from include.espejo.table.frames import to_parquet
import include.espejo.synthesis.train, include.espejo.synthesis.sample
tables = list(make_engine("ctgan").sample(pathlib.Path({str(tmp_path)!r}),
              load_spec("enoe_sdem"), SampleRequest(600, 5)))
pathlib.Path({str(tmp_path / "rows.parquet")!r}).write_bytes(to_parquet(tables[0]))
names = {{m.split(".")[0] for m in sys.modules}}
print(sorted(names & {{"sdv", "ctgan", "rdt", "copulas", "sdmetrics"}}), len(tables))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "2"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["[]", "1"]
    there = from_parquet((tmp_path / "rows.parquet").read_bytes())
    assert (
        to_frame(there)
        .astype(object)
        .equals(to_frame(from_parquet(to_parquet(drawn(trained_enoe(), 600)))).astype(object))
    )


def test_no_module_of_the_engine_names_the_other_library() -> None:
    import ast

    modules = sorted((ROOT / "include/espejo/synthesis/ctgan").rglob("*.py"))
    assert len(modules) > 10
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            tops = {name.split(".")[0] for name in names}
            assert not tops & {"sdv", "ctgan", "rdt", "copulas", "sdmetrics", "pickle"}, path.name


def test_another_spec_is_refused(saved: Path) -> None:
    with pytest.raises(ModelError, match="another spec of parks"):
        load_model(saved, load_spec("enoe_sdem"))
    spec = parks_learning().spec
    changed = spec.model_copy(update={"rules": spec.rules[:-1]})
    with pytest.raises(ModelError, match="another spec"):
        load_model(saved, changed)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": VERSION + 1},
        {"version": 1},
        {"version": str(VERSION)},
        {"version": None},
        {"format": "other"},
    ],
    ids=str,
)
def test_another_version_or_another_format_is_refused(
    saved: Path, changes: dict[str, object]
) -> None:
    about = json.loads((saved / ABOUT).read_text())
    (saved / ABOUT).write_text(json.dumps(about | changes))
    with pytest.raises(ModelError, match="use the code that wrote it or train again"):
        load_model(saved, parks_learning().spec)


def test_a_model_of_the_version_before_is_read(saved: Path) -> None:
    about = json.loads((saved / ABOUT).read_text())
    (saved / ABOUT).write_text(json.dumps(about | {"version": VERSION - 1}))
    assert load_model(saved, parks_learning().spec).rows == about["rows"]


@pytest.mark.parametrize("file", [ABOUT, WEIGHTS])
@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "text", "list", "flipped", "longer"])
def test_a_damaged_file_is_refused(saved: Path, file: str, damage: str) -> None:
    path = saved / file
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "flipped" and file == ABOUT:
        path.write_bytes(content.replace(b'"sizes"', b'"sixes"').replace(b'"fields"', b'"fidlds"'))
    else:
        middle = len(content) // 2
        path.write_bytes(
            {
                "empty": b"",
                "cut": content[:middle],
                "text": b"nothing of the kind, but long enough",
                "list": b"[1, 2]",
                "flipped": content[:middle]
                + bytes([content[middle] ^ 0x40])
                + content[middle + 1 :],
                "longer": content + b"\0\0",
            }[damage]
        )
    with pytest.raises(ModelError, match=r"missing or damaged|newer code"):
        load_model(saved, parks_learning().spec)


def test_weights_of_another_model_are_refused(saved: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    save_model(fitted(parks_learning(), epochs=1, seed=8).model, other)
    (saved / WEIGHTS).write_bytes((other / WEIGHTS).read_bytes())
    with pytest.raises(ModelError, match="damaged"):
        load_model(saved, parks_learning().spec)


def test_the_file_holds_no_training_row(tmp_path: Path) -> None:
    """A row with a canary in every column: its values may stand in the code lists, one by one,
    but nowhere next to each other; and no array has a length that is the number of rows."""
    random = np.random.default_rng(3)
    rows = 1207
    columns = {
        "state": [f"{v}" for v in random.integers(0, 5, rows)],
        "town": [f"{v:03}" for v in random.integers(0, 9, rows)],
        "a": [f"{v}" for v in random.integers(0, 6, rows)],
        "b": [f"{v}" for v in random.integers(0, 6, rows)],
        "n": list(random.integers(0, 5000, rows)),
        "m": list(random.integers(0, 9, rows) * 100),
    }
    canary = {"a": "ZQX7", "b": "WKJ8", "n": 777777, "m": 888888}
    for name, value in canary.items():
        columns[name][500] = value
    learning = hand_made(columns, geography={"levels": ["state", "town"]})
    CtganEngine().fit(learning, SETTINGS, tmp_path, quiet, NoStore())
    weights, about = (tmp_path / WEIGHTS).read_bytes(), (tmp_path / ABOUT).read_bytes()
    for text in (b"ZQX7", b"WKJ8", b"777777", b"888888"):
        assert text not in weights
        assert about.count(text) <= 2  # an entry of its own column's list, or both its bounds
    for tensor in load_tensors(weights).values():
        assert rows not in tensor.shape
    content = json.loads(about)
    for entry in content["fields"]:
        assert len(entry["labels"]) <= 10
        held = json.dumps(entry).encode()
        named = [n for n, v in canary.items() if str(v).encode() in held]
        assert named in ([], [entry["column"]])
    for codes in (content["places"]["state"], content["places"]["town"]):
        assert len(codes) <= 45
    encoding, leaves, codes = encode(to_frame(learning.table), learning.spec, learning.period)
    full = Layout.of(encoding).rows(leaves, codes)
    frame = to_frame(learning.table)
    for number in (*range(0, rows, 60), 500):
        for kind in (np.int16, np.int32, np.int64, np.float32, np.float64):
            assert codes[number].astype(kind).tobytes() not in weights
            assert full[number].astype(kind).tobytes() not in weights
        told = [str(v) for v in frame.iloc[number]]
        for joined in (",".join(told), '","'.join(told), '", "'.join(told), ", ".join(told)):
            assert joined.encode() not in about
            assert joined.encode() not in weights


def test_the_file_of_a_survey_has_no_array_as_long_as_the_table(tmp_path: Path) -> None:
    save_model(trained_enoe().model, tmp_path)
    rows = enoe_learning().table.num_rows
    for name, tensor in load_tensors((tmp_path / WEIGHTS).read_bytes()).items():
        assert rows not in tensor.shape, name
