"""The parts of the widest geography as tiles, coloured by how far each is below its ceiling."""

from __future__ import annotations

from dataclasses import dataclass

from include.espejo.evaluate.general.breakdown import OTHERS
from include.espejo.evaluate.general.document import Part, Parts
from include.espejo.evaluate.scoring.references import ReferencedScore
from include.espejo.language import Label, text
from include.espejo.report.page.fitness import below_ceiling
from include.espejo.report.page.pairs import GAPS
from include.espejo.survey import SurveySpec
from include.espejo.survey.model import Geography

_OTHERS = text("The other places, together")


@dataclass(frozen=True)
class Tile:
    """A part with its scores. `row`, `column`: from 1, 0 where the spec draws none."""

    code: str
    label: Label
    pairs: ReferencedScore
    shapes: ReferencedScore
    row: int = 0
    column: int = 0

    @property
    def gap(self) -> float | None:
        """What pairs score below the ceiling; None where too few were held out for one."""
        score, ceiling = self.pairs.score, self.pairs.ceiling
        return None if score is None or ceiling is None else below_ceiling(score, ceiling)

    @property
    def shade(self) -> str:
        gap = self.gap
        return "none" if gap is None else f"e{sum(gap > bound for bound in GAPS)}"


@dataclass(frozen=True)
class PlaceTiles:
    """The tiles, the worst first; `across`: columns of the drawing, 0 where there is none."""

    level: str | None
    tiles: tuple[Tile, ...]
    across: int
    merged: int
    left_out: int


def make_places(spec: SurveySpec, known: Parts) -> PlaceTiles:
    """The parts that were scored; none where the survey has no geography."""
    layout = spec.geography.tiles if isinstance(spec.geography, Geography) else ()
    at = {code: (r, c) for r, row in enumerate(layout, 1) for c, code in enumerate(row, 1) if code}
    tiles = [
        _tile(spec, known.level, code, part, at.get(code, (0, 0)))
        for code, part in known.parts.items()
    ]
    tiles.sort(key=lambda tile: (tile.gap is None, -(tile.gap or 0.0), tile.code))
    # What has no place of its own follows under the drawing, beside the other such.
    drawn = len([tile for tile in tiles if tile.row]) > 1
    return PlaceTiles(
        known.level,
        tuple(tiles),
        max((len(row) for row in layout), default=0) if drawn else 0,
        known.merged,
        known.left_out,
    )


def _tile(
    spec: SurveySpec, level: str | None, code: str, part: Part, place: tuple[int, int]
) -> Tile:
    column = None if level is None else spec.columns.get(level)
    label = _OTHERS if code == OTHERS else column.code_label(code) if column else None
    label = label or Label.same(code)
    return Tile(code, label, part.pair_trends, part.column_shapes, *place)
