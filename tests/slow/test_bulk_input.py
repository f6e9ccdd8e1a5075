"""Files, specs, forms and addresses as nobody would think of them: success, or a clear refusal.

A hundred cases of each here, always the same ones; `make chaos` asks for thousands of others.
"""

from __future__ import annotations

import copy
import io
import re
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from include.espejo.__main__ import main
from include.espejo.errors import EspejoError, ParameterError, SpecError
from include.espejo.parameters import Parameters
from include.espejo.survey import load_spec
from include.espejo.survey.load import parse_spec
from tests.support.mutations import BULK, MARK, Mutation, changed_spec, files, specs
from tests.surveys.parks import SPEC, parks_csv, parks_rows

_SECONDS = 60  # a case that takes longer hangs
_SHARES = re.compile(r"\([0-9.]+%\)")  # of rows that a rule refuses
_WORDS = re.compile(r"[0-9]{6}|\b[0-9]+\.[0-9]{2}\b")


@contextmanager
def in_time() -> Iterator[None]:
    """Raise TimeoutError in what hangs."""

    def late(*_: object) -> None:
        raise TimeoutError(f"it took more than {_SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def valid() -> bytes:
    return parks_csv(parks_rows(250))


def validated(content: bytes) -> tuple[int, str]:
    """Exit code, and all that the command says."""
    told = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(told), redirect_stdout(told):
        path = Path(folder) / "parks.csv"
        path.write_bytes(content)
        with in_time():
            code = main(["validate", str(path), "--survey", str(SPEC), "--period", "2015T2"])
        assert [found.name for found in Path(folder).iterdir()] == ["parks.csv"]
    return code, told.getvalue()


def test_the_file_is_valid_as_it_is(valid: bytes) -> None:
    code, told = validated(valid)
    assert (code, '"rows": 250' in told) == (0, True)


@BULK
@given(changes=files())
def test_a_file_is_taken_or_refused_by_rule(valid: bytes, changes: list[Mutation]) -> None:
    content = valid
    for change in changes:
        content = change(content)
    code, told = validated(content)
    assert code in (0, 2), told
    assert "Traceback" not in told
    assert MARK not in told
    # Visitors and what they spent stand in the file and nowhere else.
    persons = {word for word in _WORDS.findall(_SHARES.sub("", told)) if word.encode() in valid}
    assert not persons, told
    if code == 2:
        assert re.search(r"rule |cannot |refused", told), told


ENOE = load_spec("enoe_sdem")
PARKS: dict[str, Any] = yaml.safe_load(SPEC.read_text(encoding="utf-8"))
# Of each kind of column one, with all that it may have.
LABEL = {"es": "Algo", "en": "Something"}
PARKS["columns"] |= {
    "visited": {
        "kind": "date",
        "label": LABEL,
        "range": ["2015-04-01", "2015-06-30"],
        "special": {"1900-01-01": LABEL},
        "residual": {"1900-01-01": ["2015-04-01", "2015-06-30"]},
        "brackets": ["2015-04-01", "2015-05-01"],
        "top_code": "2015-06-30",
    },
    "paid": {"kind": "boolean", "label": LABEL, "codes": {True: LABEL, False: LABEL}},
}


def refusal(kind: type[EspejoError], act: Callable[[], object]) -> str:
    """The message of an error of this kind; empty where there is none."""
    try:
        with in_time():
            act()
    except kind as error:
        return str(error)
    return ""


def test_the_spec_is_valid_as_it_is() -> None:
    assert parse_spec(yaml.safe_dump(PARKS, allow_unicode=True), "parks.yaml")


@BULK
@given(changes=specs(PARKS))
def test_a_spec_is_taken_or_refused_by_line(changes: list[Any]) -> None:
    text = yaml.safe_dump(changed_spec(copy.deepcopy(PARKS), changes), allow_unicode=True)
    told = refusal(SpecError, lambda: parse_spec(text, "parks.yaml"))
    assert not told or told.startswith("parks.yaml")


SETTINGS = ("rows", "epochs", "batch_size", "seed", "engine", "calibrate", "threads", "device")


@BULK
@given(
    st.dictionaries(
        st.sampled_from((*SETTINGS, "other")),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    )
)
def test_a_form_is_taken_or_refused_by_parameter(asked: dict[str, Any]) -> None:
    told = refusal(ParameterError, lambda: Parameters.of(ENOE, asked))
    assert all(line.startswith("parameter ") for line in told.splitlines())
    texts = [value for value in asked.values() if isinstance(value, str) and len(value) > 5]
    assert not [text for text in texts if text in told]


@BULK
@given(st.text(max_size=12) | st.sampled_from(["2015T2", "2015T0", "T", "9" * 9, "2015T2\n", "R٣"]))
def test_a_period_is_taken_or_refused(written: str) -> None:
    told = refusal(ParameterError, lambda: ENOE.parse_period(written))
    assert "period" in told if told else str(ENOE.parse_period(written)) == written
