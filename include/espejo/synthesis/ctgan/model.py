"""A trained model: encoding, networks and frequencies, and its file.

The file is safetensors and JSON, no pickle: it holds weights, code lists, the places with their
expected rows, and margins; no training row. Loading checks version and spec.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from include.espejo.errors import ModelError
from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.load import spec_digest
from include.espejo.synthesis.ctgan.encoding.constraints import Constraint
from include.espejo.synthesis.ctgan.encoding.encode import Encoding
from include.espejo.synthesis.ctgan.encoding.fields import Field
from include.espejo.synthesis.ctgan.encoding.layout import Layout
from include.espejo.synthesis.ctgan.encoding.masks import Masks, Zeros
from include.espejo.synthesis.ctgan.encoding.places import Places
from include.espejo.synthesis.ctgan.generator import Generator, Shape
from include.espejo.synthesis.ctgan.lifts import Lift
from include.espejo.synthesis.ctgan.margins import Margin, Margins

# 1: generators of tables and a body of noise; 2: without constraints; 3: without parts of a table
VERSION, _READ = 4, (3, 4)
_PART_COUNTS = "places.part_counts"
_LINE, _LIFT, _ZEROS, _CONSTRAINT = "line.", "lift.", "zeros.", "constraint."
_WEIGHTS, _ABOUT = "model.safetensors", "model.json"


@dataclass
class Model:
    """What sampling needs: how rows are drawn, and the margins they are calibrated to.

    `constraints`: what the rules leave; `zeros`: pairs of codes that are not drawn together.
    """

    encoding: Encoding
    generator: Generator
    margins: Margins
    constraints: list[Constraint]
    zeros: Zeros
    rows: int
    layout: Layout = field(init=False)
    masks: Masks = field(init=False)

    def __post_init__(self) -> None:
        self.layout = self.generator.layout
        self.masks = Masks(self.constraints, self.layout, self.zeros)


def save_model(model: Model, folder: Path) -> None:
    """Write the model's two files."""
    encoding, places = model.encoding, model.encoding.places
    tensors = {n: t.contiguous() for n, t in model.generator.state_dict().items()}
    tensors |= _margin_tensors(model.margins)
    for (a, b), cells in model.zeros.items():
        tensors[f"{_ZEROS}{a}.{b}"] = torch.from_numpy(cells)
    for number, c in enumerate(model.constraints):
        tensors[f"{_CONSTRAINT}{number}"] = torch.from_numpy(np.packbits(c.allowed, axis=1))
    lifted = [net for net in model.generator.from_field(0) if net.lift is not None]
    tensors |= {f"{_LIFT}{net.field}": net.lift for net in lifted}
    about: dict[str, Any] = {
        "format": "espejo-ctgan",
        "version": VERSION,
        "spec_sha256": spec_digest(encoding.spec),
        "survey": encoding.spec.survey,
        "period": str(encoding.period),
        "columns": list(encoding.columns),
        "fields": [f.as_dict() for f in encoding.fields],
        "shape": model.generator.shape.as_dict(),
        "parents": [list(parents) for parents in model.generator.parents],
        "lifted_by": {net.field: net.lifted_by for net in lifted},
        "constraints": [
            [c.target, list(c.given), list(c.strides), c.allowed.shape[1]]
            for c in model.constraints
        ],
        "margins": [[list(m.fields), m.detail, len(m.cells)] for m in model.margins.held],
        "rows": model.rows,
        "places": None,
    }
    if places is not None:
        tensors["places.paths"] = torch.from_numpy(places.paths)
        tensors["places.counts"] = torch.from_numpy(places.counts.astype(float))
        if places.part_counts is not None:
            tensors[_PART_COUNTS] = torch.from_numpy(places.part_counts)
        columns = {n: places.tuples[n].tolist() for n in places.tuples.columns}
        about["places"] = columns
    for number in model.generator.lines.fields:
        tensors[f"{_LINE}{number}"] = model.generator.lines.of_field(number).contiguous().clone()
    weights = save_tensors(tensors)
    about["weights_sha256"] = hashlib.sha256(weights).hexdigest()
    (folder / _WEIGHTS).write_bytes(weights)
    (folder / _ABOUT).write_text(json.dumps(about, ensure_ascii=False))


