"""Values planted in an invented survey, each on one household or person: none may come out.

They keep the survey's rules, and lie outside every crowd: a block, a locality and a municipality
of a single household, a code of a single person, an income, an age and a birth year like nobody
else's, and identifiers that no model may see.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

import pandas as pd
import pyarrow.parquet as pq
import pypdf

HOUSEHOLD = ["CD_A", "ENT", "CON", "V_SEL", "N_HOG", "H_MUD"]
# Long enough to be searched for in any bytes.
MARKS = ("873219", "48813", "7Q4X1", "713577")
# Searched for in tables, by column; and in text as whole words where they are four digits.
VALUES: Mapping[str, frozenset[str]] = {
    "MAN": frozenset({"985", "986", "987"}),
    "LOC": frozenset({"9416", "9417"}),
    "MUN": frozenset({"571"}),
    "CS_P13_1": frozenset({"05"}),
    "INGOCUP": frozenset({"873219"}),
    "NAC_ANIO": frozenset({"1919"}),
    "EDA": frozenset({"96"}),
}
WORDS = re.compile(r"(?<![\w.])(9416|9417|1919)(?![\w.])")
# In a page a base64 picture may hold any word; what is long, has no space and is no word is one.
_BLOB = re.compile(r"[A-Za-z0-9+/=]{200,}")


def plant(table: pd.DataFrame) -> pd.DataFrame:
    """The table of `generate_survey` with the canaries in it; the rules hold as before."""
    table = table.copy()
    table.loc[table["CS_P13_1"] == "05", "CS_P13_1"] = "04"
    table.loc[table["EDA"] == "96", ["EDA", "NAC_ANIO"]] = ["97", "1918"]
    present = table[table["C_RES"] == "1"]
    households = [group.index for _, group in present.groupby(HOUSEHOLD) if len(group) >= 2]
    block, locality, municipality, named = households[::17][:4]
    same = table.groupby(HOUSEHOLD).ngroup()  # whoever of these households is absent comes along

    def change(household: pd.Index, **cells: str) -> None:
        for column, value in cells.items():
            table.loc[same == same[household[0]], column] = value

    change(block, MAN="987")
    change(locality, LOC="9416", MAN="986")
    change(municipality, MUN="571", LOC="9417", MAN="985")
    change(named, AGEB="7Q4X1", FAC="713577", CON="48813")
    adults = present[present["EDA"].astype(int).between(30, 80)]
    earner = adults.index[(adults["POS_OCU"] == "1") & (adults["INGOCUP"] != "0")][3]
    table.loc[earner, "INGOCUP"] = "873219"
    old, teacher = adults.index[20], adults.index[40]
    born = {"EDA": "96", "NAC_ANIO": "1919", "NAC_MES": "06", "NAC_DIA": "15"}
    table.loc[old, list(born)] = list(born.values())
    table.loc[teacher, "CS_P13_1"] = "05"
    return table


def found_in_text(text: str) -> list[str]:
    """The canaries in a log, a page, a message or a file's bytes."""
    words = WORDS.findall(_BLOB.sub(" ", text))
    return [*(mark for mark in MARKS if mark in text), *words]


def found_in_table(table: pd.DataFrame) -> list[str]:
    """The canaries in a table's cells."""
    found = []
    for name, planted in VALUES.items():
        if name in table:
            cells = {_spelled(cell) for cell in table[name].dropna().unique()}
            found += [f"{name} {value}" for value in sorted(cells & planted)]
    return found


def found_in_file(name: str, content: bytes) -> list[str]:
    """The canaries in one file of a release: its bytes, and its cells where it is a table."""
    if name.endswith(".pdf"):
        # Of its bytes most are compressed, and the others number its objects.
        document = pypdf.PdfReader(io.BytesIO(content))
        pages = "\n".join(page.extract_text() for page in document.pages)
        assert pages.strip(), "a PDF without text is not searched"
        return found_in_text(f"{pages} {document.metadata}")
    found = found_in_text(content.decode("latin-1"))
    if name.endswith(".parquet"):
        file = pq.ParquetFile(io.BytesIO(content))
        found += found_in_table(file.read().to_pandas())
        found += found_in_text(f"{file.metadata} {file.schema_arrow} {file.schema_arrow.metadata}")
    if name == "synthetic.csv":
        found += found_in_table(pd.read_csv(io.BytesIO(content), dtype=str, encoding="latin-1"))
    return found


def _spelled(cell: object) -> str:
    return f"{cell:g}" if isinstance(cell, float) else str(cell)
