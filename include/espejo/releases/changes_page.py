"""The journal as a page for people, in Spanish and English, the newest entry first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from include.espejo.language import Label, text
from include.espejo.releases.changes import CameAndWent, Changes
from include.espejo.releases.entries import Journal, Published, Withdrawn

_MOST_NAMES = 12

_COLUMNS = {
    "appeared": text("New columns"),
    "vanished": text("Columns no longer there"),
    "other_type": text("Columns of another type"),
    "other_labels": text("Columns with other labels"),
}
_CODES = {
    "appeared": text("new codes"),
    "vanished": text("codes no longer there"),
}
_RULES = {
    "appeared": text("New rules"),
    "vanished": text("Rules no longer kept"),
    "changed": text("Rules that changed"),
}


def render_changes(journal: Journal) -> bytes:
    """The page, from the journal's entries."""
    parts = [_head(journal.survey)]
    parts += ["\n".join(_entry(entry)) + "\n" for entry in reversed(journal.entries)]
    return "\n".join(parts).encode()


def _head(survey: str) -> str:
    about = text(
        "What each publication or withdrawal changed for users of the table. Codes are those of "
        "the rows."
    )
    title = text("changes")
    return f"# {survey}: {title.es} / {title.en}\n\n{about.es} *{about.en}*\n"


def _heading(entry: Published | Withdrawn, what: Label) -> str:
    return f"## {entry.date} · {entry.period} · `{entry.release}`: {_both(what)}\n"


def _item(what: Label, value: object = None) -> str:
    return f"- {_both(what)}" + ("" if value is None else f": {value}")


def _both(told: Label) -> str:
    return f"{told.es} / *{told.en}*"


def _entry(entry: Published | Withdrawn) -> Iterator[str]:
    if isinstance(entry, Withdrawn):
        yield _heading(entry, text("withdrawn"))
        yield _item(text("Reason"), _in_one_line(entry.reason))
        return
    yield _heading(entry, text("published"))
    yield from _publication(entry)


def _publication(entry: Published) -> Iterator[str]:
    yield _item(text("Rows"), entry.rows)
    if entry.override:
        yield _item(text("Published although a gate failed: see the manifest"))
    before = entry.predecessor
    if before is None:
        yield _item(text("First release"))
        return
    predecessor = f"{before.period} `{before.release}`"
    if entry.changed is None:
        yield _item(text("Could not be compared with"), predecessor)
        return
    yield _item(text("Compared with"), predecessor)
    changes = list(_changes(entry.changed))
    yield from changes or [_item(text("Same columns, codes and rules"))]


def _changes(changed: Changes) -> Iterator[str]:
    yield from _lists(changed.columns, _COLUMNS, "- ")
    for column, sides in changed.codes.items():
        yield from _lists(sides, _CODES, f"- `{column}`, ")
    yield from _lists(changed.rules, _RULES, "- ")
    if changed.spec:
        yield _item(text("Another spec"))
    if changed.code_version:
        yield _item(text("Another version of Espejo"))


def _lists(changed: CameAndWent, titles: Mapping[str, Label], before: str) -> Iterator[str]:
    """A line for each kind of change that there is."""
    for kind, title in titles.items():
        names: tuple[str, ...] = getattr(changed, kind)
        if names:
            yield f"{before}{_both(title)}: {_list(names)}"


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_MOST_NAMES])
    rest = len(names) - _MOST_NAMES
    others = _both(text("and others"))
    return f"{shown} {others}: {rest}" if rest > 0 else shown


def _in_one_line(text: str) -> str:
    """A reason given by people: no line of it may pass for one of the page's own."""
    return " ".join(text.split())
