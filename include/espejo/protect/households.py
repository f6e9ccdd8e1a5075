"""The holdout: whole households, on the same side in every quarter.

A household stays in the panel for several quarters. A keyed hash of the columns that name it in
all of them decides its side, so that what one quarter holds out, no other one trains on, and
nobody without the salt can tell which side a household is on.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from include.espejo.errors import InputError, ParameterError
from include.espejo.survey import SurveySpec
from include.espejo.table.households import household_numbers, panel_unit
from include.espejo.table.rules import group_numbers

_FEWEST_HOUSEHOLDS = 2
_DIGEST_BYTES = 8


def split(frame: pd.DataFrame, spec: SurveySpec, share: float, salt: bytes) -> np.ndarray:
    """Which rows are held out: boolean, shape (rows,). No household is on both sides.

    `share`: of households, within chance; `salt`: the key of the hash (BLAKE2b, RFC 7693), 1 to
    64 bytes, the same for every quarter. Raises InputError where a side would have fewer than
    two households.
    """
    require_share(share)
    if not 1 <= len(salt) <= hashlib.blake2b.MAX_KEY_SIZE:
        raise ParameterError("parameter salt: it must have 1 to 64 bytes")
    key = panel_unit(frame, spec)
    number = group_numbers(frame[key]) if key else np.arange(len(frame))
    first = np.unique(number, return_index=True)[1]
    named = _names(frame.iloc[first][key]) if key else [str(n).encode() for n in first]
    held = np.array([_fraction(name, salt) < share for name in named], dtype=bool)
    holdout = held[number] if len(frame) else np.zeros(0, dtype=bool)
    _require_both_sides(frame, spec, holdout)
    return np.asarray(holdout)


def require_share(share: float) -> None:
    """Raise ParameterError unless it can be the share of households that are held out."""
    if not 0 < share < 1:
        raise ParameterError("parameter holdout_share: it must lie between 0 and 1, ends excluded")


def household_hashes(frame: pd.DataFrame, spec: SurveySpec, salt: bytes) -> np.ndarray:
    """A keyed hash of each row's household, the same in every quarter: uint64, shape (rows,)."""
    key = panel_unit(frame, spec)
    names = _names(frame[key]) if key else [str(n).encode() for n in range(len(frame))]
    digests = [hashlib.blake2b(name, key=salt, digest_size=_DIGEST_BYTES) for name in names]
    return np.frombuffer(b"".join(d.digest() for d in digests), dtype=">u8").astype(np.uint64)


def _names(keys: pd.DataFrame) -> list[bytes]:
    """Each row of a key as bytes: every value after its length, a blank apart from any value."""
    parts = [
        ["-" if pd.isna(value) else _counted(value) for value in keys[name].astype(object)]
        for name in keys.columns
    ]
    return ["".join(row).encode() for row in zip(*parts, strict=True)]


def _counted(value: object) -> str:
    text = str(value)
    return f"{len(text)}:{text}"


def _fraction(name: bytes, salt: bytes) -> float:
    """A number from 0 to 1 that only the holder of the salt can work out."""
    digest = hashlib.blake2b(name, key=salt, digest_size=_DIGEST_BYTES).digest()
    return float(int.from_bytes(digest, "big") / 2.0 ** (8 * _DIGEST_BYTES))


def _require_both_sides(frame: pd.DataFrame, spec: SurveySpec, holdout: np.ndarray) -> None:
    household = household_numbers(frame, spec)
    for side, rows in (("holdout", holdout), ("training", ~holdout)):
        count = len(np.unique(household[rows]))
        if count < _FEWEST_HOUSEHOLDS:
            raise InputError(
                f"splitting {spec.survey}",
                [
                    f"rule households: {count} in the {side} table, which needs "
                    f"{_FEWEST_HOUSEHOLDS}; give the whole file, or another holdout share"
                ],
            )
