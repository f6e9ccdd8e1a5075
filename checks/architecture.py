"""The drawing of the wings in docs/architecture.md, made from the imports.

    python -m checks.architecture

A wing is a folder of the library; an arrow points from a wing to one that it imports. Arrows that
follow from others are left out.
"""

from __future__ import annotations

from pathlib import Path

from checks.figures import CODE, LIBRARY, ROOT, import_graph, read_modules

PAGES = (ROOT / "docs/architecture.md", ROOT / "docs/architecture.es.md")
BEGIN, END = "<!-- drawing: made by checks/architecture.py -->", "<!-- end of the drawing -->"
# The ground that all wings stand on: an arrow to it from each would hide the others.
GROUND = ("errors", "language", "parameters", "survey", "lake", "table", "process")


def wing_of(module: str) -> str:
    """The folder of the library a module lies in, or the folder outside that it lies in."""
    if module == LIBRARY or module.startswith(f"{LIBRARY}."):
        return module.removeprefix(LIBRARY).strip(".").partition(".")[0] or "espejo"
    return module.removeprefix("include.").partition(".")[0]


def wings() -> dict[str, set[str]]:
    """For each wing, the wings that it imports."""
    graph: dict[str, set[str]] = {}
    for name, targets in import_graph(read_modules(CODE)).items():
        own = graph.setdefault(wing_of(name), set())
        own |= {wing_of(target) for target in targets} - {wing_of(name)}
    graph.pop("include", None)
    return graph


def drawing() -> str:
    """The wings as a Mermaid flowchart, ground last."""
    graph = {name: targets for name, targets in wings().items() if name != "espejo"}
    lines = ["```mermaid", "flowchart TD"]
    for name in sorted(graph):
        lines += [f"  {name} --> {target}" for target in sorted(_direct(name, graph))]
    lines += ["  subgraph ground", *(f"    {name}" for name in GROUND if name in graph), "  end"]
    return "\n".join([*lines, "```"])


def _direct(name: str, graph: dict[str, set[str]]) -> set[str]:
    """The targets that no other target leads to, without the ground where a wing is above it."""
    targets = {t for t in graph[name] if t in graph}
    if name not in GROUND:
        targets -= set(GROUND)
    return {t for t in targets if not any(t in _reach(o, graph) for o in targets - {t})}


def _reach(start: str, graph: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph.get(start, ()))
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph.get(name, ())
    return seen


def drawn(page: Path) -> str:
    """A page with the drawing as it is now."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{drawing()}\n\n{END}{after}"


def main() -> None:
    """Write the drawing into the pages."""
    for page in PAGES:
        page.write_text(drawn(page), encoding="utf-8")


if __name__ == "__main__":
    main()
