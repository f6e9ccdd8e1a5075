"""What a release tells of its figures: rounded, and no count of real people."""

import json
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
from pydantic import BaseModel

from include.espejo.errors import UnexpectedError
from include.espejo.evaluate.document import Utility
from include.espejo.evaluate.periods.document import Comparison
from include.espejo.evaluate.quality.document import Quality
from include.espejo.lake.publication import Exact, FigureDocument, PublishedAs, Rounded
from include.espejo.report.public import Cut, public_figures
from tests.support.documents import filled

KINDS: dict[str, type[FigureDocument]]
KINDS = {"quality.json": Quality, "utility.json": Utility, "comparison.json": Comparison}


def utility() -> dict[str, Any]:
    """Exact figures, as short as the structure lets."""
    score = {"score": 0.98765, "ceiling": 0.99123, "floor": 0.61234, "position": 0.12345}
    told = {
        "mean": 4321.987,
        "standard_deviation": 5012.3,
        "quantiles": {"0.5": 4300.123},
        "shares": {"ordinary": 0.98765},
    }
    small = {
        "mean": 0.0123456,
        "standard_deviation": 0.0098765,
        "quantiles": {"0.5": None},
        "shares": {},
    }
    figure: dict[str, Any] = {
        "group": "SEX=1",
        "category": "",
        "real_interval": [4301.23, 4455.55],
        "synthetic": None,
        "synthetic_interval": None,
        "overlap": 0.87654,
        "relative_error": -0.01234,
    }
    indicator = {
        "label": {"es": "x", "en": "x"},
        "figures": [
            {"statistic": "mean", "real": 4388.77, **figure},
            {"statistic": "share", "real": 0.45678, **figure},
        ],
        "mean_overlap": 0.87654,
    }
    model = {"score": {"pmse": 0.012345, "null": 0.00123, "ratio": 1.8765}, "ceiling": None}
    return {
        "general": {
            "column_shapes": score,
            "k_marginal": {"score": 976.54321, "position": 0.98765, "marginals": {"2": 13}},
            "propensity": {"logistic": model, "rows": 7654},
            "classifier": {
                "score": 0.71234,
                "ceiling": 0.50123,
                "floor": 0.98765,
                "position": 0.56789,
                "rows": 6543,
                "folds": 3,
                "trees": 100,
            },
            "numbers": {
                "pay": dict.fromkeys(("real", "synthetic", "difference"), told),
                "tiny": dict.fromkeys(("real", "synthetic", "difference"), small),
            },
            "associations": {
                "real": [[1.0, 0.144]],
                "synthetic": [[1.0, None]],
                "difference": [[0.0, None]],
            },
            "settings": {"bins": 10, "rows": {"score": 2345}},
        },
        "specific": {
            "settings": {"rows": {"real": 7890, "synthetic": 900}, "households": 3456},
            "indicators": [
                # Its name is a column's, and it is of another column.
                {"name": "tiny", "of": "pay", **indicator},
                {"name": "sum", "of": "a + b", **indicator},
            ],
            "groups": {
                "score": 0.81234,
                "ceiling": 0.94321,
                "floor": 0.41234,
                "position": 0.75432,
                "figures": 321,
            },
            "learning": {
                "targets": [{"target": "pay", "scores": {"auc": {"difference": -0.04321}}}],
                "settings": {
                    "learnt_rows": 5432,
                    "tested_rows": 4567,
                    "tested_households": 1234,
                    "trees": 40,
                },
            },
        },
    }


def comparison() -> dict[str, Any]:
    mean = {
        "statistic": "mean",
        "group": "",
        "category": "",
        "real": [4388.77, None],
        "synthetic": [4399.99, 4400.0],
    }
    return {
        "periods": ["2015T2", "2015T1"],
        "drift": {"pay": {"distance": 0.012345, "chance": 0.006789, "moved": True}},
        "indicators": [{"name": "tiny", "label": "x", "figures": [mean]}],
    }


def cut(**changed: dict[str, Any]) -> dict[str, Any]:
    quality = {
        "overall": 0.98765,
        "references": {"overall": {"ceiling": 0.99123, "floor": 0.61234}},
        "settings": {"rows": {"real": 6789, "synthetic": 900}},
        "metrics": {"table": [{"metric": "KSComplement", "score": 0.98765, "rows": 6789}]},
    }
    exact = {"quality.json": quality, "utility.json": utility(), "comparison.json": comparison()}
    given = {n: filled(KINDS[n], content).to_json() for n, content in (exact | changed).items()}
    given["column_shapes.csv"] = b"Column,Score\npay,0.98765\n"
    return {
        name: json.loads(content) if name.endswith(".json") else content
        for name, content in public_figures(given).items()
    }


def test_scores_have_two_decimals_and_marginals_none() -> None:
    public = cut()
    assert public["column_shapes.csv"] == b"Column,Score\npay,0.99\n"
    overall = public["quality.json"]["references"]["overall"]
    assert (overall["ceiling"], overall["floor"]) == (0.99, 0.61)
    general = public["utility.json"]["general"]
    shapes, marginals = general["column_shapes"], general["k_marginal"]
    names = ("score", "ceiling", "floor", "position")
    assert [shapes[name] for name in names] == [0.99, 0.99, 0.61, 0.12]
    assert (marginals["score"], marginals["position"]) == (977, 0.99)
    assert marginals["marginals"] == {"2": 13}
    drift = public["comparison.json"]["drift"]
    assert drift == {"pay": {"distance": 0.01, "chance": 0.01, "moved": True}}


