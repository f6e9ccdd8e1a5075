"""The peer: the notebook's own way of reading the survey, with no argument changed.

Only `storage_options` is left out: here the file lies on a local disk, for both sides.
"""

from __future__ import annotations

import pandas as pd


def read_survey(path: str) -> pd.DataFrame:
    """The notebook's table: every column of the file, shape (people, columns)."""
    return pd.read_csv(
        path,
        encoding="latin-1",
        low_memory=False,
        dtype={
            "LOC": "str",
            "MUN": "str",
            "T_LOC": "str",
            "MAN": "str",
            "CD_A": "str",
            "ENT": "str",
            "AGEB": "str",
            "SEX": "str",
            "EDA": "float32",
            "NAC_DIA": "str",
            "NAC_MES": "str",
            "NAC_ANIO": "float32",
            "CS_P13_1": "str",
            "POS_OCU": "str",
            "INGOCUP": "float32",
            "FAC": "float32",
        },
        na_values=[" ", ""],
    )