def load_model(folder: Path, spec: SurveySpec) -> Model:
    """Read a model for this spec. Raises ModelError on another spec or a newer version."""
    damage = ""
    try:
        about = dict(json.loads((folder / _ABOUT).read_text()))
        weights = (folder / _WEIGHTS).read_bytes()
    except (OSError, ValueError, TypeError) as error:
        damage = type(error).__name__
    if damage:
        raise _damaged(damage)
    version = about.get("version")
    if about.get("format") != "espejo-ctgan" or version not in _READ:
        found = f"{about.get('format')} version {version}"
        raise ModelError(
            f"model: it is {found}, and this code reads espejo-ctgan version {VERSION}; "
            "use the code that wrote it or train again"
        )
    if about.get("spec_sha256") != spec_digest(spec):
        raise ModelError(
            f"model: it was trained for another spec of {about.get('survey')}; train again, or "
            "use the spec that it was trained for"
        )
    if about.get("weights_sha256") != hashlib.sha256(weights).hexdigest():
        raise _damaged("the weights are not the ones that were saved")
    try:
        return _assemble(about, load_tensors(weights), spec)
    except Exception as error:  # noqa: BLE001  not swallowed: told as what it means
        damage = type(error).__name__
    raise _damaged(damage)


def _damaged(how: str) -> ModelError:
    return ModelError(f"model: its files are missing or damaged ({how}); train again")


def _assemble(about: dict[str, Any], tensors: dict[str, torch.Tensor], spec: SurveySpec) -> Model:
    places = None
    if about["places"] is not None:
        tuples = pd.DataFrame(about["places"], dtype=object)
        paths, counts = (tensors.pop(f"places.{name}").numpy() for name in ("paths", "counts"))
        own = tensors.pop(_PART_COUNTS).numpy() if _PART_COUNTS in tensors else None
        places = Places(tuples, paths, counts, own)
    fields = tuple(Field.from_dict(f) for f in about["fields"])
    period = Period.parse(about["period"])
    encoding = Encoding(spec, period, tuple(about["columns"]), fields, places)
    margins = _read_margins(about["margins"], tensors)
    layout = Layout.of(encoding)
    features = {
        int(n.removeprefix(_LINE)): tensors.pop(n).numpy()
        for n in list(tensors)
        if n.startswith(_LINE)
    }
    parents = [tuple(read) for read in about["parents"]]
    lifts = {
        int(field): Lift(parent, tensors.pop(f"{_LIFT}{field}").numpy())
        for field, parent in about["lifted_by"].items()
    }
    with torch.random.fork_rng(devices=[]):  # first weights, which those of the file replace
        generator = Generator(layout, parents, features, lifts, Shape(**about["shape"]))
    constraints = []
    for number, (target, given, strides, codes) in enumerate(about["constraints"]):
        packed = tensors.pop(f"{_CONSTRAINT}{number}").numpy()
        allowed = np.unpackbits(packed, axis=1, count=codes).astype(bool)
        constraints.append(Constraint(target, tuple(given), tuple(strides), allowed))
    zeros: Zeros = {}
    for name in [n for n in tensors if n.startswith(_ZEROS)]:
        a, b = name.removeprefix(_ZEROS).split(".")
        zeros[int(a), int(b)] = tensors.pop(name).numpy()
    generator.load_state_dict(tensors)
    return Model(encoding, generator, margins, constraints, zeros, about["rows"])


def _margin_tensors(margins: Margins) -> dict[str, torch.Tensor]:
    found = {f"margins.{detail}": runs for detail, runs in margins.runs.items()}
    empty = [np.zeros(0)]
    found["margins.cells"] = np.concatenate([m.cells for m in margins.held] or empty)
    found["margins.shares"] = np.concatenate([m.shares for m in margins.held] or empty)
    return {name: torch.from_numpy(np.ascontiguousarray(x)) for name, x in found.items()}


def _read_margins(held: list[Any], tensors: dict[str, torch.Tensor]) -> Margins:
    cells = tensors.pop("margins.cells").numpy().astype(np.int64)
    shares = tensors.pop("margins.shares").numpy()
    runs = {d: tensors.pop(f"margins.{d}").numpy() for d in ("runs", "fine_runs")}
    ends = np.cumsum([0, *(count for *_, count in held)])
    margins = []
    for (fields, detail, _), start, end in zip(held, ends[:-1], ends[1:], strict=True):
        margins.append(Margin(tuple(fields), detail, cells[start:end], shares[start:end]))
    return Margins(tuple(margins), runs)
