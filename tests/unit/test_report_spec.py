"""What a spec says of the report: tiles, the pyramid's columns, how numbers are written."""

import pytest

from include.espejo.errors import SpecError
from include.espejo.survey import find_specs, load_spec
from include.espejo.survey.load import parse_spec
from tests.surveys.parks import SPEC as PARKS_SPEC

TEXT = PARKS_SPEC.read_text(encoding="utf-8")
PLACES = "geography: {{levels: [park], tiles: {}}}"
CAUTION = "  caution: {es: Ninguna fila es una persona., en: No row is a person.}"


@pytest.mark.parametrize(
    ("tiles", "told"),
    [
        ("[[Álamo, ~, Peñón], [Ciénega]]", None),
        ("[[Álamo, Retiro]]", "`geography.tiles`.*'Retiro' is no code of park"),
        ("[[Álamo], [Álamo]]", "`geography.tiles`.*'Álamo' has 2 tiles"),
    ],
)
def test_tiles_are_codes_of_the_widest_level(tiles: str, told: str | None) -> None:
    check(TEXT.replace("geography: none", PLACES.format(tiles)), told)


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        ("pyramid: {age: age, sex: member}", None),
        ("pyramid: {age: member, sex: park}", "`outputs.pyramid.age`.*no modelled number"),
        ("pyramid: {age: age, sex: spent}", "`outputs.pyramid.sex`.*no modelled code"),
        ("pyramid: {age: visitor, sex: park}", "`outputs.pyramid.age`.*no modelled number"),
        ("pyramid: {age: years, sex: park}", "`outputs.pyramid.age`.*not a column"),
        ("locales: {es: es_ES, en: en_GB}", None),
        ("locales: {es: xx_YY, en: en_GB}", "`outputs.locales.es`.*no such locale"),
    ],
)
def test_outputs_name_columns_and_locales_that_exist(outputs: str, told: str | None) -> None:
    check(TEXT.replace(CAUTION, f"{CAUTION}\n  {outputs}"), told)


def check(text: str, told: str | None) -> None:
    assert text != TEXT
    if told is None:
        parse_spec(text, "parks.yaml")
        return
    with pytest.raises(SpecError, match=told):
        parse_spec(text, "parks.yaml")


def test_a_map_has_a_tile_for_every_place() -> None:
    for path in find_specs():
        spec = load_spec(path)
        tiles = getattr(spec.geography, "tiles", ())
        drawn = {code for row in tiles for code in row if code}
        levels: list[str] = list(getattr(spec.geography, "levels", ()))
        assert not tiles or drawn == spec.columns[levels[0]].code_set
