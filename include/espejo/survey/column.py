"""A column of a survey: its kind, codes, bounds and labels."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from include.espejo.language import Label

# What a column is to an attacker: direct identifies by itself and is never modelled; quasi may be
# known of a person; sensitive is what one would want to learn; free is neither.
Role = Literal["direct", "quasi", "sensitive", "free"]


class Strict(BaseModel):
    """Frozen, and an unknown key or a value of another type is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class Column(Strict):
    """A column: a code (text of a fixed width) or a number.

    `width` is how many characters the source writes, zeros in front; `special` holds numbers
    that are codes ("98: age unknown"); `top_code` is the number that means "this or more".
    """

    kind: Literal["code", "integer", "decimal"]
    label: Label
    aliases: tuple[str, ...] = Field(default=())
    optional: bool = False
    blank: Literal["never", "allowed"] = "allowed"
    max_blank_share: float | None = Field(default=None, ge=0, le=1)
    width: int | None = Field(default=None, ge=1, le=40)
    codes: dict[str, Label | None] = Field(default_factory=dict)
    code_ranges: tuple[str, ...] = Field(default=())
    range: tuple[float, float] | None = Field(default=None)
    special: dict[int, Label] = Field(default_factory=dict)
    top_code: int | None = None
    unit: Label | None = None
    role: Role | None = None
    residual: dict[str | int, tuple[str | float, ...]] = Field(default_factory=dict)
    brackets: tuple[float, ...] = Field(default=())

    @model_validator(mode="after")
    def _check_kind(self) -> Column:
        codes_only = {"codes": self.codes, "code_ranges": self.code_ranges}
        numbers_only = {
            "range": self.range,
            "special": self.special,
            "top_code": self.top_code,
            "brackets": self.brackets,
        }
        foreign = numbers_only if self.kind == "code" else codes_only
        for key, value in foreign.items():
            if value not in (None, (), {}):
                raise ValueError(
                    f"`{key}` cannot be used with kind {self.kind}; remove one of them"
                )
        # Written so that it also catches a bound that is not a number.
        if self.range is not None and not self.range[0] <= self.range[1]:
            raise ValueError("`range` has its bounds in the wrong order; write the lower one first")
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
            if self.kind == "code" and misfits:
                raise ValueError(
                    f"code {misfits[0]!r} does not have the declared width {self.width}"
                )
        return self

    @model_validator(mode="after")
    def _check_residual(self) -> Column:
        for code, stands_for in self.residual.items():
            if self.kind == "code":
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
        return self.special.get(int(code)) if code.lstrip("-").isdigit() else None

    @cached_property
    def code_set(self) -> frozenset[str]:
        """The listed codes; empty where any code of the width is allowed."""
        return frozenset(self.listed_codes())

    def is_code(self) -> bool:
        return self.kind == "code"
