"""What the office really ships is read alike; anything else is refused without showing a value."""

import csv
import gzip
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pytest

from include.espejo.errors import EspejoError, InputError, LakeError
from include.espejo.ingest import find_input, read_survey
from include.espejo.lake.local import LocalLake
from include.espejo.survey import load_spec
from include.espejo.table.frames import arrow_type, from_parquet, to_frame, to_parquet, to_table
from tests.support.made import zipped
from tests.surveys.parks import SPEC, parks_csv, parks_rows

WIDTHS = ("R_DEF", "LOC", "MUN", "MAN", "AGEB", "ENT", "CD_A", "NAC_DIA", "NAC_MES", "CS_P13_1")


@pytest.fixture
def refusal(ingest_bytes, assert_no_canary) -> Callable[..., str]:
    """The message with which a file's bytes are refused: bad input that names its file."""

    def refuse(content: bytes, **spec) -> str:
        with pytest.raises(EspejoError) as caught:
            ingest_bytes(content, **spec)
        assert isinstance(caught.value, InputError)
        assert caught.value.exit_code == 2
        assert not caught.value.retryable
        assert "input.csv: refused\n  - " in str(caught.value)
        assert_no_canary(caught.value)
        return str(caught.value)

    return refuse


@pytest.fixture
def planted(sheet):
    """The ENOE-shaped file with canaries in rows; it is read all the same."""
    return sheet.edit(3, AGEB="ZQX7", INGOCUP="777777").edit(1400, AGEB="ZQX7", INGOCUP="777777")


def strip_zeros(cell: str) -> str:
    return cell.lstrip("0") or "0" if cell.strip() else cell


# --- the typed table ---------------------------------------------------------------------------


def test_the_table_has_the_specs_columns_order_and_types(ingested, enoe, sheet) -> None:
    table = ingested.table
    absent = {"CA", "TIPO", "MES_CAL"}
    assert table.column_names == [name for name in enoe.columns if name not in absent]
    assert table.num_rows == len(sheet.rows)
    for name in table.column_names:
        assert table.schema.field(name).type == arrow_type(enoe.columns[name])


def test_every_cell_is_the_files(ingested, enoe, sheet) -> None:
    for name in ingested.table.column_names:
        told = [row[name].strip() or None for row in sheet.rows]
        expected = told if enoe.columns[name].is_code() else [v and int(v) for v in told]
        assert ingested.table[name].to_pylist() == expected


def test_the_whole_files_hash_and_size_are_told(ingested, survey_csv) -> None:
    assert ingested.sha256 == hashlib.sha256(survey_csv).hexdigest()
    assert ingested.size == len(survey_csv)
    assert ingested.encoding == "utf-8"


