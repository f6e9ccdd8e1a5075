"""Ways in which a file or a spec can come out wrong, for hypothesis to combine."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

MARK = "QZXJ"  # in whatever stands for a person's answer: no message may repeat it
CASES = int(os.environ.get("ESPEJO_CASES", "100"))
# In the tests always the same cases; where more are asked for, others each time.
BULK = settings(
    max_examples=CASES,
    deadline=None,
    database=None,
    derandomize="ESPEJO_CASES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

Mutation = Callable[[bytes], bytes]
_TEXTS = (
    *("", " ", "9e999", "nan", "-1", "0", "1,5", "1.234,5", "=1+1", "0x10", "٣", "０９", "\x00"),
    *('"', '""', ";", "'", "\t", "NULL", "N/A", "1" * 400, "é" * 50, "2015-13-45", "99999999999"),
    *(MARK, f"{MARK} O'Neill", f'"{MARK};', f"{MARK}\n{MARK}", "😀"),
)
_NAMES = ("", "visitor", "AGE", "edad", "﻿park", " park ", "a" * 300, "año;mes", "0")


def _lines(content: bytes) -> list[bytes]:
    return content.split(b"\n")


def _cells(content: bytes, row: int, change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    lines = _lines(content)
    at = row % max(len(lines) - 1, 1)
    lines[at] = b";".join(change(lines[at].split(b";")))
    return b"\n".join(lines)


@st.composite
def _bytes(draw: st.DrawFn) -> Mutation:
    places = draw(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=9))

    def change(content: bytes) -> bytes:
        changed = bytearray(content)
        for where, value in places:
            if changed:
                changed[min(int(where * len(changed)), len(changed) - 1)] = value
        return bytes(changed)

    return change


@st.composite
def _cut(draw: st.DrawFn) -> Mutation:
    first, last = sorted(draw(st.tuples(st.floats(0, 1), st.floats(0, 1))))
    keep = draw(st.booleans())

    def change(content: bytes) -> bytes:
        start, end = int(first * len(content)), int(last * len(content))
        return content[start:end] if keep else content[:start] + content[end:]

    return change


@st.composite
def _cell(draw: st.DrawFn) -> Mutation:
    row, column = draw(st.integers(1, 400)), draw(st.integers(0, 20))
    text = draw(st.sampled_from(_TEXTS) | st.text(max_size=6).map(lambda t: MARK + t))
    everywhere = draw(st.booleans())

    def put(cells: list[bytes]) -> list[bytes]:
        cells[column % len(cells)] = text.encode("utf-8", "surrogatepass")
        return cells

    def change(content: bytes) -> bytes:
        if not everywhere:
            return _cells(content, row, put)
        head, *rest = _lines(content)
        return b"\n".join([head, *(b";".join(put(line.split(b";"))) for line in rest if line)])

    return change


@st.composite
def _columns(draw: st.DrawFn) -> Mutation:
    at, other = draw(st.tuples(st.integers(0, 20), st.integers(0, 20)))
    name = draw(st.sampled_from(_NAMES))
    act = draw(st.sampled_from(("drop", "twice", "swap", "rename", "head", "upper", "ragged")))

    def of_row(cells: list[bytes], *, is_head: bool) -> list[bytes]:
        place, second = at % len(cells), other % len(cells)
        if act == "drop":
            return cells[:place] + cells[place + 1 :]
        if act == "twice":
            return [*cells, cells[place]]
        if act == "swap":
            cells[place], cells[second] = cells[second], cells[place]
        if act == "rename" and is_head:
            cells[place] = name.encode()
        if act == "upper" and is_head:
            return [cell.upper() for cell in cells]
        return cells

    def change(content: bytes) -> bytes:
        head, *rest = _lines(content)
        if act == "head":
            return b"\n".join(rest)
        if act == "ragged":
            return _cells(content, at, lambda cells: cells[: other % len(cells)])
        rows = [b";".join(of_row(r.split(b";"), is_head=False)) for r in rest if r]
        return b"\n".join([b";".join(of_row(head.split(b";"), is_head=True)), *rows, b""])

    return change


def _zipped(content: bytes) -> bytes:
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as archive:
        archive.writestr("a.csv", content)
    return stored.getvalue()


def _encoded(encoding: str) -> Mutation:
    return lambda content: content.decode("utf-8", "replace").encode(encoding, "replace")


_DIALECTS: tuple[Mutation, ...] = (
    lambda content: content.replace(b";", b","),
    lambda content: content.replace(b";", b"\t"),
    lambda content: content.replace(b"\n", b"\r\n"),
    lambda content: content.replace(b"\n", b"\r"),
    lambda content: content.replace(b";", b'";"').replace(b"\n", b'"\n"'),
    lambda content: b"\n\n" + content,
    lambda content: content + b"\n\n;;;;\n",
    lambda content: content + content,
    lambda content: content.upper(),
    lambda content: b"\xef\xbb\xbf" + content,
    lambda content: content.replace(b"\n", b";\n"),
    *(_encoded(name) for name in ("latin-1", "cp1252", "utf-16", "utf-32", "cp037")),
    *(gzip.compress, _zipped, lambda content: gzip.compress(content)[:-9]),
    lambda content: b"PAR1" + content,
    lambda content: b"<html><body>404</body></html>",
    lambda content: b"\x00" * len(content),
)


def files() -> st.SearchStrategy[list[Mutation]]:
    """Some changes of a file, one after the other."""
    one = st.one_of(_bytes(), _cut(), _cell(), _cell(), _columns(), st.sampled_from(_DIALECTS))
    return st.lists(one, min_size=1, max_size=3)


_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["{period}", "{x}", "a == b", "a in (", "9" * 50, "../..", "s3://", "none"]),
    st.lists(st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def _paths(content: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = content.items() if isinstance(content, dict) else enumerate(content)
    found = [at] if at else []
    for key, value in inner:
        below = isinstance(value, dict | list)
        found += _paths(value, (*at, key)) if below else [(*at, key)]
    return found


def specs(content: dict[str, Any]) -> st.SearchStrategy[list[tuple[tuple[Any, ...], str, Any]]]:
    """Some changes of a spec: where, whether it is set, removed or renamed, and to what."""
    acts = st.sampled_from(("set", "set", "remove", "rename"))
    change = st.tuples(st.sampled_from(_paths(content)), acts, _VALUES)
    return st.lists(change, min_size=1, max_size=3)


def changed_spec(content: Any, changes: list[tuple[tuple[Any, ...], str, Any]]) -> Any:
    """The spec with these changes, as far as what they are about is still there."""
    for path, act, value in changes:
        holder = content
        for key in path[:-1]:
            inside = isinstance(holder, dict) and key in holder
            within = isinstance(holder, list) and isinstance(key, int) and key < len(holder)
            holder = holder[key] if inside or within else None
        last = path[-1]
        if isinstance(holder, list) and last < len(holder):
            holder[last] = value
        if isinstance(holder, dict) and last in holder:
            old = holder.pop(last)
            if act != "remove":
                holder[last if act == "set" else str(value)] = value if act == "set" else old
    return content
