"""What a column seems to be, by its distinct texts and the people behind each."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from include.espejo.draft.labels import ColumnLabels
from include.espejo.ingest.types import TRUTH
from include.espejo.survey.moments import MomentKind, read_moment

Keys = dict[str, Any]  # of a spec, as YAML has them

_FEW = 12  # distinct whole numbers that are rather codes
_MOST_LISTED = 60  # codes without labels that are written one by one
_LONG, _WORDS, _MOST_OWN, _FEWEST = 40, 4, 0.5, 50
_INTEGER, _DECIMAL = re.compile(r"[+-]?[0-9]{1,10}"), re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_NINES = re.compile(r"9+[6-9]|9")
_FORMS: tuple[tuple[MomentKind, str | None], ...] = (
    ("date", None),
    ("date", "%d/%m/%Y"),
    ("date", "%m/%d/%Y"),
    ("date", "%Y/%m/%d"),
    ("date", "%d-%m-%Y"),
    ("date", "%d.%m.%Y"),
    ("datetime", None),
    ("datetime", "%d/%m/%Y %H:%M"),
    ("datetime", "%d/%m/%Y %H:%M:%S"),
    ("time", None),
)


@dataclass(frozen=True)
class Drafted:
    """A column of the spec: its keys in order, and what its owners are asked. `modelled`: no
    identifier and no free text. `distinct`: how many values it has; `rare`: some of its codes, or
    the blank, are of fewer people than the floor."""

    name: str
    keys: Keys
    questions: tuple[str, ...] = ()
    modelled: bool = True
    distinct: int = 0
    people: int = 0
    rare: bool = False


@dataclass(frozen=True)
class Texts:
    """A column's distinct texts, and how many rows hold each; blanks apart."""

    name: str
    texts: list[str]
    rows: np.ndarray
    blank: int
    floor: int
    labels: ColumnLabels = field(default_factory=ColumnLabels)

    @property
    def people(self) -> int:
        return int(self.rows.sum())

    def has_rare(self, kind: str) -> bool:
        """Whether a code, or the blank, has too few people; rare numbers merge with others."""
        rare_codes = kind in ("code", "boolean") and bool((self.rows < self.floor).any())
        return rare_codes or 0 < self.blank < self.floor

    def held(self) -> list[str]:
        """The texts that the floor holds."""
        return [
            text for text, rows in zip(self.texts, self.rows, strict=True) if rows >= self.floor
        ]


def draft_column(column: Texts) -> Drafted:
    """The kind that fits every text, and what is known of its values."""
    if not column.texts:
        asked = ["it is blank in every row: is it needed?"]
        return _drafted(column, {"kind": "code"}, asked, modelled=False)
    for attempt in (_moment, _boolean, _labelled, _number):
        found = attempt(column)
        if found is not None:
            return found
    return _code(column)


def _drafted(
    column: Texts, keys: Keys, questions: Sequence[str] = (), *, modelled: bool = True
) -> Drafted:
    label, kind = column.labels.label or column.name, keys.pop("kind")
    # Of the survey alone: a rare code that nothing may stand for becomes blank in a release.
    blank = {} if column.blank else {"blank": "never_in_input"}
    return Drafted(
        column.name,
        {"kind": kind, "label": label, **blank, **keys},
        tuple(questions),
        modelled,
        len(column.texts),
        column.people,
        column.has_rare(kind),
    )


def _moment(column: Texts) -> Drafted | None:
    fitting = [
        (kind, form)
        for kind, form in _FORMS
        if all(read_moment(kind, text, form) is not None for text in column.texts)
    ]
    if not fitting or all(map(_DECIMAL.fullmatch, column.texts)):
        return None
    kind, form = fitting[0]
    asked = ["day first, or month first?"] if ("date", "%m/%d/%Y") in fitting[1:] and form else []
    return _drafted(column, {"kind": kind, **({"format": form} if form else {})}, asked)


def _boolean(column: Texts) -> Drafted | None:
    known = {TRUTH.get(text.lower()) for text in column.texts}
    if known != {"true", "false"} or all(text.isdigit() for text in column.texts):
        return None
    return _drafted(column, {"kind": "boolean"})


