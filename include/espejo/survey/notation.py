"""A spec's YAML: lines for errors, no key twice, texts that stay texts, code lists from CSV files.

YAML 1.1 reads `No` as false, `010` as eight and `12:30` as 750. A spec is read as YAML 1.2 means
it: only `true` and `false` are truth values, only plain decimal numbers are numbers, and dates are
texts (https://yaml.org/spec/1.2.2/, section 10.3.2).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from include.espejo.errors import SpecError

_TAG = "tag:yaml.org,2002:"
_PLAIN = {
    f"{_TAG}bool": (re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    f"{_TAG}int": (re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), "-+0123456789"),
}
_CODE_LIST_KEYS = {"file", "code", "label", "label_en", "delimiter", "encoding"}


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
    return root, _with_code_lists(content, file, folder)


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


def _with_code_lists(content: Any, file: str, folder: Path | None) -> Any:
    """The spec with each column's `codes_from` replaced by the codes of that file."""
    columns = content.get("columns") if isinstance(content, dict) else None
    for name, column in (columns if isinstance(columns, dict) else {}).items():
        if isinstance(column, dict) and "codes_from" in column:
            where = f"{file}: `columns.{name}.codes_from`"
            listed = _read_code_list(column.pop("codes_from"), where, folder)
            column["codes"] = {**listed, **(column.get("codes") or {})}
    return content


def _read_code_list(given: Any, where: str, folder: Path | None) -> dict[str, Any]:
    if not isinstance(given, dict) or not {"file", "code"} <= given.keys() <= _CODE_LIST_KEYS:
        raise SpecError(
            f"{where}: write the file and its columns, such as "
            "{file: municipios.csv, code: CVE_MUN, label: NOM_MUN}"
        )
    path = Path(str(given["file"]))
    if path.name != str(path):
        raise SpecError(f"{where}: {path} must lie beside the spec; give its name alone")
    try:
        with ((folder or Path()) / path).open(
            encoding=given.get("encoding", "utf-8-sig"), newline=""
        ) as lines:
            rows = list(csv.DictReader(lines, delimiter=given.get("delimiter", ",")))
    except FileNotFoundError:
        raise SpecError(f"{where}: there is no {path} beside the spec") from None
    except (OSError, UnicodeDecodeError, LookupError, csv.Error, TypeError) as error:
        raise SpecError(
            f"{where}: {path} cannot be read ({type(error).__name__}); name its `encoding` and "
            "`delimiter`"
        ) from None
    return _codes_of(rows, given, where)


def _codes_of(rows: list[dict[str, str]], given: dict[str, Any], where: str) -> dict[str, Any]:
    wanted = [str(given[key]) for key in ("code", "label", "label_en") if key in given]
    missing = [name for name in wanted if not rows or name not in rows[0]]
    if missing:
        raise SpecError(f"{where}: the file has no column {missing[0]}")
    codes: dict[str, Any] = {}
    for row in rows:
        texts = [(row[name] or "").strip() for name in wanted]
        code, *labels = texts
        if codes.setdefault(code, _label(labels)) != _label(labels):
            raise SpecError(f"{where}: code {code!r} has two labels; keep one")
    codes.pop("", None)
    return codes


def _label(labels: list[str]) -> Any:
    if not any(labels):
        return None
    return (
        labels[0] or labels[-1]
        if len(labels) == 1 or not all(labels)
        else dict(zip(("es", "en"), labels, strict=True))
    )
