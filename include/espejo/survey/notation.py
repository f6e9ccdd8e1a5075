"""A spec's YAML: lines for errors, no key twice, texts that stay texts, code lists from CSV files.

YAML 1.1 reads `No` as false, `010` as eight and `12:30` as 750. A spec is read as YAML 1.2 means
it: only `true` and `false` are truth values, only plain decimal numbers are numbers, and dates are
texts (https://yaml.org/spec/1.2.2/, section 10.3.2).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from include.espejo.errors import SpecError

_TAG = "tag:yaml.org,2002:"
_PLAIN = {
    f"{_TAG}bool": (re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    f"{_TAG}int": (re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), "-+0123456789"),
}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's, with the plain scalars of YAML 1.2."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag not in (*_PLAIN, f"{_TAG}timestamp")]
    for first, forms in _Loader.yaml_implicit_resolvers.items()
}
for _tag, (_form, _first) in _PLAIN.items():
    _Loader.add_implicit_resolver(_tag, _form, list(_first))


def read_notation(text: str, file: str, folder: Path | None) -> tuple[yaml.Node, Any]:
    """The nodes of a spec's text, and its content as dictionaries and tuples.

    `folder` is where its code lists lie. Raises SpecError.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
        content = _frozen(yaml.load(text, Loader=_Loader))
    except (ValueError, TypeError, RecursionError) as error:
        raise SpecError(f"{file}: not a plain YAML mapping ({type(error).__name__})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise SpecError(f"{file}{line}: not valid YAML: {problem}") from None
    if not isinstance(root, yaml.MappingNode):
        raise SpecError(f"{file}: a spec is a YAML mapping that starts with `survey:`")
    _refuse_repeated_keys(root, file)
    return root, _with_lists(content, file, folder)


def _frozen(value: Any) -> Any:
    """Lists become tuples: the spec is frozen throughout."""
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return value


def _refuse_repeated_keys(root: yaml.Node, file: str) -> None:
    for mapping in _mappings(root):
        seen: set[str] = set()
        for key, _ in mapping.value:
            if not isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                raise SpecError(f"{file} line {line}: a key must be a plain text, not a list")
            if key.value in seen and key.tag != f"{_TAG}merge":
                line = key.start_mark.line + 1
                raise SpecError(f"{file} line {line}: key {key.value!r} is given twice; remove one")
            seen.add(key.value)


def _mappings(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from _mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _mappings(value)


def _with_lists(content: Any, file: str, folder: Path | None) -> Any:
    """The spec with what it takes from files beside it: codes of columns, and the layout."""
    if not isinstance(content, dict):
        return content
    columns = content.get("columns")
    for name, column in (columns if isinstance(columns, dict) else {}).items():
        if isinstance(column, dict) and "codes_from" in column:
            listed = _ListFile(column.pop("codes_from"), f"columns.{name}.codes_from", file, folder)
            column["codes"] = {**listed.codes(), **column.get("codes", {})}
    source = content.get("source")
    layout = source.get("layout") if isinstance(source, dict) else None
    if isinstance(source, dict) and isinstance(layout, dict) and "file" in layout:
        source["layout"] = _ListFile(layout, "source.layout", file, folder).layout()
    return content


def read_layout(path: Path) -> dict[str, tuple[int, int]]:
    """The layout of a file with columns `name`, `start`, and `end` or `width`. Raises SpecError."""
    try:
        header = path.read_text(encoding="utf-8-sig").partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read ({type(error).__name__})") from None
    last = "width" if "width" in header else "end"
    given = {"file": path.name, **{key: key for key in ("name", "start", last)}}
    return _ListFile(given, "layout", path.name, path.parent).layout()


class _ListFile:
    """A CSV file beside the spec, by the key that names it and its columns."""

    def __init__(self, given: Any, key: str, file: str, folder: Path | None):
        self.where = f"{file}: `{key}`"
        if not isinstance(given, dict) or "file" not in given:
            raise SpecError(f"{self.where}: name its file and columns, see docs/spec.md")
        self.given = {name: str(value) for name, value in given.items()}
        path = Path(self.given.pop("file"))
        if path.name != str(path):
            raise SpecError(f"{self.where}: {path} must lie beside the spec; give its name alone")
        self.path = (folder or Path()) / path

    def rows(self, *required: str, optional: Sequence[str] = ()) -> list[dict[str, str]]:
        """The file's rows by what the spec calls its columns, stripped. Raises SpecError."""
        delimiter = self.given.pop("delimiter", ",")
        encoding = self.given.pop("encoding", "utf-8-sig")
        missing = [name for name in required if name not in self.given]
        unknown = [name for name in self.given if name not in (*required, *optional)]
        if missing or unknown:
            problem = f"it lacks `{missing[0]}`" if missing else f"unknown key `{unknown[0]}`"
            raise SpecError(f"{self.where}: {problem}; see docs/spec.md")
        try:
            with self.path.open(encoding=encoding, newline="") as lines:
                rows = list(csv.DictReader(lines, delimiter=delimiter))
        except FileNotFoundError:
            raise SpecError(f"{self.where}: there is no {self.path.name} beside the spec") from None
        except (OSError, UnicodeDecodeError, LookupError, csv.Error, TypeError) as error:
            raise SpecError(
                f"{self.where}: {self.path.name} cannot be read ({type(error).__name__}); name its "
                "`encoding` and `delimiter`"
            ) from None
        for name in self.given.values():
            if not rows or name not in rows[0]:
                raise SpecError(f"{self.where}: {self.path.name} has no column {name}")
        return [{key: (row[n] or "").strip() for key, n in self.given.items()} for row in rows]

    def codes(self) -> dict[str, object]:
        """Codes and their labels."""
        codes: dict[str, object] = {}
        for row in self.rows("code", optional=("label", "label_en")):
            if not row["code"]:
                continue
            label = _label(row.get("label", ""), row.get("label_en", ""))
            if codes.setdefault(row["code"], label) != label:
                raise SpecError(f"{self.where}: code {row['code']!r} has two labels; keep one")
        return codes

    def layout(self) -> dict[str, tuple[int, int]]:
        """The first and last character of each column, counted from one."""
        places: dict[str, tuple[int, int]] = {}
        last = "width" if "width" in self.given else "end"
        for row in self.rows("name", "start", last):
            try:
                start, number = int(row["start"]), int(row[last])
            except ValueError:
                raise SpecError(
                    f"{self.where}: {row['name']} has no whole numbers for its place"
                ) from None
            end = start + number - 1 if last == "width" else number
            if places.setdefault(row["name"], (start, end)) != (start, end):
                raise SpecError(f"{self.where}: {row['name']} has two places; keep one")
        return places


def _label(label: str, english: str) -> Any:
    if label and english:
        return {"es": label, "en": english}
    return label or english or None
