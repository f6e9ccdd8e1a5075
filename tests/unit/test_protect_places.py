"""Places: what is blanked under the floor, and that no remainder falls under it either."""

import numpy as np
import pandas as pd
import pytest

from include.espejo.errors import InputError
from include.espejo.protect import hold_floors
from include.espejo.survey import SurveySpec
from tests.support.invented import PERIOD, code, invented_spec, under_floor

PLACES = ("region", "town", "size", "block")
COLUMNS = {
    "home": code(role="direct", blank="never"),
    "region": code(),
    "town": code(),
    "size": code("1", "2"),
    "block": code(),
    "sex": code("1", "2"),
}


def spec_of(**columns: object) -> SurveySpec:
    return invented_spec({**COLUMNS, **columns}, rules=[], person_key="none")


def place_rows(*places: tuple[str, int]) -> pd.DataFrame:
    """So many people in each place, written `region town block`, `-` for a blank; a household
    is two people. The size of a town is 1, of town U 2."""
    rows = [place.split() for place, people in places for _ in range(people)]
    columns = {
        name: [row[at] for row in rows] for at, name in enumerate(("region", "town", "block"))
    }
    columns["size"] = ["-" if t == "-" else "2" if t == "U" else "1" for t in columns["town"]]
    home, count = [], 0
    for _, people in places:
        home += [f"h{count + n // 2}" for n in range(people)]
        count += (people + 1) // 2
    columns |= {"home": home, "sex": ["1", "2"] * (len(rows) // 2) + ["1"] * (len(rows) % 2)}
    return pd.DataFrame(
        {name: pd.Categorical([None if v == "-" else v for v in columns[name]]) for name in COLUMNS}
    )


def kept(source: pd.DataFrame, spec: SurveySpec | None = None) -> dict[str, int]:
    """The places of the protected table and their people; each one is checked for the floor."""
    spec = spec or spec_of()
    result = hold_floors(source, spec, PERIOD, 1).frame
    home = pd.factorize(source["home"])[0] if "home" in source else np.arange(len(source))
    floor = spec.disclosure.floor
    places = [name for name in PLACES if name in result]
    assert under_floor(result, places, home, floor.people, floor.households) == 0
    assert (result["town"].isna() == result["size"].isna()).all()
    names = result[["region", "town", "block"]].astype(object).fillna("-")
    counted: dict[str, int] = names.agg(" ".join, axis=1).value_counts().to_dict()
    return counted


def test_places_that_hold_the_floor_stay() -> None:
    places = {"A T 1": 10, "A T 2": 11, "A U 1": 12}
    assert kept(place_rows(*places.items())) == places


def test_a_place_of_enough_people_in_too_few_households_goes() -> None:
    source = place_rows(("A T 1", 30), ("A T 2", 12), ("A T 3", 20))
    second = np.flatnonzero(source["block"] == "2")
    home = source["home"].astype(object)
    home.iloc[second] = np.where(np.arange(12) < 6, "x", "y")
    source["home"] = pd.Categorical(home)
    assert kept(source) == {"A T 1": 30, "A T -": 32}


def test_blocks_under_the_floor_share_a_safe_remainder() -> None:
    assert kept(place_rows(("A T 1", 6), ("A T 2", 7), ("A T 3", 30))) == {"A T -": 13, "A T 3": 30}


def test_a_remainder_of_five_takes_the_smallest_neighbour_with_it() -> None:
    """Blanked alone, the five would be the ones without a block: as plain as their code."""
    source = place_rows(("A T 1", 5), ("A T 2", 11), ("A T 3", 40))
    assert kept(source) == {"A T -": 16, "A T 3": 40}


def test_rows_blank_in_the_source_are_part_of_the_remainder() -> None:
    assert kept(place_rows(("A T -", 8), ("A T 1", 4), ("A T 2", 40))) == {"A T -": 12, "A T 2": 40}
    assert kept(place_rows(("A T -", 4), ("A T 1", 15), ("A T 2", 40))) == {
        "A T -": 19,
        "A T 2": 40,
    }


def test_a_town_under_the_floor_loses_its_size_too() -> None:
    source = place_rows(("A T 1", 6), ("A V 1", 5), ("A U 1", 40))
    assert kept(source) == {"A - -": 11, "A U 1": 40}


def test_a_remainder_two_levels_up_takes_a_block_and_not_a_whole_town() -> None:
    source = place_rows(("A T 1", 5), ("A U 1", 11), ("A U 2", 12), ("A U 3", 60))
    assert kept(source) == {"A - -": 16, "A U 2": 12, "A U 3": 60}


def test_a_remainder_goes_up_where_its_only_neighbour_is_large() -> None:
    source = place_rows(("A T 1", 5), ("A T 2", 200), ("A U 1", 11), ("A U 2", 50))
    assert kept(source) == {"A - -": 16, "A T 2": 200, "A U 2": 50}


def test_a_region_under_the_floor_is_blanked_with_a_safe_neighbour() -> None:
    source = place_rows(("A T 1", 5), ("B T 1", 11), ("B T 2", 40))
    assert kept(source) == {"- - -": 16, "B T 2": 40}


def test_a_region_under_the_floor_that_is_never_blank_is_refused() -> None:
    source = place_rows(("A T 1", 5), ("B T 1", 11), ("B T 2", 40))
    with pytest.raises(InputError, match=r"column region, rule floor: .* never blank"):
        hold_floors(source, spec_of(region=code(blank="never")), PERIOD, 1)


def test_the_widest_level_is_not_lost_altogether() -> None:
    with pytest.raises(InputError, match="column region, rule floor: every one of its 16 rows"):
        hold_floors(place_rows(("A T 1", 5), ("B T 1", 11)), spec_of(), PERIOD, 1)


def test_a_lower_level_that_is_lost_altogether_is_told() -> None:
    source = place_rows(*((f"A T {n}", 4) for n in range(8)), ("A U 8", 8), ("A U 9", 8))
    protected = hold_floors(source, spec_of(), PERIOD, 1)
    assert protected.touched.geography_lost == ("block",)
    assert protected.touched.columns["block"] == {"coarsened": 48}


def test_a_level_below_a_blank_one_means_nothing_and_is_blanked() -> None:
    source = place_rows(("A T 1", 12), ("A - 7", 15), ("A U 1", 12))
    assert kept(source) == {"A T 1": 12, "A - -": 15, "A U 1": 12}


def test_a_size_told_where_the_town_is_not_counts_as_a_place() -> None:
    source = place_rows(("A - -", 20), ("A T 1", 30))
    source["size"] = pd.Categorical(["2"] * 4 + ["1"] * 46)
    result = hold_floors(source, spec_of(), PERIOD, 1).frame
    assert result["size"].iloc[:20].isna().all()  # 4 and 16: the 4 would stand alone
    assert result["size"].iloc[20:].notna().all()


def test_functions_of_a_level_that_is_not_modelled() -> None:
    source = place_rows(("A T 1", 12), ("A U 1", 5), ("A V 1", 30))
    spec = spec_of(town=code(role="free"))
    spec = spec.model_copy(
        update={"model": spec.model.model_copy(update={"columns": ("region", "size", "sex")})}
    )
    result = hold_floors(source, spec, PERIOD, 1).frame
    assert under_floor(result, ["region", "size"], pd.factorize(source["home"])[0], 10, 3) == 0
    assert "town" not in result
    assert "block" not in result


def test_a_household_in_two_places_is_not_counted_twice() -> None:
    source = place_rows(("A T 1", 12), ("A T 2", 12), ("A U 1", 30))
    home = source["home"].astype(object)
    home.iloc[:24] = np.tile(["x", "y"], 12)
    source["home"] = pd.Categorical(home)
    # Two households in all of T, not four: its remainder needs another's.
    assert kept(source) == {"A - -": 54}


def test_rules_that_name_a_place_hold_after_it_is_blanked() -> None:
    columns = {**COLUMNS, "shore": code("1", "2", "9", residual={"9": []})}
    rules = [{"kind": "implies", "name": "r", "if": 'shore == "1"', "then": 'size == "1"'}]
    source = place_rows(("A T 1", 5), ("A V 1", 6), ("A U 1", 40))
    source["shore"] = pd.Categorical(["1"] * 11 + ["2"] * 40)
    spec = invented_spec(columns, rules=rules, person_key="none")
    result = hold_floors(source, spec, PERIOD, 1).frame
    assert result["size"].iloc[:11].isna().all()
    assert (result["shore"].iloc[:11] == "9").all()


@pytest.mark.parametrize("seed", range(30))
def test_floors_hold_on_random_trees_and_little_is_lost(seed: int) -> None:
    random = np.random.default_rng(seed)
    places = [
        (
            f"{random.choice(['A', 'B'])} {random.choice(list('TUVWX-'))} {random.integers(4)}",
            int(random.pareto(1) * 5) + 1,
        )
        for _ in range(int(random.integers(5, 60)))
    ]
    source = place_rows(*dict(places).items(), ("A T 8", 25), ("B T 8", 25))
    found = kept(source)
    assert sum(found.values()) == len(source)
    small = source.groupby(list(PLACES), observed=True, dropna=False)["sex"].transform("size") < 10
    touched = len(source) - sum(n for place, n in found.items() if not place.endswith("-"))
    assert touched <= small.sum() + source["town"].isna().sum() + 4 * 35
