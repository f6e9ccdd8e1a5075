"""What a training begins with: the table as codes, and a generator that knows its margins, or all
that was learnt of a larger table of which this one is a part."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from include.espejo.synthesis.ctgan.encoding.constraints import Constraint, find_constraints
from include.espejo.synthesis.ctgan.encoding.encode import Encoding, encode, encode_part
from include.espejo.synthesis.ctgan.encoding.features import line_features
from include.espejo.synthesis.ctgan.encoding.layout import Layout
from include.espejo.synthesis.ctgan.encoding.masks import Zeros
from include.espejo.synthesis.ctgan.encoding.places import Places
from include.espejo.synthesis.ctgan.encoding.shrinkage import LeftOut, expected_rows
from include.espejo.synthesis.ctgan.encoding.zeros import find_zeros
from include.espejo.synthesis.ctgan.generator import Generator, Shape
from include.espejo.synthesis.ctgan.keeping import refuse_lost_rules
from include.espejo.synthesis.ctgan.lifts import find_lifts
from include.espejo.synthesis.ctgan.model import Model
from include.espejo.synthesis.ctgan.parents import choose_parents
from include.espejo.synthesis.interface.engine import Learning
from include.espejo.table.frames import to_frame

log = logging.getLogger(__name__)

_NEVER = -1e4  # nats: the bias of a code that the part does not have


@dataclass(frozen=True)
class EncodedTable:
    """A table and what follows from it without training. `rows`: int codes, (rows, fields);
    `leaves`: of each row's place, (rows,)."""

    encoding: Encoding
    layout: Layout
    constraints: list[Constraint]
    zeros: Zeros
    rows: np.ndarray
    leaves: np.ndarray


def encode_table(learning: Learning, seed: int) -> EncodedTable:
    """The table as codes, in an encoding of its own."""
    frame = to_frame(learning.table)
    encoding, leaves, codes = encode(frame, learning.spec, learning.period, learning.households)
    encoding = _with_expected_places(encoding, leaves, learning.households)
    layout = Layout.of(encoding)
    refuse_lost_rules(frame, encoding, leaves, codes, np.random.default_rng([seed, 2]))
    rows = layout.rows(leaves, codes)
    constraints, unforced = find_constraints(encoding, rows)
    for name in unforced:
        log.warning(
            "rule %s has too many combinations of codes to be built into the model; rows that "
            "break it are drawn again",
            name,
        )
    zeros = find_zeros(rows, layout, learning.households, learning.spec.disclosure.floor)
    return EncodedTable(encoding, layout, constraints, zeros, rows, leaves)


def new_generator(
    encoded: EncodedTable, fitted: np.ndarray, left: LeftOut, shape: Shape
) -> Generator:
    """Every field at its margin; of the others only one of many codes knows anything yet.

    `fitted`: numbers of the rows that are trained on.
    """
    layout, rows, features = encoded.layout, encoded.rows[fitted], {}
    fields = dict(zip(layout.drawn, encoded.encoding.fields, strict=True))
    for number, drawn in fields.items():
        counts = np.bincount(rows[:, number], minlength=layout.sizes[number])
        of_line = line_features(drawn, counts)
        if of_line is not None:
            features[number] = of_line
    lifts = find_lifts(rows, layout, set(features), left)
    parents = choose_parents(rows, layout, _field_of_parts(encoded))
    generator = Generator(layout, parents, features, lifts, shape)
    generator.start_at_margins(rows, {f: fields[f].bins.mass for f in features})
    return generator


def encode_as_pretrained(learning: Learning, pretrained: Model) -> EncodedTable:
    """A part of a table as codes, in the encoding of a model that was pretrained on the whole."""
    encoding, layout = pretrained.encoding, pretrained.layout
    leaves, codes = encode_part(encoding, to_frame(learning.table))
    if encoding.places is not None:
        own = _places_of_part(encoding.places, leaves, learning.households)
        encoding = replace(encoding, places=replace(encoding.places, part_counts=own))
    rows = layout.rows(leaves, codes)
    return EncodedTable(encoding, layout, pretrained.constraints, pretrained.zeros, rows, leaves)


def pretrained_generator(encoded: EncodedTable, pretrained: Sequence[Model]) -> Generator:
    """The generator that was pretrained, field by field from the model that has learnt it.

    What the table is parted by has no code in it but those of the part, and a column that is blank
    throughout the part is blank. `pretrained`: the model of each group of fields (`field_group`).
    """
    generator, groups = pretrained[0].generator.twin().requires_grad_(True), len(pretrained)
    for at, net in enumerate(generator.from_field(0)):
        learnt = pretrained[field_group(at, groups)].generator.from_field(0)[at]
        net.load_state_dict(learnt.state_dict())
        net.bias.requires_grad_(net.line is None)  # as in `Generator.start_at_margins`
    parted_by = encoded.encoding.spec.model.partition
    for net, drawn in zip(generator.from_field(0), encoded.encoding.fields, strict=True):
        counts = np.bincount(encoded.rows[:, net.field], minlength=drawn.size)
        all_blank = counts[drawn.is_blank].sum() == len(encoded.rows)
        if drawn.column == parted_by or all_blank:
            with torch.no_grad():
                net.bias[torch.from_numpy(counts == 0)] = _NEVER
    return generator


def _field_of_parts(encoded: EncodedTable) -> int | None:
    """The drawn field that the table is parted by; None where the place says it, or nothing."""
    column = encoded.encoding.spec.model.partition
    fields = zip(encoded.layout.drawn, encoded.encoding.fields, strict=True)
    return next((number for number, drawn in fields if drawn.column == column), None)


def field_group(at: int, groups: int) -> int:
    """Which of so many groups of fields the one at this place in the drawing order is of."""
    return at % groups


def _with_expected_places(
    encoding: Encoding, leaves: np.ndarray, households: np.ndarray | None
) -> Encoding:
    """How many of a block's households were trained on is chance, and theirs: it is not kept."""
    places = encoding.places
    if places is None:
        return encoding
    rows = expected_rows(places.paths, leaves, LeftOut.of(len(leaves), households))
    return replace(encoding, places=replace(places, counts=rows))


def _places_of_part(
    places: Places, leaves: np.ndarray, households: np.ndarray | None
) -> np.ndarray:
    """The rows to expect of each leaf in a part, none where it has none: float64, (leaves,)."""
    present, own = np.unique(leaves, return_inverse=True)
    counts = np.zeros(len(places.counts))
    counts[present] = expected_rows(places.paths[present], own, LeftOut.of(len(leaves), households))
    return counts
