"""What a file, or a code book beside it, says of its columns: labels, codes and their meanings."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from include.espejo.errors import InputError
from include.espejo.ingest.formats.labelled import LABELLED, read_labels
from include.espejo.ingest.formats.written import text_of

MOST_LABELS = 1000  # of a column: more are a list of their own, in a file beside the spec
_KEYS = ("column", "label", "code", "meaning")


@dataclass(frozen=True)
class ColumnLabels:
    """A column's label, and the meanings of its codes as the file writes them."""

    label: str = ""
    codes: dict[str, str] = field(default_factory=dict)


Labels = Mapping[str, ColumnLabels]


def labels_of_file(content: bytes, source: str, kind: str, skip: Collection[str] = ()) -> Labels:
    """The labels that a Stata, SPSS or SAS file carries; none of other formats."""
    if kind not in LABELLED:
        return {}
    about = read_labels(content, source, kind)
    found = {
        name: ColumnLabels(
            label or "",
            {text_of(c): m for c, m in about.variable_value_labels.get(name, {}).items()},
        )
        for name, label in zip(about.column_names, about.column_labels, strict=True)
    }
    return _checked(found, source, skip)


def labels_of_book(
    content: bytes, book: str, names: Sequence[str], skip: Collection[str] = ()
) -> Labels:
    """The labels of a code book: a CSV with columns `column`, `label`, `code` and `meaning`.

    A line with a code says what it means; one without says what the column is. Raises InputError
    where it is of another form, or of another survey: none of its columns is in the file.
    """
    text = content.decode("utf-8-sig", "replace")
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    if not rows or "column" not in rows[0]:
        problem = f"rule code book: its first line must name the columns {', '.join(_KEYS)}"
        raise InputError(book, [problem])
    found: dict[str, ColumnLabels] = {}
    spelt = {name.upper(): name for name in names}
    for row in rows:
        told = {key: (row.get(key) or "").strip() for key in _KEYS}
        name = spelt.get(told["column"].upper(), told["column"])
        before = found.get(name, ColumnLabels())
        codes = before.codes | ({told["code"]: told["meaning"]} if told["code"] else {})
        label = before.label or ("" if told["code"] else told["label"])
        found[name] = ColumnLabels(label or told["label"], codes)
    if not set(found) & set(names):
        raise InputError(
            book,
            [
                f"rule code book: it has {len(found)} columns, and none of them is in the file; "
                "give the code book of this survey"
            ],
        )
    return _checked(found, book, skip)


def _checked(found: dict[str, ColumnLabels], source: str, skip: Collection[str]) -> Labels:
    found = {n: ColumnLabels(told.label) if n in skip else told for n, told in found.items()}
    problems = [
        f"column {name}, rule labels: {len(told.codes):,} codes have one, and a spec takes "
        f"{MOST_LABELS:,} at most; leave it out by --skip {name}, and name a CSV with the list in "
        "`codes_from`"
        for name, told in found.items()
        if len(told.codes) > MOST_LABELS
    ]
    if problems:
        raise InputError(source, problems)
    return found
