"""Propensity: can a model distinguish the synthetic rows from the real ones?

Snoke, Raab, Nowok, Dibben and Slavković (2018), "General and specific utility measures for
synthetic data", JRSS A 181(3). Rows of both tables are pooled and a model predicts which are
synthetic; pMSE is the mean squared distance of its predictions from the share of synthetic rows,
0 where they cannot be told apart and 0.25 where they can without fault (half of each). A model
always learns some noise, so pMSE is divided by its expectation under the paper's null: the
synthetic rows come from the right model, fitted to these very rows. Their ratio is then 1; two
independent samples of one population have twice the noise, so a ceiling is about 2, and more
where people of a household are alike. Less is better.

logistic: null (k - 1)(1 - c)^2 c / N for k parameters, N rows, share c synthetic. tree: the mean
over models of shuffled labels, halved for the same reason, as in synthpop's `utility.gen`; it sees
relations that a logistic model's terms do not hold.

What the logistic model costs grows with the square of its parameters, and all products of 145
columns are 10,440. Of a wide survey it has MOST_PRODUCTS of them, drawn by the seed, the same for
each table, and fewer indicators a column; up to 25 columns it has them all.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from include.espejo.evaluate.general.document import Pmse, Propensity, PropensityModel
from include.espejo.evaluate.scoring.coding import CodedColumn, Rows
from include.espejo.evaluate.scoring.references import Contest, count_rows, draw_rows

MOST_ROWS = 10_000  # of each table: N is in the null, so the ratio's scale grows with it
SHUFFLES = 10
MOST_PRODUCTS = 300  # of two columns: all of 25 columns
MOST_INDICATORS = 500  # over all columns
_INDICATORS = 20  # of a column at most, the commonest bins
_LEAF_SHARE = 200  # leaves hold at least this part of the rows: small enough to see a state
_LEAST_LEAF = 20

Pair = tuple[str, str]


def score_propensity(contest: Contest, random: np.random.Generator) -> Propensity:
    """By model and contestant: pMSE, its null expectation and their ratio."""
    named = contest.only("score", "ceiling", "floor")
    rows = min(MOST_ROWS, count_rows(contest.train), *named.sizes().values())
    real = draw_rows(contest.train, rows, random)
    found: dict[str, dict[str, Pmse | None]] = {
        model: dict.fromkeys(("score", "ceiling", "floor")) for model in ("logistic", "tree")
    }
    pairs = draw_pairs([field.name for field in contest.fields], random)
    for name, table in named.others.items():
        other = draw_rows(table, rows, random)
        both = {n: np.concatenate([real[n], other[n]]) for n in real}
        label = np.repeat([0, 1], rows)
        # One thread: sums, and so figures, are the same on every machine, and it is no slower.
        with threadpool_limits(limits=1):
            found["logistic"][name] = logistic(design(contest.fields, both, pairs), label)
        found["tree"][name] = tree(both, label, random)
    models = {name: PropensityModel(**told) for name, told in found.items()}
    return Propensity(**models, rows=rows)


def draw_pairs(names: list[str], random: np.random.Generator) -> list[Pair]:
    """The pairs of columns that the logistic model has products of: at most MOST_PRODUCTS."""
    every = [(name, other) for i, name in enumerate(names) for other in names[:i]]
    if len(every) <= MOST_PRODUCTS:
        return every
    chosen = random.choice(len(every), MOST_PRODUCTS, replace=False)
    return [every[place] for place in sorted(chosen)]


def design(fields: tuple[CodedColumn, ...], rows: Rows, pairs: list[Pair]) -> np.ndarray:
    """Columns of a main-effects model and of products: float64, (rows, parameters - 1).

    The commonest bins are indicators, one at least is left to the intercept. Products of two
    columns' standardised bin numbers let even this model see some of a relation.
    """
    most = max(1, min(_INDICATORS, MOST_INDICATORS // len(fields)))
    parts: list[np.ndarray] = []
    scores: dict[str, np.ndarray] = {}
    for field in fields:
        bins = field.pooled[rows[field.name]]
        present, inverse, counts = np.unique(bins, return_inverse=True, return_counts=True)
        if len(present) > 1:
            order = np.argsort(-counts, kind="stable")
            kept = order[1:] if len(order) <= most else order[:most]
            parts.append((inverse[:, None] == kept).astype(float))
            scores[field.name] = (inverse - inverse.mean()) / inverse.std()
    products = [scores[a] * scores[b] for a, b in pairs if a in scores and b in scores]
    if products:
        parts.append(np.column_stack(products))
    return np.hstack(parts) if parts else np.empty((len(next(iter(rows.values()))), 0))


def logistic(matrix: np.ndarray, label: np.ndarray) -> Pmse:
    """Fitted as good as without penalty; parameters are counted by rank."""
    share = float(label.mean())
    if not matrix.shape[1]:
        return _figures(0.0, 0.0)
    centred = matrix - matrix.mean(axis=0)
    rank = int(np.linalg.matrix_rank(centred.T @ centred, hermitian=True))
    # A code that only one table has drives its coefficient on and on: it stops being of interest.
    model = LogisticRegression(C=1e4, solver="newton-cholesky", max_iter=50)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        predicted = model.fit(matrix, label).predict_proba(matrix)[:, 1]
    return _figures(_pmse(predicted, share), rank * (1 - share) ** 2 * share / len(label))


def tree(rows: Mapping[str, np.ndarray], label: np.ndarray, random: np.random.Generator) -> Pmse:
    """A classification tree on the levels in their order, against trees of shuffled labels."""
    matrix = np.column_stack(list(rows.values())).astype(np.float32)
    leaf = max(_LEAST_LEAF, len(label) // _LEAF_SHARE)
    model = DecisionTreeClassifier(min_samples_leaf=leaf, random_state=int(random.integers(2**31)))

    def fitted(labels: np.ndarray) -> float:
        predicted = model.fit(matrix, labels).predict_proba(matrix)
        return _pmse(predicted[:, -1], float(label.mean()))

    null = np.mean([fitted(random.permutation(label)) for _ in range(SHUFFLES)]) / 2
    return _figures(fitted(label), float(null))


def _pmse(predicted: np.ndarray, share: float) -> float:
    return float(((predicted - share) ** 2).mean())


def _figures(pmse: float, null: float) -> Pmse:
    """`ratio` is None if no column varies: nothing could distinguish the tables."""
    return Pmse(pmse=pmse, null=null, ratio=pmse / null if null > 0 else None)
