"""Two quarters of a panel, and a leak in the second's synthetic table that only both show."""

from __future__ import annotations

import pandas as pd

from demo.lake_identities import RESTRICTED_BUCKET
from include.espejo.lake import open_lake
from include.espejo.releases.ledger import Ledger
from include.espejo.survey import Period, load_spec
from include.espejo.table.frames import from_parquet, to_frame, to_parquet, to_table
from tests.support.canaries import HOUSEHOLD

from .support import SURVEY, Restricted

COPIES = 120
NOT_BLANKED = ["ENT", "CON", "V_SEL", "N_HOG", "H_MUD"]  # of the panel key, by protection


def next_quarter(table: pd.DataFrame) -> pd.DataFrame:
    """The survey of 2015T2 as 2015T3 finds it: a fifth of the households have left the panel."""
    return table[table.groupby(HOUSEHOLD).ngroup() % 5 > 0].assign(PER="315")


def plant_leak(then: Restricted, now: Restricted) -> None:
    """Put copies of people into the synthetic table of `now`; only `then` was trained on them.

    Their households have left the panel, so among the people of `now` there is nobody to be found.
    """
    spec = load_spec(SURVEY)
    real = pd.concat([_table(now, "train"), _table(now, "holdout")])
    left = _table(then, "train")
    left = left[~_joined(left, NOT_BLANKED).isin(_joined(real, NOT_BLANKED))]
    # Places and codes that have come under the floor since would be caught by the floor alone.
    for name, column in spec.model_columns().items():
        if column.is_code():
            left = left[left[name].isin(real[name])]
        else:
            left = left[~left[name].isin(list(column.special))]
    places = list(spec.geography_columns())
    left = left[_joined(left, places).isin(_joined(real, places))]
    own = _table(now, "synthetic")
    copies = left.sample(COPIES, random_state=1)[list(own.columns)]
    leaking = pd.concat([own.iloc[COPIES:], copies], ignore_index=True)
    now.replace("synthetic.parquet", to_parquet(to_table(leaking, spec)))


def put_attempts(place: Restricted, others: int) -> None:
    """The ledger as if so many other releases of the period had come to the gate, and no more."""
    server, period = place.stage.lake, place.period
    server.client("admin").delete_object(
        Bucket=RESTRICTED_BUCKET, Key=f"{SURVEY}/ledger/attempts/{period}.json"
    )
    work = server.identities["work"]
    lake = open_lake(
        "s3://",
        {"key": work.access_key, "secret": work.secret_key, "endpoint_url": server.endpoint_url},
    )
    ledger = Ledger(lake, f"s3://{RESTRICTED_BUCKET}", SURVEY)
    for number in range(others):
        ledger.attempt(Period.parse(period), f"{number:012x}", limit=others, override=None)


def _table(place: Restricted, name: str) -> pd.DataFrame:
    return to_frame(from_parquet(place.read(f"{name}.parquet")))


def _joined(rows: pd.DataFrame, columns: list[str]) -> pd.Series:
    return rows[columns].astype(str).agg("-".join, axis=1)
