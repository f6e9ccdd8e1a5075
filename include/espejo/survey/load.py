"""Reads a spec from YAML; every error names file, line, key and remedy."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from include.espejo.errors import SpecError
from include.espejo.survey.model import SurveySpec
from include.espejo.survey.notation import read_notation
from include.espejo.survey.problems import Location
from include.espejo.survey.references import find_problems

SUFFIXES = (".yaml", ".yml")
SURVEYS_VARIABLE = "ESPEJO_SURVEYS"


def surveys_directory() -> Path:
    """Where the specs lie: `include/surveys`, or the directory named by ESPEJO_SURVEYS."""
    default = Path(__file__).resolve().parents[2] / "surveys"
    return Path(os.environ.get(SURVEYS_VARIABLE, default))


def find_specs() -> list[Path]:
    """The spec files of every survey, by name."""
    folder = surveys_directory()
    return sorted(path for suffix in SUFFIXES for path in folder.glob(f"*{suffix}"))


def load_specs() -> tuple[list[SurveySpec], list[str]]:
    """The specs that can be used, and what is wrong with the others.

    Of two specs of one survey neither is used: each would replace the other's DAG.
    """
    loaded: dict[str, list[tuple[Path, SurveySpec]]] = {}
    problems = []
    for path in find_specs():
        try:
            spec = load_spec(path)
        except SpecError as error:
            problems.append(str(error))
        else:
            loaded.setdefault(spec.survey, []).append((path, spec))
    for survey, specs in loaded.items():
        if len(specs) > 1:
            files = " and ".join(path.name for path, _ in specs)
            problems.append(
                f"{files}: `survey` is {survey} in each; give each survey a name of its own"
            )
    return [specs[0][1] for specs in loaded.values() if len(specs) == 1], problems


def load_spec(survey: str | Path) -> SurveySpec:
    """Load a spec by the survey's name or by the path of its file. Raises SpecError."""
    path = Path(survey)
    if path.suffix not in SUFFIXES:
        path = _file_of(str(survey))
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(_missing_spec(str(survey), path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read as UTF-8 text ({type(error).__name__})") from None
    return parse_spec(text, path.name, path.parent)


def _file_of(survey: str) -> Path:
    """A survey's spec by its name. Raises SpecError where there are two."""
    folder = surveys_directory()
    found = [path for suffix in SUFFIXES if (path := folder / f"{survey}{suffix}").exists()]
    if len(found) > 1:
        files = " and ".join(path.name for path in found)
        raise SpecError(f"survey {survey!r}: it has two specs, {files}; keep one")
    return found[0] if found else folder / f"{survey}{SUFFIXES[0]}"


def parse_spec(text: str, file: str, folder: Path | None = None) -> SurveySpec:
    """Check the text of a spec; `file` is the name that errors give, `folder` has code lists."""
    root, content = read_notation(text, file, folder)
    try:
        spec = SurveySpec.model_validate(content)
    except ValidationError as error:
        problems = [_problem(e["loc"], e["type"], e["msg"], e.get("input")) for e in error.errors()]
        raise SpecError(_message(file, root, problems)) from None
    problems = find_problems(spec)
    if problems:
        raise SpecError(_message(file, root, problems))
    return spec


def spec_digest(spec: SurveySpec) -> str:
    """SHA-256 of the spec's content: the same whatever its comments and layout."""
    canonical = json.dumps(spec.model_dump(mode="json", by_alias=True), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _missing_spec(survey: str, path: Path) -> str:
    known = [p.stem for p in find_specs()]
    return f"survey {survey!r}: no spec at {path}; known surveys: {', '.join(known) or 'none'}"


_OTHER_FORM = {
    "tuple_type": "it must be a list; write it such as [a, b]",
    "list_type": "it must be a list; write it such as [a, b]",
    "dict_type": "it must be keys with values; write it such as {key: value}",
    "int_type": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "float_type": "it must be a number",
    "string_type": "it must be text",
}


def _problem(location: Location, kind: str, message: str, value: Any) -> tuple[Location, str]:
    """A pydantic error in words that carry the remedy."""
    if kind == "extra_forbidden":
        return location, _unknown_key(location)
    if kind == "missing":
        return location, "this key is required; add it"
    if kind == "string_type" and isinstance(value, int | float | bool):
        return location, f"{value!r} was read as a {type(value).__name__}; write it in quotes"
    if kind == "bool_type":
        return location, f"{value!r} is neither true nor false; write one of them"
    if kind in ("too_short", "too_long"):
        few = kind == "too_short"
        limit = re.search(r"at (?:least|most) (\d+)", message)
        wanted = f"; write {limit[1]} or {'more' if few else 'fewer'}" if limit else ""
        return location, f"it has too {'few' if few else 'many'} entries{wanted}"
    if kind in _OTHER_FORM:
        return location, _OTHER_FORM[kind]
    return location, message.removeprefix("Value error, ").replace("Input should be", "it must be")


def _unknown_key(location: Location) -> str:
    known = _known_keys(SurveySpec, set()) - {str(location[-1])}
    nearest = difflib.get_close_matches(str(location[-1]), sorted(known), n=1)
    hint = f"; did you mean `{nearest[0]}`?" if nearest else "; remove it"
    return f"unknown key{hint}"


def _known_keys(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[str]:
    """The keys of a model and of all models within it."""
    if model in seen:
        return set()
    seen.add(model)
    keys: set[str] = set()
    for name, field in model.model_fields.items():
        keys.add(field.alias or name)
        for inner in _models_in(field.annotation):
            keys |= _known_keys(inner, seen)
    return keys


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models_in(inner)


def _message(file: str, root: yaml.Node, problems: Sequence[tuple[Location, str]]) -> str:
    lines = []
    for location, text in problems:
        line, path = _locate(root, location)
        lines.append(f"{file} line {line}: `{path}`: {text}")
    return "\n".join(dict.fromkeys(lines))


def _locate(node: yaml.Node, location: Location) -> tuple[int, str]:
    """Line and dotted key of the deepest part of `location` that the text has.

    Parts that the text lacks (a missing key, or the tag pydantic puts in for the kind of a
    rule) are passed over; a missing last key still ends the path.
    """
    line, path = node.start_mark.line + 1, []
    for index, part in enumerate(location):
        child = None if _is_tag(node, location, index) else _child(node, part)
        if child is not None:
            key, node = child
            line = key.start_mark.line + 1
            path.append(str(part))
        elif index == len(location) - 1 and isinstance(part, str):
            path.append(part)
    return line, ".".join(dict.fromkeys(path)) or "(the whole file)"


def _is_tag(node: yaml.Node, location: Location, index: int) -> bool:
    """Whether this part is no key but the kind of a rule, which pydantic puts after its index."""
    kind = _child(node, "kind")
    after_index = index > 0 and isinstance(location[index - 1], int)
    return after_index and kind is not None and kind[1].value == location[index]


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None
