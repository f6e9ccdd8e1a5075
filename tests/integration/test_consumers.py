"""What docs/consumers.md tells people to copy runs as it stands there, in both languages.

Each block is taken from the page and run by its own program, with the key of a consumer, against a
release on a real S3 server. Its figures are compared with those of the library.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.enoe_like import generate_survey, write_survey
from demo.lake_server import LakeServer
from include.espejo.ingest import read_survey
from include.espejo.lake import Lake, open_lake
from include.espejo.lake.keys import PublicLocation
from include.espejo.releases.publish import publish_release
from include.espejo.survey import Period, SurveySpec, load_spec
from include.espejo.survey.model import Indicator
from include.espejo.table.frames import to_frame
from include.espejo.table.indicators import compute_indicators
from tests.support.releases import release_files, write_candidate

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"en": DOCS / "consumers.md", "es": DOCS / "consumers.es.md"}
PROGRAMS = {"python": [sys.executable, "-"], "r": ["Rscript", "--vanilla", "-"]}
PERIOD = Period(2015, 2)
# How to hand a block's `share` and `csv` to the test: the only code here that is not on the page.
HAND_OVER = {
    "pandas": """
rows, blanks = len(csv), int(csv.isna().sum().sum())
print("\\n" + json.dumps([dict(share), rows, blanks]))
""",
    "polars": """
rows, blanks = csv.height, sum(csv.null_count().row(0))
print("\\n" + json.dumps([dict(share.rows()), rows, blanks]))
""",
    "DuckDB": """
rows = csv.fetchall()
blanks = sum(value is None for row in rows for value in row)
print("\\n" + json.dumps([dict(share.fetchall()), len(rows), blanks]))
""",
    "R": """
told <- list(as.list(share), nrow(table), sum(is.na(table)))
cat("\\n", toJSON(told, auto_unbox = TRUE, digits = NA), sep = "")
""",
}


@dataclass(frozen=True)
class Released:
    """A published release, and how a consumer reaches it."""

    server: LakeServer
    lake: Lake
    place: PublicLocation
    spec: SurveySpec
    shares: dict[str, dict[str, float]]  # by page's language, by label
    rows: int
    blanks: int

    @property
    def environment(self) -> dict[str, str]:
        """A consumer's environment: nothing of AWS but what the page says to set."""
        key = self.server.identities["consumer"]
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "AIRFLOW"))}
        return kept | {
            "AWS_ENDPOINT_URL": self.server.endpoint_url,
            "AWS_ACCESS_KEY_ID": key.access_key,
            "AWS_SECRET_ACCESS_KEY": key.secret_key,
        }


def as_identity(server: LakeServer, name: str) -> Lake:
    key = server.identities[name]
    return open_lake(
        "s3://",
        {"key": key.access_key, "secret": key.secret_key, "endpoint_url": server.endpoint_url},
    )


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released]:
    """A release where the page looks for it: on a server of its own, as names are fixed there."""
    folder = tmp_path_factory.mktemp("consumers")
    write_survey(generate_survey(2015, 2, people=1500, seed=7), folder / "survey.csv")
    spec = load_spec("enoe_sdem")
    whole = read_survey(open_lake(str(folder)), str(folder / "survey.csv"), spec).table
    table = whole.select(list(spec.model_columns()))
    with LakeServer(folder / "lake") as server:
        lake = as_identity(server, "publish")
        place = PublicLocation(spec.places.public, spec.survey)
        candidate = write_candidate(
            open_lake(str(folder)),
            str(folder / "candidate"),
            release_files(spec, table, str(PERIOD), "abc"),
        )
        publish_release(open_lake(str(folder)), candidate, lake, place, str(PERIOD), "abc")
        frame = to_frame(table)
        yield Released(
            server,
            lake,
            place,
            spec,
            expected(frame, spec),
            len(frame),
            int(frame.isna().sum().sum()),
        )


def expected(frame: Any, spec: SurveySpec) -> dict[str, dict[str, float]]:
    """The page's indicator by the library: the spec's own, by sex alone."""
    (declared,) = [i for i in spec.indicators if i.name == "employed_share"]
    by_sex = Indicator(**(dict(declared) | {"by": ("SEX",)}))
    figures = compute_indicators(frame, spec.model_copy(update={"indicators": (by_sex,)}), PERIOD)
    shares = {
        group.removeprefix("SEX="): value
        for group, value in zip(figures["group"], figures["value"], strict=True)
    }
    labels = spec.columns["SEX"].codes
    return {
        language: {getattr(labels[code], language): share for code, share in shares.items()}
        for language in PAGES
    }