def _labelled(column: Texts) -> Drafted | None:
    """A code, if most values have a meaning; a number of which few have one is none."""
    codes = column.labels.codes
    meant = {_plain(code) for code in codes}
    known = [text for text in column.texts if _plain(text) in meant]
    if not codes or len(known) * 2 < min(len(column.texts), len(codes)):
        return None
    if len(column.texts) > 2 * len(codes) and all(map(_DECIMAL.fullmatch, column.texts)):
        return None
    spelt = {_plain(text): text for text in column.texts}
    listed = {spelt.get(_plain(code), code): meaning or None for code, meaning in codes.items()}
    bare = [text for text in column.held() if text not in listed]
    rare = len(column.texts) - len(known) - len(bare)
    asked = [f"what do the {len(bare)} codes without a meaning stand for?"] if bare else []
    if rare:
        asked.append("few people have codes without a meaning: correct the file, or list them?")
    listed |= dict.fromkeys(bare)
    return _drafted(column, {"kind": "code", **_width(list(listed)), "codes": listed}, asked)


def _plain(code: str) -> str:
    """A code without zeros in front, as number and text write it alike."""
    return code.lstrip("0") or "0"


def _number(column: Texts) -> Drafted | None:
    if not all(map(_DECIMAL.fullmatch, column.texts)):
        return None
    whole = all(map(_INTEGER.fullmatch, column.texts))
    padded = any(len(text) > 1 and text.startswith("0") and text.isdigit() for text in column.texts)
    if (whole and (padded or len(column.texts) <= _FEW)) or _is_identifier(column, whole=whole):
        return None
    values = np.array([float(text) for text in column.texts])
    special = _special(column, values) if whole else {}
    special |= {
        (int(float(code)) if float(code).is_integer() else float(code)): meaning or code
        for code, meaning in column.labels.codes.items()
        if _DECIMAL.fullmatch(code)
    }
    ordinary = values[~np.isin(values, list(special))]
    keys: Keys = {"kind": "integer" if whole else "decimal"}
    if len(ordinary):
        keys["range"] = _bounds(ordinary)
    asked = []
    if special:
        keys["special"] = {code: str(meaning) for code, meaning in special.items()}
        asked = ["do the special numbers mean what they seem to?"]
    return _drafted(column, keys, asked)


def _special(column: Texts, values: np.ndarray) -> dict[Any, str]:
    """Numbers of nines that stand far above all others, and that the floor holds."""
    order = np.argsort(values)
    found: dict[Any, str] = {}
    for at in order[::-1]:
        text = column.texts[at]
        below = values[values < values[at]]
        below = below[~np.isin(below, list(found))]
        nines = _NINES.fullmatch(text) and len(text) > 1
        if not nines or column.rows[at] < column.floor or not len(below):
            break
        neighbours = [v for v in below if v < values[at] - 3]
        if not neighbours or max(neighbours) * 1.02 + 1 >= values[at]:
            break
        found[int(values[at])] = f"special {text}"
    return found


def _bounds(values: np.ndarray) -> list[float]:
    """Bounds that no value reaches: rounded outwards, further where they would be a value."""
    low, high = float(values.min()), float(values.max())
    top = _outwards(high)
    bottom = 0.0 if low >= 0 else -_outwards(-low)
    return [_number_of(bottom), _number_of(top)]


def _outwards(value: float) -> float:
    """The next number of one digit above."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return float((math.floor(value / power) + 1) * power)


def _number_of(value: float) -> float:
    return int(value) if float(value).is_integer() else value


def _is_identifier(column: Texts, *, whole: bool) -> bool:
    own = len(column.texts) > 0.98 * column.people and column.people >= _FEWEST
    return own and whole


def _code(column: Texts) -> Drafted:
    if _is_free_text(column):
        asked = ["it looks like free text, which is never modelled"]
        return _drafted(column, {"kind": "text", "role": "direct"}, asked, modelled=False)
    if column.people >= _FEWEST and len(column.texts) > _MOST_OWN * column.people:
        asked = ["it looks like an identifier, which is never modelled"]
        return _drafted(column, {"kind": "code", "role": "direct"}, asked, modelled=False)
    held = column.held()
    keys: Keys = {"kind": "code", **_width(column.texts)}
    if len(held) == len(column.texts) <= _MOST_LISTED:
        return _drafted(column, keys | {"codes": dict.fromkeys(sorted(held))})
    asked = ["some codes are of few people, so that none is listed: list them, or name a file"]
    return _drafted(column, keys, asked)


def _is_free_text(column: Texts) -> bool:
    lengths = [len(text) for text in column.texts]
    words = [len(text.split()) for text in column.texts]
    return bool(np.mean(lengths) > _LONG or np.mean(words) > _WORDS)


def _width(texts: Sequence[str]) -> dict[str, int]:
    lengths = {len(text) for text in texts}
    digits = all(text.isdigit() for text in texts)
    return {"width": lengths.pop()} if len(lengths) == 1 and digits else {}
