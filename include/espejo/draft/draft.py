"""From a file without a spec to a spec that loads and that the file keeps."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from include.espejo.draft.columns import Drafted, Keys, Texts, draft_column
from include.espejo.draft.keys import household_key, person_key
from include.espejo.draft.labels import ColumnLabels, Labels, labels_of_book, labels_of_file
from include.espejo.draft.sniff import decimal_of, format_of, look_at_csv, missing_of
from include.espejo.draft.write import SpecParts, to_text
from include.espejo.errors import InputError, ParameterError
from include.espejo.ingest import read_survey
from include.espejo.ingest.encodings import pick_encoding
from include.espejo.ingest.formats.raw import RawTable
from include.espejo.ingest.read import names_of, read_raw
from include.espejo.lake import Lake
from include.espejo.suggest import Suggested, suggest, to_yaml
from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.disclosure import Floor
from include.espejo.survey.load import parse_spec
from include.espejo.survey.model import MOST_COLUMNS
from include.espejo.survey.notation import read_layout
from include.espejo.survey.period import FORMS, PeriodKind
from include.espejo.table.frames import to_frame
from include.espejo.table.rules import columns_of
from include.espejo.validate import check_survey

MOST_COMPARED = 60  # columns among which rules are looked for: pairs grow with their square
_MOST_KNOWN = 200  # values of a column that may be known of a person


@dataclass(frozen=True)
class Asked:
    """What is drafted: the file's `survey` name, its `format` and `layout`, a code `book`, columns
    to `skip` the labels of, and the `period`'s kind."""

    survey: str
    period: PeriodKind = "none"
    format: str | None = None
    layout: str | None = None
    book: str | None = None
    skip: Collection[str] = ()


@dataclass(frozen=True)
class DraftedSpec:
    """The text of the spec, how many columns are of each kind, and how many questions it asks."""

    text: str
    kinds: dict[str, int]
    modelled: int
    rules: int
    questions: int


def draft_spec(lake: Lake, source: str, asked: Asked) -> DraftedSpec:
    """Draft the spec of a file. Raises InputError where the file cannot be read as a table."""
    floor = Floor()
    if not re.fullmatch(r"[a-z][a-z0-9_]*", asked.survey):
        raise ParameterError(
            f"--survey {asked.survey!r}: write a name of small letters, digits and `_`"
        )
    content = lake.read(source)
    look = _look(content, source, asked)
    raw = read_raw(lake, source, _provisional(look, asked, floor))
    labels = _labels(lake, content, source, look, asked)
    texts = _texts(raw, labels, floor)
    look = _with_numbers(look, texts, raw)
    columns = _drafted(texts, look)
    parts = _parts(asked, look, columns, floor, raw.rows)
    return _settled(lake, source, parts, floor)


def _look(content: bytes, source: str, asked: Asked) -> Keys:
    """The keys of `source` that say how the file is read, and the names of its columns."""
    kind = asked.format or ("fixed_width" if asked.layout else format_of(source))
    if kind == "csv":
        found = look_at_csv(content, source)
        return {
            "names": found.names,
            "delimiter": found.delimiter,
            "encodings": (found.encoding,),
            "line_end": found.line_end,
            "output_encoding": found.encoding,
        }
    if kind == "fixed_width":
        if not asked.layout:
            raise ParameterError("--layout: a fixed-width file needs one: name, start and width")
        layout = read_layout(Path(asked.layout))
        encodings = ("utf-8", "latin-1")
        return {"names": list(layout), "format": kind, "layout": layout, "encodings": encodings}
    return {"names": names_of(content, source, kind), "format": kind}


def _provisional(look: Mapping[str, Any], asked: Asked, floor: Floor) -> SurveySpec:
    """A spec under which every column is text: for reading alone."""
    columns = [Drafted(name, {"kind": "code", "label": name}) for name in look["names"]]
    return parse_spec(to_text(_parts(asked, look, columns, floor, rows=1)), "draft.yaml")


def _labels(
    lake: Lake, content: bytes, source: str, look: Mapping[str, Any], asked: Asked
) -> Labels:
    labels = dict(labels_of_file(content, source, look.get("format", "csv"), asked.skip))
    if asked.book:
        labels |= labels_of_book(lake.read(asked.book), asked.book, look["names"], asked.skip)
    return labels


def _texts(raw: RawTable, labels: Labels, floor: Floor) -> list[Texts]:
    encoding = pick_encoding(raw.columns.values(), raw.encodings) or raw.encodings[0]
    found = []
    for name, column in raw.columns.items():
        rows = np.bincount(column.indices, minlength=len(column.values))
        counts: dict[str, int] = {}
        for value, count in zip(column.values, rows, strict=True):
            if count:
                text = value.decode(encoding, "replace").strip()
                counts[text] = counts.get(text, 0) + int(count)
        blank = counts.pop("", 0)
        told = labels.get(name, ColumnLabels())
        found.append(
            Texts(name, list(counts), np.array([*counts.values()], int), blank, floor.people, told)
        )
    return found


def _with_numbers(look: Keys, texts: list[Texts], raw: RawTable) -> Keys:
    """How the file writes decimals and missing numbers, where it holds texts."""
    if look.get("format", "csv") not in ("csv", "fixed_width"):
        return look
    marks = missing_of({column.name: column.texts for column in texts})
    decimal, thousands = decimal_of([t for t in column.texts if t not in marks] for column in texts)
    more: Keys = {"missing": marks} if marks else {}
    if decimal == "," != look.get("delimiter"):
        more["decimal"] = decimal
    if thousands and thousands != look.get("delimiter"):
        more["thousands"] = thousands
    return look | more


