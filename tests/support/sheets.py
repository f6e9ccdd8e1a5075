"""What the tests of the library share: two surveys' specs, a generated file of each, an editor."""

import csv
import io
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest

from demo.enoe_like import generate_survey, write_survey
from include.espejo.ingest import Ingested, read_survey
from include.espejo.lake import open_lake
from include.espejo.survey import Period, SurveySpec, load_spec
from tests.surveys.parks import SPEC as PARKS_SPEC
from tests.surveys.parks import parks_csv, parks_rows

# Planted in people's rows: no message, finding or traceback may carry them.
CANARIES = ("ZQX7", "777777")


@dataclass(frozen=True)
class Sheet:
    """A CSV file as rows of text by column: edited cell by cell, written in any dialect."""

    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]

    @classmethod
    def read(cls, content: bytes, delimiter: str = ",", encoding: str = "latin-1") -> "Sheet":
        rows = list(csv.DictReader(io.StringIO(content.decode(encoding)), delimiter=delimiter))
        return cls(tuple(rows[0]), tuple(rows))

    def find(self, **wanted: str) -> int:
        """The first row that holds these values."""
        return next(
            i for i, row in enumerate(self.rows) if all(row[c] == v for c, v in wanted.items())
        )

    def edit(self, row: int, **cells: str) -> "Sheet":
        """With other cells in one row."""
        assert set(cells) <= set(self.columns)
        rows = list(self.rows)
        rows[row] = rows[row] | cells
        return replace(self, rows=tuple(rows))

    def fill(self, column: str, value: Callable[[str], str], stop: int | None = None) -> "Sheet":
        """With a column's cells worked out from what they were, down to row `stop`."""
        end = len(self.rows) if stop is None else stop
        changed = [row | {column: value(row[column])} for row in self.rows[:end]]
        return replace(self, rows=(*changed, *self.rows[end:]))

    def drop(self, *columns: str) -> "Sheet":
        kept = tuple(c for c in self.columns if c not in columns)
        return Sheet(kept, tuple({c: row[c] for c in kept} for row in self.rows))

    def rename(self, names: Mapping[str, str]) -> "Sheet":
        new = tuple(names.get(c, c) for c in self.columns)
        return Sheet(new, tuple({names.get(c, c): v for c, v in row.items()} for row in self.rows))

    def add(self, column: str, value: str) -> "Sheet":
        return Sheet((*self.columns, column), tuple(row | {column: value} for row in self.rows))

    def reorder(self, columns: tuple[str, ...]) -> "Sheet":
        return replace(self, columns=columns)

    def head(self, rows: int) -> "Sheet":
        return replace(self, rows=self.rows[:rows])

    def to_bytes(
        self,
        delimiter: str = ",",
        encoding: str = "latin-1",
        line_end: str = "\r\n",
        quoting: Literal[0, 1, 2, 3] = csv.QUOTE_MINIMAL,
    ) -> bytes:
        text = io.StringIO()
        writer = csv.DictWriter(
            text, self.columns, delimiter=delimiter, lineterminator=line_end, quoting=quoting
        )
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue().encode(encoding)


@pytest.fixture(scope="session")
def enoe() -> SurveySpec:
    return load_spec("enoe_sdem")


@pytest.fixture(scope="session")
def parks() -> SurveySpec:
    return load_spec(PARKS_SPEC)


@pytest.fixture(scope="session")
def period() -> Period:
    """The quarter of both generated files."""
    return Period(2015, 2)


@pytest.fixture(scope="session")
def survey_csv(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A valid ENOE-shaped file of 2015T2, some 1,500 people."""
    path = tmp_path_factory.mktemp("survey") / "survey.csv"
    write_survey(generate_survey(2015, 2, people=1500, seed=7), path)
    return path.read_bytes()


@pytest.fixture(scope="session")
def sheet(survey_csv: bytes) -> Sheet:
    """The ENOE-shaped file, ready to edit."""
    return Sheet.read(survey_csv)


@pytest.fixture(scope="session")
def parks_sheet() -> Sheet:
    """A valid file of the survey of parks, ready to edit."""
    rows = parks_rows()
    assert parks_csv(rows)
    return Sheet(tuple(rows[0]), tuple(rows))


@pytest.fixture
def ingest_bytes(tmp_path: Path, enoe: SurveySpec) -> Callable[..., Ingested]:
    """Write a file's bytes and ingest them, as ENOE unless another spec is given."""

    def write_and_ingest(content: bytes, spec: SurveySpec = enoe) -> Ingested:
        path = tmp_path / "input.csv"
        path.write_bytes(content)
        return read_survey(open_lake(str(path)), str(path), spec)

    return write_and_ingest


@pytest.fixture(scope="session")
def ingested(survey_csv: bytes, enoe: SurveySpec, tmp_path_factory: pytest.TempPathFactory):
    """The ENOE-shaped file, ingested."""
    path = tmp_path_factory.mktemp("ingested") / "survey.csv"
    path.write_bytes(survey_csv)
    return read_survey(open_lake(str(path)), str(path), enoe)


@pytest.fixture
def assert_no_canary() -> Callable[[object], None]:
    """Checks that no planted value is in a text or in anything an error shows of itself."""

    def check(told: object) -> None:
        texts = [str(told), repr(told)]
        if isinstance(told, BaseException):
            texts.append("".join(traceback.format_exception(told)))
        for canary in CANARIES:
            assert not any(canary in text for text in texts)

    return check
