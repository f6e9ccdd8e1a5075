"""A column of a survey: its kind, codes, bounds and labels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from include.espejo.language import Label
from include.espejo.survey.moments import MOMENTS, MomentKind, read_moment, write_moment

# What a column is to an attacker: direct identifies by itself and is never modelled; quasi may be
# known of a person; sensitive is what one would want to learn; free is neither; weight is how many
# people of the population a row stands for, which no attacker knows.
Role = Literal["direct", "quasi", "sensitive", "free", "weight"]

_Given = dict[str, Any]  # a column as YAML has it


class Strict(BaseModel):
    """Frozen, and an unknown key or a value of another type is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class Column(Strict):
    """A column: a code (text), a number, or a moment, which tables hold as a number.

    `width` is how many characters the source writes, zeros in front; `special` holds numbers
    that are codes ("98: age unknown"); `top_code` is the number that means "this or more".
    `blank` says whether the survey and its release may be blank here, or the release alone.
    `code_aliases` maps what a file may write to the code that it means. A boolean is a code column
    of `true` and `false`; text is free text, which is read and never modelled. Of a moment, bounds
    and special values are written by ISO 8601 and held as numbers (`survey/moments.py`).
    """

    kind: Literal["code", "integer", "decimal", "boolean", "date", "datetime", "time", "text"]
    label: Label
    aliases: tuple[str, ...] = Field(default=())
    optional: bool = False
    blank: Literal["never", "never_in_input", "allowed"] = "allowed"
    max_blank_share: float | None = Field(default=None, ge=0, le=1)
    missing: tuple[str, ...] = Field(default=())
    format: str | None = Field(default=None, min_length=2)
    width: int | None = Field(default=None, ge=1, le=40)
    codes: dict[str, Label | None] = Field(default_factory=dict)
    code_ranges: tuple[str, ...] = Field(default=())
    code_aliases: dict[str, str] = Field(default_factory=dict)
    range: tuple[float | None, float | None] | None = Field(default=None)
    special: dict[int | float, Label] = Field(default_factory=dict)
    top_code: int | float | None = None
    unit: Label | None = None
    role: Role | None = None
    residual: dict[str | int | float, tuple[str | float, ...]] = Field(default_factory=dict)
    brackets: tuple[float, ...] = Field(default=())

    @model_validator(mode="before")
    @classmethod
    def _read_kind(cls, given: Any) -> Any:
        """What a kind implies: the codes of a boolean, the numbers of moments."""
        try:
            if given["kind"] == "boolean":
                return _with_codes_of_boolean(given)
            return _with_numbers(given) if given["kind"] in MOMENTS else given
        except (AttributeError, KeyError, TypeError):
            return given  # it has another form: the field that has it will say so

    @model_validator(mode="after")
    def _check_kind(self) -> Column:
        codes_only = {
            "codes": self.codes,
            "code_ranges": self.code_ranges,
            "code_aliases": self.code_aliases,
        }
        numbers_only = {
            "range": self.range,
            "special": self.special,
            "top_code": self.top_code,
            "brackets": self.brackets,
        }
        foreign: dict[str, object] = dict(numbers_only if self.is_code() else codes_only)
        if self.kind not in MOMENTS:
            foreign["format"] = self.format
        for key, value in foreign.items():
            if value not in (None, (), {}):
                raise ValueError(
                    f"`{key}` cannot be used with kind {self.kind}; remove one of them"
                )
        # Written so that it also catches a bound that is not a number.
        if not self.bounds[0] <= self.bounds[1]:
            raise ValueError("`range` has its bounds in the wrong order; write the lower one first")
        if self.kind == "integer" and any(code != int(code) for code in self.special):
            raise ValueError("`special` of an integer must be whole numbers; write kind: decimal")
        return self

    @model_validator(mode="after")
    def _check_codes(self) -> Column:
        for text in self.code_ranges:
            first, dash, last = text.partition("-")
            if not dash or not (first.isdigit() and last.isdigit()) or len(first) != len(last):
                raise ValueError(f"`code_ranges` entry {text!r}: write it such as '001-570'")
            if first > last:
                raise ValueError(f"`code_ranges` entry {text!r} has its bounds in the wrong order")
        if self.width is not None:
            misfits = [code for code in self.listed_codes() if len(code) != self.width]
            if self.is_code() and misfits:
                raise ValueError(
                    f"code {misfits[0]!r} does not have the declared width {self.width}"
                )
        return self

    @model_validator(mode="after")
    def _check_residual(self) -> Column:
        for code, stands_for in self.residual.items():
            if self.is_code():
                unlisted = [c for c in (code, *stands_for) if c not in self.code_set]
                if unlisted and (self.code_set or not all(isinstance(c, str) for c in unlisted)):
                    raise ValueError(
                        f"`residual` names {unlisted[0]!r}, which is not a listed code"
                    )
            elif code not in self.special or len(stands_for) != 2:
                raise ValueError(
                    f"`residual` {code!r}: of a number write a special code and the lowest and "
                    "highest value that it may stand for, such as {98: [12, 97]}"
                )
        if self.code_aliases and self.code_set:
            for code in self.code_aliases.values():
                if code not in self.code_set:
                    raise ValueError(f"`code_aliases` names {code!r}, which is not a listed code")
        if list(self.brackets) != sorted(set(self.brackets)):
            raise ValueError("`brackets` must rise")
        return self

    def listed_codes(self) -> Iterator[str]:
        """Every code the column may hold, in the spec's order."""
        yield from self.codes
        for text in self.code_ranges:
            first, _, last = text.partition("-")
            for number in range(int(first), int(last) + 1):
                code = f"{number:0{len(first)}}"
                if code not in self.codes:
                    yield code

    def code_label(self, code: str) -> Label | None:
        """What a code or a special number, written as text, means; None where none is given."""
        if self.is_code():
            return self.codes.get(code)
        return {self.text(value): label for value, label in self.special.items()}.get(code)

    def text(self, number: float) -> str:
        """A number of this column as it is written: all its digits, no exponent; or a moment."""
        return write_moment(self.moment, number) if self.moment else number_text(number)

    @cached_property
    def code_set(self) -> frozenset[str]:
        """The listed codes; empty where any code of the width is allowed."""
        return frozenset(self.listed_codes())

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and highest number, infinite where the spec leaves it open."""
        low, high = self.range or (None, None)
        return -math.inf if low is None else low, math.inf if high is None else high

    @property
    def moment(self) -> MomentKind | None:
        """The kind of moment that it holds; None of others."""
        return cast(MomentKind, self.kind) if self.kind in MOMENTS else None

    def is_code(self) -> bool:
        return self.kind in ("code", "boolean", "text")

    def is_whole(self) -> bool:
        """Whether it holds whole numbers only; moments are."""
        return self.kind == "integer" or self.kind in MOMENTS


def number_text(number: float) -> str:
    """A number with all its digits and without an exponent: 9999998, 12345678901.25, 0.1."""
    if float(number).is_integer():
        return str(int(number))
    return format(Decimal(repr(float(number))), "f")


def _with_codes_of_boolean(given: _Given) -> _Given:
    """`true` and `false` are its codes, labelled unless the spec says more."""
    own = {"true": Label(es="Sí", en="Yes"), "false": Label(es="No", en="No")}
    codes = {str(code).lower(): label for code, label in given.get("codes", own).items()}
    if set(codes) != set(own):
        raise ValueError("`codes` of a boolean are `true` and `false`; label both, or remove it")
    return given | {"codes": codes}


def _with_numbers(given: _Given) -> _Given:
    """The moments of a column's bounds and special values as numbers."""
    kind = given["kind"]

    def number(value: Any, key: str) -> Any:
        if not isinstance(value, str):
            return value
        read = read_moment(kind, value)
        if read is None:
            raise ValueError(f"`{key}` {value!r} is no {kind}; write {MOMENTS[kind].example!r}")
        return read

    read = dict(given)
    for key in ("range", "brackets"):
        if isinstance(read.get(key), tuple):
            read[key] = tuple(number(value, key) for value in read[key])
    if "top_code" in read:
        read["top_code"] = number(read["top_code"], "top_code")
    if isinstance(read.get("special"), dict):
        read["special"] = {number(k, "special"): v for k, v in read["special"].items()}
    if isinstance(read.get("residual"), dict):
        read["residual"] = {
            number(code, "residual"): tuple(number(bound, "residual") for bound in bounds)
            for code, bounds in read["residual"].items()
        }
    return read