def _drafted(texts: list[Texts], look: Mapping[str, Any]) -> list[Drafted]:
    marks = set(look.get("missing", ()))
    return [draft_column(_read_as(column, marks, look)) for column in texts]


def _read_as(column: Texts, marks: set[str], look: Mapping[str, Any]) -> Texts:
    """The column as ingest will read it: marks of missing are blank, numbers have a point."""
    is_mark = np.array([text in marks for text in column.texts], dtype=bool)
    texts = [text for text, marked in zip(column.texts, is_mark, strict=True) if not marked]
    plain = [
        text.replace(look.get("thousands") or "", "").replace(look.get("decimal", "."), ".")
        for text in texts
    ]
    numeric = bool(plain) and all(re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text) for text in plain)
    return replace(
        column,
        texts=plain if numeric and {"thousands", "decimal"} & look.keys() else texts,
        rows=column.rows[~is_mark],
        blank=column.blank + int(column.rows[is_mark].sum()),
    )


def _parts(
    asked: Asked, look: Mapping[str, Any], columns: list[Drafted], floor: Floor, rows: int
) -> SpecParts:
    modelled = tuple(one.name for one in columns if one.modelled)[:MOST_COLUMNS]
    known = [
        one
        for one in columns
        if one.name in modelled and one.distinct <= _MOST_KNOWN and one.keys["kind"] != "decimal"
    ]
    quasi = tuple(one.name for one in known) or modelled[:1]
    if len(modelled) < 2:
        raise InputError(
            asked.survey,
            ["rule columns: fewer than two can be modelled; is it a survey?"],
        )
    source = {key: value for key, value in look.items() if key != "names"}
    encodings = source.pop("encodings", ("utf-8",))
    bounds = {"min_rows": max(1, _step(rows // 2)), "max_rows": _step(3 * rows)}
    return SpecParts(
        survey=asked.survey,
        period=asked.period,
        source={**source, "encodings": list(encodings), **bounds},
        columns=tuple(columns),
        modelled=modelled,
        quasi=quasi,
        direct=frozenset(),
        person=(),
        household=(),
        people=floor.people,
    )


def _step(rows: int) -> int:
    """A round number near, of one digit."""
    power = int(10 ** (len(str(max(rows, 1))) - 1))
    return max(rows // power, 1) * power


def _settled(lake: Lake, source: str, parts: SpecParts, floor: Floor) -> DraftedSpec:
    """The draft with its keys and rules, once the file keeps it."""
    period = Period.parse(FORMS[parts.period].example)
    for _ in range(3):
        spec = parse_spec(to_text(parts), "draft.yaml")
        frame = to_frame(read_survey(lake, source, spec).table)
        if not parts.person:
            parts = _with_keys(parts, frame)
            spec = parse_spec(to_text(parts), "draft.yaml")
        refused = {e.columns[0] for e in check_survey(frame, spec, period).errors if e.columns}
        if not refused:
            break
        parts = _loosened(parts, refused)
    few = parts.modelled[:MOST_COMPARED]
    compared = spec.model_copy(update={"model": spec.model.model_copy(update={"columns": few})})
    rules = _that_can_be_held(suggest(frame, compared, period), parts, spec)
    text = to_text(replace(parts, rules=to_yaml(rules) if rules else ""))
    parse_spec(text, "draft.yaml")
    kinds: dict[str, int] = {}
    for one in parts.columns:
        kinds[one.keys["kind"]] = kinds.get(one.keys["kind"], 0) + 1
    return DraftedSpec(text, kinds, len(parts.modelled), len(rules), text.count("?\n"))


def _that_can_be_held(
    rules: list[Suggested], parts: SpecParts, spec: SurveySpec
) -> list[Suggested]:
    """The rules without those about a column of rare codes: such a code becomes blank, which a rule
    may forbid; whether it is true of the survey, the file alone does not say."""
    rare = {one.name for one in parts.columns if one.rare}
    return [some for some in rules if not rare & set(columns_of(some.rule, spec))]


def _with_keys(parts: SpecParts, frame: pd.DataFrame) -> SpecParts:
    present = [one for one in parts.columns if one.name in frame]
    person = person_key(frame, present)
    household = household_key(frame, person)
    # What names people or households is nothing to learn.
    direct = {*person, *household}
    modelled = tuple(name for name in parts.modelled if name not in direct)
    return replace(
        parts,
        person=tuple(person),
        household=tuple(household),
        direct=frozenset(direct),
        modelled=modelled,
        quasi=tuple(name for name in parts.quasi if name in modelled) or modelled[:1],
    )


def _loosened(parts: SpecParts, refused: Collection[str]) -> SpecParts:
    """Without what the file itself does not keep: lists, widths and bounds of these columns."""
    loose = ("codes", "width", "range", "blank")
    columns = tuple(
        replace(
            one,
            keys={k: v for k, v in one.keys.items() if k not in loose},
            questions=(*one.questions, "some of its values did not fit: what may it hold?"),
        )
        if one.name in refused
        else one
        for one in parts.columns
    )
    return replace(parts, columns=columns)
