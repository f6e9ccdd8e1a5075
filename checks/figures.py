"""The figures of the code's shape, printed as a table.

    python -m checks.figures [--json]

They are read from the syntax trees of `include`, `dags` and `plugins`; nothing is imported or run.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
CODE = ("include", "dags", "plugins")
LIBRARY = "include.espejo"
WIDE_TYPES = re.compile(r"\bdict\[str, Any\]")
WIDE_MAPPINGS = re.compile(r"\b(?:dict|Mapping)\[str, Any\]")

Graph = Mapping[str, set[str]]


@dataclass(frozen=True)
class Module:
    """One Python file: its dotted name, its text and its syntax tree."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def folder(self) -> str:
        """The dotted name of its folder; a package's own file counts as the package's.

        A module beside the library's wings stands for itself: errors are the ground that all
        stand on, and commands call everything.
        """
        parent = self.name.rpartition(".")[0]
        return self.name if self.path.name == "__init__.py" or parent == LIBRARY else parent


def read_modules(folders: Iterable[str]) -> list[Module]:
    """The Python files under folders of the repository, sorted by path."""
    paths = sorted(p for folder in folders for p in (ROOT / folder).rglob("*.py"))
    return [_read(path) for path in paths]


def _read(path: Path) -> Module:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    text = path.read_text(encoding="utf-8")
    return Module(name, path, text, ast.parse(text))


def import_graph(modules: list[Module]) -> dict[str, set[str]]:
    """For each module, the modules of the project that it imports, inside functions too."""
    names = {module.name for module in modules}
    return {m.name: {i for i in _imported(m, names) if i != m.name} for m in modules}


def _imported(module: Module, names: set[str]) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in names:
                    yield inner
                elif node.module in names:
                    yield node.module


def circles(graph: Graph) -> list[list[str]]:
    """Groups of more than one node that all reach each other (Tarjan 1972)."""
    reach = {node: _reach(graph, node) for node in graph}
    groups = {frozenset({n} | {m for m in reach[n] if n in reach.get(m, ())}) for n in graph}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def _reach(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(graph.get(node, ()))
    return seen


def folder_graph(modules: list[Module], graph: Graph) -> dict[str, set[str]]:
    """Imports between folders; a folder's imports of its own subfolders are not counted."""
    folder = {module.name: module.folder for module in modules}
    between: dict[str, set[str]] = {name: set() for name in folder.values()}
    for name, targets in graph.items():
        between[folder[name]] |= {folder[target] for target in targets} - {folder[name]}
    return between


def ways_back(graph: Graph) -> list[tuple[str, str]]:
    """Pairs of nodes that import each other directly."""
    return sorted((a, b) for a in graph for b in graph[a] if a < b and a in graph.get(b, ()))


def public_definitions(modules: list[Module]) -> dict[str, list[str]]:
    """Public classes and functions at the top of a module that share a name, with their modules."""
    places: dict[str, list[str]] = defaultdict(list)
    for module in modules:
        for node in module.tree.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if not node.name.startswith("_"):
                places[node.name].append(module.name)
    return {name: where for name, where in sorted(places.items()) if len(where) > 1}


def renaming_aliases(modules: list[Module]) -> list[str]:
    """Imports of the library's own names under another name."""
    return [
        f"{module.name}: {alias.name} as {alias.asname}"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(LIBRARY)
        for alias in node.names
        if alias.asname and alias.asname != alias.name
    ]


def function_lengths(modules: list[Module]) -> list[tuple[int, str]]:
    """Lines of each function, with its name."""
    return [
        ((node.end_lineno or node.lineno) - node.lineno + 1, f"{module.name}.{node.name}")
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def loose_modules() -> list[str]:
    """Files beside the wings of the library."""
    return sorted(p.name for p in (ROOT / "include/espejo").glob("*.py") if p.stem != "__init__")


def measure() -> dict[str, object]:
    """Every figure by its name."""
    code = read_modules(CODE)
    own = read_modules((*CODE, "demo", "bench", "checks"))
    everything = read_modules((*CODE, "demo", "bench", "checks", "tests"))
    graph = import_graph(code)
    folders = folder_graph(code, graph)
    lines = sum(module.text.count("\n") for module in code)
    lengths = function_lengths(own)
    longest = max(own, key=lambda module: module.text.count("\n"))
    return {
        "import circles between files": len(circles(graph)),
        "import circles between folders": len(circles(folders)),
        "ways back between files": len(ways_back(graph)),
        "ways back between folders": len(ways_back(folders)),
        "dict[str, Any] in 1,000 lines": _per_thousand(WIDE_TYPES, code, lines),
        "the same with Mapping": _per_thousand(WIDE_MAPPINGS, code, lines),
        "public names defined more than once": len(public_definitions(code)),
        "import aliases that rename": len(renaming_aliases(own)),
        "fmt: skip": _count(re.compile(r"# fmt: ?(?:skip|off)"), everything),
        ".get(...) or {}": _count(re.compile(r"\.get\([^()]*\) or (?:\{\}|\[\]|\(\))"), code),
        "modules beside the wings": len(loose_modules()),
        "longest file": f"{longest.text.count(chr(10))} ({longest.name})",
        "median function": median(length for length, _ in lengths),
        "longest function": "{} ({})".format(*max(lengths)),
    }


def _per_thousand(pattern: re.Pattern[str], modules: list[Module], lines: int) -> float:
    return round(_count(pattern, modules) / lines * 1000, 1)


def _count(pattern: re.Pattern[str], modules: list[Module]) -> int:
    return sum(len(pattern.findall(module.text)) for module in modules)


def details() -> dict[str, object]:
    """What stands behind the counts, for whoever wants to lower them."""
    code = read_modules(CODE)
    graph = import_graph(code)
    folders = folder_graph(code, graph)
    return {
        "circles": circles(graph),
        "circles of folders": circles(folders),
        "ways back": ways_back(graph),
        "ways back of folders": ways_back(folders),
        "names": public_definitions(code),
        "aliases": renaming_aliases(code),
        "loose": loose_modules(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--details", action="store_true", help="what stands behind the counts")
    options = parser.parse_args()
    if options.details:
        print(json.dumps(details(), indent=1))
        return
    for name, value in measure().items():
        print(f"{name:40} {value}")


if __name__ == "__main__":
    main()
