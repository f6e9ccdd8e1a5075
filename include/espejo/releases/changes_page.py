"""The journal as a page for people, in Spanish and English, the newest entry first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_MOST_NAMES = 12

_HEAD = """# {survey}: cambios / changes

Qué cambió para quien usa la tabla, en cada publicación y retiro. Los códigos son los que tienen
las filas. *What changed for users of the table, at each publication and withdrawal. Codes are those
that rows hold.*
"""
_COLUMNS = {
    "appeared": "Columnas nuevas / *New columns*",
    "vanished": "Columnas que ya no están / *Columns no longer there*",
    "other_type": "Columnas de otro tipo / *Columns of another type*",
    "other_labels": "Columnas con otros textos / *Columns with other labels*",
}
_CODES = {
    "appeared": "códigos nuevos / *new codes*",
    "vanished": "códigos que ya no están / *codes no longer there*",
}
_RULES = {
    "appeared": "Reglas nuevas / *New rules*",
    "vanished": "Reglas que ya no se exigen / *Rules no longer kept*",
    "changed": "Reglas que cambiaron / *Rules that changed*",
}


def render_changes(journal: Mapping[str, Any]) -> bytes:
    """The page, from the journal's entries."""
    parts = [_HEAD.format(survey=journal["survey"])]
    parts += ["\n".join(_entry(entry)) + "\n" for entry in reversed(journal["entries"])]
    return "\n".join(parts).encode()


def _entry(entry: Mapping[str, Any]) -> Iterator[str]:
    name = f"{entry['date']} · {entry['period']} · `{entry['release']}`"
    if entry["event"] == "withdrawn":
        yield f"## {name}: retirada / *withdrawn*\n"
        yield f"- Motivo / *Reason*: {_in_one_line(entry['reason'])}"
        return
    yield f"## {name}: publicada / *published*\n"
    yield from _publication(entry)


def _publication(entry: Mapping[str, Any]) -> Iterator[str]:
    yield f"- Filas / *Rows*: {entry['rows']}"
    if entry["override"]:
        yield "- Pese a una prueba, véase el manifiesto / *Despite a gate, see the manifest*"
    before = entry["predecessor"]
    if before is None:
        yield "- Primera publicación / *First release*"
        return
    predecessor = f"{before['period']} `{before['release']}`"
    if entry["changed"] is None:
        yield f"- No se pudo comparar con / *Could not be compared with*: {predecessor}"
        return
    yield f"- Comparada con / *Compared with*: {predecessor}"
    changes = list(_changes(entry["changed"]))
    yield from changes or ["- Mismas columnas, códigos y reglas / *Same columns, codes and rules*"]


def _changes(changed: Mapping[str, Any]) -> Iterator[str]:
    for kind, names in changed.get("columns", {}).items():
        yield f"- {_COLUMNS[kind]}: {_list(names)}"
    for column, sides in changed.get("codes", {}).items():
        for side, codes in sides.items():
            yield f"- `{column}`, {_CODES[side]}: {_list(codes)}"
    for kind, names in changed.get("rules", {}).items():
        yield f"- {_RULES[kind]}: {_list(names)}"
    if "spec" in changed:
        yield "- Otra especificación / *Another spec*"
    if "code_version" in changed:
        yield "- Otra versión de Espejo / *Another version of Espejo*"


def _list(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_MOST_NAMES])
    rest = len(names) - _MOST_NAMES
    return shown + (f" y otros / *and others*: {rest}" if rest > 0 else "")


def _in_one_line(text: str) -> str:
    """A reason given by people: no line of it may pass for one of the page's own."""
    return " ".join(text.split())