def blocks(page: str) -> dict[str, tuple[str, str]]:
    """The page's blocks that are run, by the heading above: language and code."""
    found: dict[str, tuple[str, str]] = {}
    heading = ""
    for line in re.finditer(r"^## ([^\n]+)$|^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        if line[1]:
            heading = line[1]
        elif line[2] in PROGRAMS:
            assert heading not in found, f"{heading}: more than one block"
            found[heading] = (line[2], line[3])
    return found


def run(
    code: str, language: str, folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        PROGRAMS[language],
        input=code,
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )


def require_r() -> None:
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed (no Rscript)")
    needed = "stopifnot(requireNamespace('jsonlite'), requireNamespace('digest'))"
    if subprocess.run(["Rscript", "-e", needed], capture_output=True).returncode != 0:
        pytest.skip("R is here without its packages jsonlite and digest")


def script(language: str, heading: str) -> tuple[str, str]:
    """A block as people would run it: the Python ones after the page's first."""
    found = blocks(PAGES[language].read_text(encoding="utf-8"))
    program, code = found[heading]
    first = next(code for _, code in found.values()) if program == "python" else ""
    return program, first + code


@pytest.mark.parametrize("heading", HAND_OVER)
@pytest.mark.parametrize("language", PAGES)
def test_a_block_gives_the_librarys_figures(
    released: Released, tmp_path: Path, language: str, heading: str
) -> None:
    program, code = script(language, heading)
    if program == "r":
        require_r()
    done = run(code + "\n" + HAND_OVER[heading], program, tmp_path, released.environment)
    assert done.returncode == 0, done.stderr
    share, rows, blanks = json.loads(done.stdout.splitlines()[-1])
    assert share == pytest.approx(released.shares[language])
    assert (rows, blanks) == (released.rows, released.blanks)


@pytest.mark.parametrize("language", PAGES)
def test_every_block_of_the_page_is_run(language: str) -> None:
    first, *others = blocks(PAGES[language].read_text(encoding="utf-8"))
    assert others == list(HAND_OVER)
    fences = re.findall(r"^```(\w+)", PAGES[language].read_text(encoding="utf-8"), re.MULTILINE)
    assert fences == ["sh", "python", "python", "python", "python", "r"]
    assert first


def test_both_pages_have_the_same_code() -> None:
    """But for comments, messages and the language of the labels."""

    def bare(page: Path) -> list[str]:
        code = "\n".join(code for _, code in blocks(page.read_text(encoding="utf-8")).values())
        code = code.replace("label_es", "label")
        code = re.sub(r'(SystemExit\(f?|stop\((?:name, )?)".*?"', r"\1", code)
        return re.sub(r"#.*", "", code).split("\n")

    assert bare(PAGES["en"]) == bare(PAGES["es"])


@pytest.mark.parametrize("heading", ["pandas", "R"])
@pytest.mark.parametrize("language", PAGES)
def test_a_file_that_was_changed_after_publishing_is_refused(
    released: Released, tmp_path: Path, language: str, heading: str
) -> None:
    program, code = script(language, heading)
    if program == "r":
        require_r()
    uri = released.place.release(str(PERIOD), "abc") + "/synthetic.csv"
    content = released.lake.read(uri)
    released.lake.write(uri, content + b"\r\n")
    try:
        done = run(code, program, tmp_path, released.environment)
    finally:
        released.lake.write(uri, content)
    assert done.returncode != 0
    assert "synthetic.csv" in done.stderr
    assert {"en": "is not the file", "es": "no es el archivo"}[language] in done.stderr


@pytest.mark.parametrize("heading", ["pandas", "R"])
def test_where_no_release_stands_the_block_says_so(
    released: Released, tmp_path: Path, heading: str
) -> None:
    program, code = script("en", heading)
    if program == "r":
        require_r()
    place = PublicLocation(released.spec.places.public, "withdrawn_survey")
    pointer: dict[str, Any]
    pointer = {
        "survey": place.survey,
        "period": None,
        "release": None,
        "manifest": None,
        "history": [],
    }
    released.lake.write(place.latest(), json.dumps(pointer).encode())
    other = code.replace("enoe_sdem", "withdrawn_survey")
    done = run(other, program, tmp_path, released.environment)
    assert done.returncode != 0
    assert "no release stands" in done.stderr


def test_the_environment_is_the_pages(released: Released) -> None:
    """The variables that the tests set are those that the page says to set, in both languages."""
    for page in PAGES.values():
        (shell,) = re.findall(
            r"^```sh\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
        named = set(re.findall(r"(AWS_\w+)=", shell))
        assert named == {name for name in released.environment if name.startswith("AWS_")}