def test_a_file_of_many_blocks_is_read_whole(ingest_bytes, survey_csv, ingested) -> None:
    header, _, rows = survey_csv.partition(b"\r\n")
    content = header + b"\r\n" + rows * 80
    assert len(content) > 9 << 20
    many = ingest_bytes(content)
    assert (many.size, many.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert many.table.num_rows == 80 * ingested.table.num_rows
    last = many.table.slice(79 * ingested.table.num_rows)
    assert to_frame(last).astype(object).equals(to_frame(ingested.table).astype(object))


def test_parquet_keeps_the_table(ingested, enoe) -> None:
    again = from_parquet(to_parquet(ingested.table))
    assert again.schema.equals(ingested.table.schema)
    assert again.equals(ingested.table)
    picked = from_parquet(to_parquet(ingested.table), ["EDA", "SEX"])
    assert picked.column_names == ["EDA", "SEX"]


def test_pandas_and_back_keeps_the_table(ingested, enoe) -> None:
    frame = to_frame(ingested.table)
    assert frame["EDA"].dtype == np.float64
    assert frame["SEX"].dtype == "category"
    assert frame["EDA"].isna().sum() == ingested.table["EDA"].null_count > 0
    again = to_table(frame, enoe)
    assert {n: again[n].to_pylist() for n in frame} == ingested.table.to_pydict()


# --- what the office really ships --------------------------------------------------------------

VARIANTS = {
    "lower-case header": lambda s: s.rename({c: c.lower() for c in s.columns}).to_bytes(),
    "header with spaces": lambda s: s.rename({c: f" {c} " for c in s.columns}).to_bytes(),
    "utf-8": lambda s: s.to_bytes(encoding="utf-8"),
    "utf-8 with its mark": lambda s: s.to_bytes(encoding="utf-8-sig"),
    "mark before quotes": lambda s: s.to_bytes(encoding="utf-8-sig", quoting=csv.QUOTE_ALL),
    "lf": lambda s: s.to_bytes(line_end="\n"),
    "cr": lambda s: s.to_bytes(line_end="\r"),
    "quoted throughout": lambda s: s.to_bytes(quoting=csv.QUOTE_ALL),
    "empty for blank": lambda s: s.to_bytes().replace(b", ,", b",,").replace(b", ,", b",,"),
    "blank lines at the end": lambda s: s.to_bytes() + b"\r\n\r\n",
    "renamed columns": lambda s: s.rename(
        {"ENT": "cve_ent", "MUN": "CVE_MUN", "LOC": "CVE_LOC", "AGEB": "CVE_AGEB"}
        | {"T_LOC": "t_loc_tri", "FAC": "FAC_TRI"}
    ).to_bytes(),
    "unknown columns": lambda s: s.add("CVEGEO", "ñandú").add("FAC_MEN", "x").to_bytes(),
    "unknown columns of one name": lambda s: (
        s.add("X", "1").add("Y", "2").to_bytes().replace(b",X,Y\r", b",X,X\r")
    ),
    "integers with decimals": lambda s: (
        s.fill("EDA", lambda v: v.strip() and f"{v}.0")
        .fill("INGOCUP", lambda v: f"{v}.00")
        .fill("FAC", lambda v: f"{v}.")
        .to_bytes()
    ),
    "integers with zeros in front": lambda s: s.fill("INGOCUP", lambda v: f"00{v}").to_bytes(),
    "integers with a sign": lambda s: s.fill("INGOCUP", lambda v: f"+{v}").to_bytes(),
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_the_same_survey_in_another_dialect_is_the_same_table(
    variant, sheet, ingest_bytes, ingested
) -> None:
    again = ingest_bytes(variant(sheet))
    assert again.table.equals(ingested.table)
    assert again.warnings == ingested.warnings


def test_codes_without_zeros_in_front_get_their_width(sheet, ingest_bytes, ingested) -> None:
    short = sheet
    for name in (*WIDTHS, "V_SEL", "N_REN", "CON"):
        short = short.fill(name, strip_zeros)
    assert short.rows != sheet.rows
    assert ingest_bytes(short.to_bytes()).table.equals(ingested.table)


def test_codes_longer_than_their_width_or_of_letters_are_left_for_the_code_list(
    sheet, ingest_bytes
) -> None:
    table = ingest_bytes(sheet.edit(0, ENT="009").edit(1, ENT="A").to_bytes()).table
    assert table["ENT"].to_pylist()[:2] == ["009", "A"]


def test_columns_of_later_periods_are_read(sheet, ingest_bytes) -> None:
    later = sheet.add("TIPO", "1").add("MES_CAL", "4").add("CA", " ")
    table = ingest_bytes(later.to_bytes())
    assert set(table.table["MES_CAL"].to_pylist()) == {"04"}
    assert table.table["CA"].null_count == len(sheet.rows)
    assert table.warnings == ()


def test_an_absent_optional_column_is_blank_where_modelled_and_left_out_elsewhere(
    sheet, ingest_bytes, enoe
) -> None:
    read = ingest_bytes(sheet.drop("MAN", "C_RES").to_bytes())
    assert read.table["MAN"].null_count == len(sheet.rows)
    assert read.table["MAN"].type == arrow_type(enoe.columns["MAN"])
    assert "C_RES" not in read.table.column_names
    told = [w for w in read.warnings if w.startswith(("column MAN", "column C_RES"))]
    assert told == [
        "column MAN: absent from the file; it is optional, and blank in every row",
        "column C_RES: absent from the file; it is optional, and blank in every row",
    ]
    assert to_frame(read.table)["MAN"].isna().all()


@pytest.mark.parametrize("blank", ["", " ", "   ", "\t", "\u00a0"])
def test_a_blank_however_written_is_missing(blank: str, sheet, ingest_bytes) -> None:
    table = ingest_bytes(sheet.edit(0, SEX=blank, EDA=blank).to_bytes()).table
    assert table["SEX"].to_pylist()[0] is None
    assert table["EDA"].to_pylist()[0] is None


def test_padding_around_a_value_is_not_part_of_it(sheet, ingest_bytes, ingested) -> None:
    padded = sheet
    for name in ("SEX", "EDA", "ENT"):
        padded = padded.fill(name, lambda cell: f"  {cell} ")
    assert ingest_bytes(padded.to_bytes()).table.equals(ingested.table)


def test_a_missing_final_line_end_is_a_warning(survey_csv, ingest_bytes, ingested) -> None:
    cut = ingest_bytes(survey_csv.removesuffix(b"\r\n"))
    assert cut.table.equals(ingested.table)
    assert [w for w in cut.warnings if "last line" in w] == [
        "last line: it has no line end; make sure that the file is not truncated"
    ]
    assert not any("last line" in w for w in ingested.warnings)


def test_latin_1_is_tried_after_utf_8(sheet, ingest_bytes) -> None:
    accented = sheet.edit(0, AGEB="Ñandú")
    for encoding, told in (("latin-1", "latin-1"), ("utf-8", "utf-8"), ("utf-8-sig", "utf-8")):
        read = ingest_bytes(accented.to_bytes(encoding=encoding))
        assert read.table["AGEB"].to_pylist()[0] == "Ñandú"
        assert read.encoding == told


def test_bytes_of_columns_that_are_not_read_do_not_choose_the_encoding(
    sheet, ingest_bytes, parks, parks_sheet
) -> None:
    content = parks_sheet.add("note", "x").to_bytes(";", "utf-8", "\n")
    content = content.replace(b";x\n", b";\xff\xfe\n")
    assert ingest_bytes(content, parks).encoding == "utf-8"


def test_a_random_layout_gives_the_same_table(sheet, ingest_bytes, ingested) -> None:
    aliases = {"ENT": "CVE_ENT", "MUN": "CVE_MUN", "LOC": "CVE_LOC", "FAC": "FAC_TRI"}
    numbers = ("EDA", "NAC_ANIO", "INGOCUP", "FAC")
    for seed in range(12):
        random = np.random.default_rng(seed)
        other = sheet.reorder(tuple(random.permutation(sheet.columns)))
        for name in random.choice([*WIDTHS, *numbers, "SEX"], 5, replace=False):
            left, right = " " * random.integers(0, 3), " " * random.integers(0, 3)
            shorten = name in WIDTHS and random.random() < 0.5
            other = other.fill(
                str(name),
                lambda v, left=left, right=right, shorten=shorten: (
                    f"{left}{strip_zeros(v) if shorten else v}{right}"
                ),
            )
        names = {c: aliases[c] for c in aliases if random.random() < 0.5}
        other = other.rename(names)
        other = other.rename({c: c.lower() for c in other.columns if random.random() < 0.5})
        content = other.to_bytes(
            encoding=random.choice(["utf-8", "utf-8-sig", "latin-1"]),
            line_end=random.choice(["\n", "\r\n"]),
            quoting=int(random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        )
        assert ingest_bytes(content).table.equals(ingested.table), f"seed {seed}"


# --- the survey of parks -----------------------------------------------------------------------


def test_accented_codes_decimals_and_lower_case_names(parks_sheet, parks, ingest_bytes) -> None:
    read = ingest_bytes(parks_sheet.to_bytes(";", "utf-8", "\n"), parks)
    assert read.table.column_names == list(parks.columns)
    assert read.table["park"].to_pylist() == [row["park"] for row in parks_sheet.rows]
    assert read.table["spent"].to_pylist() == [float(row["spent"]) for row in parks_sheet.rows]
    assert read.warnings == ()


def test_an_alias_and_an_upper_case_header_of_parks(parks_sheet, parks, ingest_bytes) -> None:
    plain = ingest_bytes(parks_sheet.to_bytes(";", "utf-8", "\n"), parks)
    renamed = parks_sheet.rename({"age": "EDAD", "park": "PARK"}).to_bytes(";", "utf-8-sig", "\r\n")
    assert ingest_bytes(renamed, parks).table.equals(plain.table)


def test_latin_1_where_only_utf_8_is_declared_is_refused(parks_sheet, parks, refusal) -> None:
    content = parks_sheet.to_bytes(";", "latin-1", "\n")
    assert "rule encoding: not utf-8; save the file in one of them" in refusal(content, spec=parks)


@pytest.mark.parametrize(
    ("cell", "value"), [("1.5", 1.5), ("2", 2.0), (".5", 0.5), ("+1.25", 1.25), ("1e1", 10.0)]
)
def test_a_decimal_as_written(cell: str, value: float, parks_sheet, parks, ingest_bytes) -> None:
    content = parks_sheet.edit(0, hours=cell).to_bytes(";", "utf-8", "\n")
    assert ingest_bytes(content, parks).table["hours"].to_pylist()[0] == value


@pytest.mark.parametrize("cell", ["1,5", "nan", "inf", "-inf", "1e999", "abc", "1.5.", "0x10"])
def test_what_is_no_decimal_is_refused(cell: str, parks_sheet, parks, refusal) -> None:
    content = parks_sheet.edit(0, hours=cell).to_bytes(";", "utf-8", "\n")
    assert "column hours, rule decimal: 1 rows have another kind of value" in refusal(
        content, spec=parks
    )


@pytest.mark.parametrize("cell", ["1_0", "١٢"])
def test_what_only_python_calls_a_decimal_is_refused(cell, parks_sheet, parks, refusal) -> None:
    refusal(parks_sheet.edit(0, hours=cell).to_bytes(";", "utf-8", "\n"), spec=parks)


# --- what is refused ---------------------------------------------------------------------------


def header_of(content: bytes) -> bytes:
    return content.partition(b"\r\n")[0]


REFUSED = {
    "empty": (lambda s: b"", "rule rows: the file is empty; send it again"),
    "header only": (
        lambda s: header_of(s.to_bytes()),
        "rule rows: there is a header but no row; send the whole file again",
    ),
    "header and line end only": (
        lambda s: header_of(s.to_bytes()) + b"\r\n",
        "rule rows: there is a header but no row",
    ),
    "only a mark": (lambda s: b"\xef\xbb\xbf", "rule header: the first line is not a header"),
    "no header": (
        lambda s: s.to_bytes().partition(b"\r\n")[2],
        "rule header: 18 of the spec's columns are missing from the first line; the file has no "
        "header, or is of another survey",
    ),
    "a line before the header": (
        lambda s: b"sep=,\r\n" + s.to_bytes(),
        "rule header: 18 of the spec's columns are missing from the first line",
    ),
    "semicolons": (
        lambda s: s.to_bytes(";"),
        "rule delimiter: the header is divided by a semicolon, not by a comma as the spec says; "
        "save the file with the spec's delimiter",
    ),
    "tabs": (lambda s: s.to_bytes("\t"), "rule delimiter: the header is divided by a tab"),
    "bars": (lambda s: s.to_bytes("|"), "rule delimiter: the header is divided by a bar"),
    "a column missing": (
        lambda s: s.drop("SEX").to_bytes(),
        "column SEX, rule present: missing from the header; add it",
    ),
    "a column missing that has an alias": (
        lambda s: s.drop("ENT").to_bytes(),
        "column ENT, rule present: missing from the header (also looked for as CVE_ENT)",
    ),
    "a column misspelled": (
        lambda s: s.rename({"NAC_ANIO": "NAC_ANO"}).to_bytes(),
        "column NAC_ANIO, rule present: missing from the header; the file has NAC_ANO, which "
        "the spec does not name: if it is the same, add it to the aliases",
    ),
    "a column twice": (
        lambda s: s.add("X", "1").to_bytes().replace(b",X\r", b",SEX\r"),
        "column SEX, rule once: given 2 times (SEX, SEX); keep one of them",
    ),
    "a column twice in another case": (
        lambda s: s.rename({"SEX": "Sex"}).add("sex", "1").to_bytes(),
        "column SEX, rule once: given 2 times (Sex, sex); keep one of them",
    ),
    "a column and its alias": (
        lambda s: s.add("CVE_ENT", "01").to_bytes(),
        "column ENT, rule once: given 2 times (ENT, CVE_ENT)",
    ),
    "two problems": (
        lambda s: s.drop("EDA").to_bytes(),
        "column EDA, rule present: missing",
    ),
    "truncated": (
        lambda s: s.to_bytes()[:-40],
        "rule fields: 1 lines do not have the header's 28 fields, among them the last line",
    ),
    "a field too many": (
        lambda s: s.to_bytes().replace(b",777777\r\n", b",777777,1\r\n"),
        "rule fields: 2 lines do not have the header's 28 fields; the file is truncated, a field "
        "holds the delimiter, or a quote is not closed: send it again",
    ),
    "a field too few": (
        lambda s: s.to_bytes().replace(b",777777\r\n", b"\r\n"),
        "rule fields: 2 lines do not have the header's 28 fields",
    ),
    "end-of-file mark of DOS": (
        lambda s: s.to_bytes() + b"\x1a",
        "rule fields: 1 lines do not have the header's 28 fields",
    ),
    "utf-16": (
        lambda s: s.to_bytes(encoding="utf-16"),
        "rule encoding: it looks like UTF-16; send it as plain text in utf-8 or latin-1",
    ),
    "utf-16 without its mark": (
        lambda s: s.to_bytes(encoding="utf-16-le"),
        "rule encoding: it looks like UTF-16",
    ),
    "letters in a number": (
        lambda s: s.edit(5, EDA="ZQX7").edit(6, EDA="treinta").to_bytes(),
        "column EDA, rule integer: 2 rows have another kind of value; write plain digits, or a "
        "blank if there is no answer",
    ),
    "letters in two numbers": (
        lambda s: s.edit(5, EDA="ZQX7").edit(6, INGOCUP="ZQX7").to_bytes(),
        "column INGOCUP, rule integer: 1 rows have another kind of value",
    ),
    "a huge number": (
        lambda s: s.edit(5, INGOCUP="7777777777").to_bytes(),
        "column INGOCUP, rule integer: 1 rows have another kind of value",
    ),
    "a huger number": (
        lambda s: s.edit(5, INGOCUP="777777" * 900).to_bytes(),
        "column INGOCUP, rule integer: 1 rows have another kind of value",
    ),
    "a fraction": (
        lambda s: s.edit(5, EDA="46.5").to_bytes(),
        "column EDA, rule integer: 1 rows have another kind of value",
    ),
    "digits of another script": (
        lambda s: s.edit(5, EDA="٤٦").to_bytes(encoding="utf-8"),
        "column EDA, rule integer: 1 rows have another kind of value",
    ),
    "separated thousands": (
        lambda s: s.edit(5, INGOCUP="4,300").to_bytes(),
        "column INGOCUP, rule integer: 1 rows have another kind of value",
    ),
    "exponent": (
        lambda s: s.edit(5, INGOCUP="4.3E+03").to_bytes(),
        "column INGOCUP, rule integer: 1 rows have another kind of value",
    ),
    "a quote not closed": (
        lambda s: s.to_bytes().replace(b",ZQX7,", b',"ZQX7,', 1),
        "rule fields: 1 lines do not have the header's 28 fields",
    ),
    "a nul in a number": (
        lambda s: s.edit(5, EDA="4\x006").to_bytes(),
        "column EDA, rule integer: 1 rows have another kind of value",
    ),
    "a nul in the header": (lambda s: s.to_bytes().replace(b"SEX", b"SE\x00", 1), "rule encoding"),
    "zip of two": (
        lambda s: zipped(s.to_bytes(), s.to_bytes()),
        "rule zip: it has 2 files; leave exactly one in it",
    ),
    "zip of none": (lambda s: zipped(), "rule zip: it has 0 files; leave exactly one in it"),
    "zip cut off": (lambda s: zipped(s.to_bytes())[:-30], "rule zip: it is damaged"),
    "gzip cut off": (
        lambda s: gzip.compress(s.to_bytes(), mtime=0)[:-30],
        "rule packed: it is damaged or cut off; send it again",
    ),
    "gzip of gzip": (
        lambda s: gzip.compress(gzip.compress(s.to_bytes(), mtime=0), mtime=0),
        "rule encoding: it looks like a packed file within a packed one",
    ),
    "parquet": (
        lambda s: to_parquet(pa.table({"AGEB": ["ZQX7"]})),
        "rule encoding: it looks like a Parquet file (source.format: parquet)",
    ),
    "noise": (lambda s: np.random.default_rng(1).bytes(300_000), "rule"),
    "one long line": (lambda s: b"ZQX7," * 30_000, "rule header: the first line is not a header"),
    "another survey": (
        lambda s: b"A,B\r\n1,2\r\n",
        "rule header: 18 of the spec's columns are missing from the first line",
    ),
}


@pytest.mark.parametrize(("spoil", "words"), REFUSED.values(), ids=REFUSED)
def test_a_bad_file_is_refused_with_rule_count_and_remedy(spoil, words, planted, refusal) -> None:
    assert words in refusal(spoil(planted))


def test_every_problem_of_a_header_and_of_the_cells_is_told_at_once(planted, refusal) -> None:
    message = refusal(planted.drop("SEX", "EDA").add("CVE_ENT", "01").to_bytes())
    assert message.count("\n  - ") == 3
    message = refusal(planted.edit(0, EDA="ZQX7", FAC="x").to_bytes())
    assert message.count("\n  - ") == 2


@pytest.mark.parametrize(
    ("age", "refused"),
    [("2147483647", False), ("2147483648", True), ("-2147483647", False), ("99999999999", True)],
)
def test_a_number_fits_its_type(age: str, refused: bool, sheet, ingest_bytes, refusal) -> None:
    content = sheet.edit(0, EDA=age).to_bytes()
    if refused:
        assert "column EDA, rule integer: 1 rows" in refusal(content)
    else:
        assert ingest_bytes(content).table["EDA"].to_pylist()[0] == int(age)


def test_a_file_that_is_not_there(tmp_path: Path, enoe) -> None:
    path = str(tmp_path / "nowhere.csv")
    with pytest.raises(LakeError, match=r"nowhere\.csv: cannot read it: not found") as caught:
        read_survey(LocalLake(), path, enoe)
    assert (caught.value.exit_code, caught.value.retryable) == (2, False)


def test_a_folder_is_no_file(tmp_path: Path, enoe) -> None:
    with pytest.raises(LakeError, match="it is a directory; name a file") as caught:
        read_survey(LocalLake(), str(tmp_path), enoe)
    assert caught.value.exit_code == 2


# --- what once slipped through or fell over ----------------------------------------------------


@pytest.mark.parametrize("content", [b"x" * 200_000, b'"' + b"x" * 200_000 + b"\n1\n"])
def test_a_very_long_field_in_the_header_is_bad_input(content: bytes, refusal) -> None:
    refusal(content)


@pytest.mark.parametrize("closed", [True, False], ids=["closed rows later", "never closed"])
def test_no_row_is_lost_between_stray_quotes(closed: bool, planted, refusal) -> None:
    noted = planted.add("NOTE", "x").to_bytes().split(b"\r\n")
    noted[700] = noted[700].removesuffix(b"x") + b'"x'
    if closed:
        noted[900] = noted[900] + b'"'
    message = refusal(b"\r\n".join(noted))
    lost = 200 if closed else len(planted.rows) - 700
    assert f"rule CSV: {lost} lines open a quote and do not close it" in message


def test_a_headerless_files_first_row_is_not_told(sheet, refusal) -> None:
    # A value that resembles a column's name enough to be offered as its misspelling.
    content = sheet.edit(0, AGEB="NAC_ANIO ZQX7").to_bytes().partition(b"\r\n")[2]
    assert refusal(content).count("\n  - ") == 1


def test_a_column_whose_name_has_an_accent_is_found(parks_sheet, parks, ingest_bytes) -> None:
    columns = {{"dog": "año"}.get(name, name): column for name, column in parks.columns.items()}
    spec = parks.model_copy(update={"columns": columns})
    content = parks_sheet.rename({"dog": "año"}).to_bytes(";", "utf-8", "\n")
    assert ingest_bytes(content, spec).warnings == ()


class _BreakingFile(io.BytesIO):
    """A file on a server that goes away after the first mebibyte."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise ConnectionResetError("ZQX7")
        return super().read(size)


class _BreakingLake(LocalLake):
    def open(self, uri: str) -> IO[bytes]:
        return _BreakingFile(self.read(uri) * 10)


def test_a_connection_lost_half_way_may_be_tried_again(
    tmp_path: Path, survey_csv, enoe, assert_no_canary
) -> None:
    path = tmp_path / "survey.csv"
    path.write_bytes(survey_csv)
    with pytest.raises(LakeError) as caught:
        read_survey(_BreakingLake(), str(path), enoe)
    assert caught.value.retryable
    assert_no_canary(caught.value)


# --- finding the one file of a period ----------------------------------------------------------


def test_the_one_file_of_a_period_is_found(tmp_path: Path) -> None:
    pattern = str(tmp_path / "2015T2" / "*.csv")
    with pytest.raises(InputError, match="no file matches; leave exactly one file") as caught:
        find_input(LocalLake(), pattern)
    assert caught.value.exit_code == 2
    folder = tmp_path / "2015T2"
    folder.mkdir()
    (folder / "readme.txt").write_text("x")
    (folder / "sdemt215.csv").write_text("x")
    assert find_input(LocalLake(), pattern) == (str(folder / "sdemt215.csv"),)
    (folder / "copy.csv").write_text("x")
    with pytest.raises(
        InputError, match="2 files match; leave exactly one file for each period there"
    ):
        find_input(LocalLake(), pattern)


def test_lines_of_another_width_are_counted_in_any_encoding(tmp_path: Path) -> None:
    """The parser reads such a line as UTF-8 to whoever counts it."""
    rows = parks_csv(parks_rows(20)).decode().split("\n")
    rows[5] += ";ñandú;\x80"
    rows[9] = "é;" + rows[9].rpartition(";")[0].rpartition(";")[0]
    path = tmp_path / "parks.csv"
    path.write_bytes("\n".join(rows).encode("latin-1"))
    spec = load_spec(str(SPEC))
    source = spec.source.model_copy(update={"encodings": ("latin-1",)})
    with pytest.raises(InputError, match="rule fields: 2 lines do not have the header's 14"):
        read_survey(LocalLake(), str(path), spec.model_copy(update={"source": source}))
