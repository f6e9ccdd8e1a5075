"""The journal as a page for people, in Spanish and English, the newest entry first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from include.espejo.releases.changes import CameAndWent, Changes
from include.espejo.releases.entries import Journal, Published, Withdrawn

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


def render_changes(journal: Journal) -> bytes:
    """The page, from the journal's entries."""
    parts = [_HEAD.format(survey=journal.survey)]
    parts += ["\n".join(_entry(entry)) + "\n" for entry in reversed(journal.entries)]
    return "\n".join(parts).encode()


def _entry(entry: Published | Withdrawn) -> Iterator[str]:
    name = f"{entry.date} · {entry.period} · `{entry.release}`"
    if isinstance(entry, Withdrawn):
        yield f"## {name}: retirada / *withdrawn*\n"
        yield f"- Motivo / *Reason*: {_in_one_line(entry.reason)}"
        return
    yield f"## {name}: publicada / *published*\n"
    yield from _publication(entry)


def _publication(entry: Published) -> Iterator[str]:
    yield f"- Filas / *Rows*: {entry.rows}"
    if entry.override:
        yield "- Pese a una prueba, véase el manifiesto / *Despite a gate, see the manifest*"
    before = entry.predecessor
    if before is None:
        yield "- Primera publicación / *First release*"
        return
    predecessor = f"{before.period} `{before.release}`"
    if entry.changed is None:
        yield f"- No se pudo comparar con / *Could not be compared with*: {predecessor}"
        return
    yield f"- Comparada con / *Compared with*: {predecessor}"
    changes = list(_changes(entry.changed))
    yield from changes or ["- Mismas columnas, códigos y reglas / *Same columns, codes and rules*"]


def _changes(changed: Changes) -> Iterator[str]:
    yield from _lists(changed.columns, _COLUMNS, "- ")
    for column, sides in changed.codes.items():
        yield from _lists(sides, _CODES, f"- `{column}`, ")
    yield from _lists(changed.rules, _RULES, "- ")
    if changed.spec:
        yield "- Otra especificación / *Another spec*"
    if changed.code_version:
        yield "- Otra versión de Espejo / *Another version of Espejo*"


def _lists(changed: CameAndWent, titles: Mapping[str, str], before: str) -> Iterator[str]:
    """A line for each kind of change that there is."""
    for kind, title in titles.items():
        names: tuple[str, ...] = getattr(changed, kind)
        if names:
            yield f"{before}{title}: {_list(names)}"


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_MOST_NAMES])
    rest = len(names) - _MOST_NAMES
    return shown + (f" y otros / *and others*: {rest}" if rest > 0 else "")


def _in_one_line(text: str) -> str:
    """A reason given by people: no line of it may pass for one of the page's own."""
    return " ".join(text.split())