def test_amounts_are_multiples_of_a_hundredth_of_their_spread() -> None:
    public = cut()
    numbers = public["utility.json"]["general"]["numbers"]
    pay = {
        "mean": 4320,
        "standard_deviation": 5010,
        "quantiles": {"0.5": 4300},
        "shares": {"ordinary": 0.99},
    }
    assert numbers["pay"]["real"] == numbers["pay"]["synthetic"] == pay
    # Two decimals would leave nothing of it.
    assert numbers["tiny"]["real"]["mean"] == 0.01235
    of_pay, of_a_sum = public["utility.json"]["specific"]["indicators"]
    mean, share = of_pay["figures"]
    assert (mean["real"], mean["real_interval"], mean["synthetic"]) == (4390, [4300, 4460], None)
    assert (mean["overlap"], share["real"]) == (0.88, 0.46)
    # Nothing is known of the spread of an expression: three digits.
    assert of_a_sum["figures"][0]["real"] == 4390
    (series,) = public["comparison.json"]["indicators"][0]["figures"]
    assert (series["real"], series["synthetic"]) == ([4390, None], [4400, 4400])


@pytest.mark.parametrize("deviation", [None, 0.0])
def test_amounts_that_do_not_vary_have_three_digits(deviation: float | None) -> None:
    exact = utility()
    exact["general"]["numbers"]["pay"]["real"]["standard_deviation"] = deviation
    told = cut(**{"utility.json": exact})["utility.json"]["general"]["numbers"]["pay"]["real"]
    assert told["mean"] == 4320
    assert told["standard_deviation"] == deviation


def test_no_count_of_real_people_is_told() -> None:
    public = cut()
    told = json.dumps(public["utility.json"]) + json.dumps(public["quality.json"])
    for count in (7654, 2345, 7890, 3456, 5432, 4567, 1234, 6789, 0.00123):
        assert str(count) not in told
    assert 'null":' not in told  # of the propensity: it follows from the rows
    assert public["utility.json"]["specific"]["settings"]["rows"] == {"synthetic": 900}
    settings = public["utility.json"]["specific"]["learning"]["settings"]
    assert settings["trees"] == 40
    assert not {"learnt_rows", "tested_rows", "tested_households"} & set(settings)


def test_a_difference_is_that_of_the_published_sides() -> None:
    """Cut by itself it would tell more of the exact figures than both sides do."""
    exact = utility()
    exact["general"]["associations"] = {
        "real": [[0.344, None]],
        "synthetic": [[0.356, 0.2]],
        "difference": [[0.012, None]],
    }
    sides = exact["general"]["numbers"]["pay"]
    sides["real"] = sides["real"] | {"mean": 4321.0}
    sides["difference"] = sides["difference"] | {"mean": 0.987}
    general = cut(**{"utility.json": exact})["utility.json"]["general"]
    assert general["associations"]["difference"] == [[0.02, None]]
    pay = general["numbers"]["pay"]
    assert pay["difference"]["mean"] == pay["synthetic"]["mean"] - pay["real"]["mean"]
    assert pay["difference"]["quantiles"] == {"0.5": 0}


# --- every figure declares how it is published --------------------------------------------------


class Undeclared(FigureDocument):
    known: Exact[int]
    forgotten: float


class Holder(FigureDocument):
    inside: Rounded[Undeclared]


def test_a_number_that_declares_nothing_is_not_published() -> None:
    told = Undeclared(known=1, forgotten=0.123456)
    with pytest.raises(UnexpectedError, match="without a declaration"):
        Cut({}, {}).document(told)
    # What holds it may have declared for all that is in it.
    assert Cut({}, {}).document(Holder(inside=told)) == {"inside": {"known": 1, "forgotten": 0.12}}


def undeclared(kind: Any, how: PublishedAs | None = None, path: str = "") -> list[str]:
    """The numbers of a document's kind that neither a field nor what holds it declares."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        marks = [m for m in parts[1:] if isinstance(m, PublishedAs)]
        return undeclared(parts[0], marks[0] if marks else how, path)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        types = get_type_hints(kind, include_extras=True)
        fields = [(name, types[name]) for name in kind.model_fields]
        return [at for name, of in fields for at in undeclared(of, how, f"{path}.{name}")]
    if parts:
        return [at for part in parts for at in undeclared(part, how, path)]
    return [path] if kind in (int, float) and how is None else []


@pytest.mark.parametrize("kind", KINDS.values())
def test_every_number_of_the_published_documents_declares_how(kind: type[FigureDocument]) -> None:
    assert undeclared(kind) == []
    assert undeclared(Undeclared) == [".forgotten"]


@pytest.mark.parametrize("kind", [*KINDS.values(), Undeclared])
def test_what_is_not_told_has_a_default(kind: type[FigureDocument]) -> None:
    """A release reads its own public files, where restricted fields are missing."""
    for field in kind.model_fields.values():
        assert PublishedAs.RESTRICTED not in field.metadata or not field.is_required()
