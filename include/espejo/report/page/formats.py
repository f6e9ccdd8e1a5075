"""Texts and numbers in both languages, as the page shows one of them.

Both are in the page, each with its `lang`; the style sheet shows the one that is chosen. What is
written alike in both stands once. Numbers are written as CLDR says for the spec's locales.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from babel import Locale
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup, escape

from include.espejo.language import Label, text
from include.espejo.language.catalogue import side
from include.espejo.survey import Column

MISSING = "–"
DECIMALS = 2  # of a published score, share or association
_HALF_A_HUNDREDTH = 0.005


class Both(Markup):
    """A text in Spanish and in English, each in an element with its language."""

    es: str
    en: str

    def __new__(cls, es: str, en: str) -> Both:
        spans = Markup('<span lang="es">{}</span><span lang="en">{}</span>').format(es, en)
        both = super().__new__(cls, spans)
        both.es, both.en = es, en
        return both


def in_both(es: str, en: str) -> Markup:
    """A text in Spanish and in English; anything but Markup is escaped."""
    return escape(es) if es == en else Both(es, en)


def label_text(label: Label | None, otherwise: str = "") -> Markup:
    """A label of the spec; `otherwise` where it has none."""
    return escape(otherwise) if label is None else in_both(label.es, label.en)


def sentence(english: str, **gaps: object) -> Markup:
    """A sentence of the catalogue; what fills its gaps is taken in the sentence's language."""
    whole = text(english)
    return in_both(_filled(whole.es, gaps, "es"), _filled(whole.en, gaps, "en"))


def _filled(whole: str, gaps: Mapping[str, object], language: str) -> str:
    if not gaps:
        return whole
    return escape(whole).format(**{name: side(gap, language) for name, gap in gaps.items()})


class Numbers:
    """Numbers in the spec's locales; each method gives both languages, a dash for what is none."""

    def __init__(self, locales: Label) -> None:
        self._locales = Locale.parse(locales.es), Locale.parse(locales.en)

    def score(self, value: float | None) -> Markup:
        """Two decimals, as public figures have."""
        pattern = "#,##0.00;\u2212#,##0.00"
        cut = None if value is None else round(value, 2) + 0.0  # what is cut to 0 has no sign
        return self._written(cut, lambda v, locale: format_decimal(v, pattern, locale))

    def count(self, value: float | None) -> Markup:
        return self._written(value, lambda v, locale: format_decimal(round(v), "#,##0", locale))

    def percent(self, value: float | None, decimals: int = 0) -> Markup:
        digits = f"0.{'0' * decimals}" if decimals else "0"
        return self._written(
            value, lambda v, locale: format_percent(v, _percents(locale, digits), locale)
        )

    def change(self, value: float | None) -> Markup:
        """A difference of scores, with its sign; 0 where it is cut to none."""
        if value is not None and abs(value) < _HALF_A_HUNDREDTH:
            return Markup("0")
        pattern = "+0.00;\u22120.00"
        return self._written(value, lambda v, locale: format_decimal(v, pattern, locale))

    def relative(self, value: float | None) -> Markup:
        """A relative difference, with its sign, in whole per cent."""
        if value is not None and abs(value) < _HALF_A_HUNDREDTH:
            return self.percent(0)

        def write(number: float, locale: Locale) -> str:
            pattern = _percents(locale, "0")
            return format_percent(number, f"+{pattern};\u2212{pattern}", locale)

        return self._written(value, write)

    def amount(self, value: float | None) -> Markup:
        """An amount in the unit of its column: decimals only where they count."""
        if value is None:
            return Markup(MISSING)
        size = abs(value)
        pattern = "#,##0" if size >= 1000 or value == round(value) else "#,##0.##"
        return self._written(value, lambda v, locale: format_decimal(v, pattern, locale))

    def value(self, value: float | None, column: Column, plain: bool = False) -> Markup:
        """A value of a column: a moment by ISO 8601, `plain` a number that is used as a name."""
        if column.moment and value is not None and math.isfinite(value):
            return Markup(column.text(round(value)))
        if value is None:
            return Markup(MISSING)
        return self.plain(value) if plain else self.amount(value)

    def plain(self, value: float) -> Markup:
        """A number used as a name, such as a year: written without a thousands separator."""
        return self._written(value, lambda v, locale: format_decimal(v, "0.##", locale))

    def _written(self, value: float | None, write: Callable[[float, Locale], str]) -> Markup:
        if value is None or math.isnan(value):
            return Markup(MISSING)
        return in_both(*(write(value, locale) for locale in self._locales))


def _percents(locale: Locale, digits: str) -> str:
    """The locale's pattern of per cents, with its space or without, of so many digits."""
    return str(locale.percent_formats[None].pattern).replace("0", digits)
