"""No step lets another library's message out; the library's own errors pass as they are."""

import logging
import pickle
import traceback

import pytest

from include.espejo.errors import (
    EspejoError,
    GateError,
    InputError,
    LakeError,
    MetricError,
    ParameterError,
    SpecError,
    UnexpectedError,
    without_values,
)

CANARY = "ZQX7 earns 777777"


def shown(error: BaseException) -> str:
    """All that a log or a traceback shows of an error."""
    record = logging.LogRecord("n", 40, "p", 1, "m", (), (type(error), error, error.__traceback__))
    logged = logging.Formatter().format(record)
    return "\n".join([str(error), repr(error), *traceback.format_exception(error), logged])


def raises_foreign() -> None:
    raise ValueError(CANARY)


def raises_chained() -> None:
    try:
        raises_foreign()
    except ValueError as error:
        raise RuntimeError(f"while reading {CANARY}") from error


def raises_group() -> None:
    raise ExceptionGroup(CANARY, [ValueError(CANARY)])


def raises_with_a_note() -> None:
    error = KeyError(CANARY)
    error.add_note(CANARY)
    raise error


def raises_own_from_foreign() -> None:
    try:
        raises_foreign()
    except ValueError as error:
        raise MetricError("metric shapes: could not be computed") from error


def raises_own_while_handling() -> None:
    try:
        raises_foreign()
    except ValueError:
        raise InputError("survey.csv", ["rule rows: none"])  # noqa: B904  the chain is the test


@pytest.mark.parametrize("step", [raises_foreign, raises_chained, raises_group, raises_with_a_note])
def test_a_foreign_exception_is_told_by_its_kind_and_place_only(step) -> None:
    with pytest.raises(UnexpectedError) as caught:
        without_values(step)()
    error = caught.value
    assert "ZQX7" not in shown(error)
    assert "777777" not in shown(error)
    assert error.exit_code == 1
    assert not error.retryable
    assert f"{step.__name__}: unexpected" in str(error)
    # Where it happened stays: without it nobody could mend the step.
    assert "test_errors.py:" in str(error)
    assert f"in {step.__name__}" in str(error)


@pytest.mark.parametrize("step", [raises_own_from_foreign, raises_own_while_handling])
def test_an_own_error_passes_without_what_it_came_from(step) -> None:
    with pytest.raises(EspejoError) as caught:
        without_values(step)()
    assert type(caught.value) in (MetricError, InputError)
    assert "ZQX7" not in shown(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


OWN = [
    (SpecError("s.yaml line 1: x"), 2, False),
    (ParameterError("rows: 0 is below 1"), 2, False),
    (InputError("survey.csv", ["rule a: 1 rows", "rule b: 2 rows"]), 2, False),
    (LakeError("s3://x: refused"), 1, False),
    (LakeError("s3://x: no answer", retryable=True), 1, True),
    (LakeError("s3://x: not found", exit_code=2), 2, False),
    (GateError("gate privacy"), 3, False),
    (MetricError("metric shapes"), 1, False),
    (UnexpectedError("step: unexpected KeyError"), 1, False),
]


@pytest.mark.parametrize(("error", "exit_code", "retryable"), OWN)
def test_an_own_error_keeps_its_answer(error, exit_code, retryable) -> None:
    def step() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        without_values(step)()
    assert caught.value is error
    assert (error.exit_code, error.retryable) == (exit_code, retryable)


@pytest.mark.parametrize(("error", "exit_code", "retryable"), OWN)
def test_an_error_crosses_processes_whole(error, exit_code, retryable) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), str(error))
    assert (again.exit_code, again.retryable) == (exit_code, retryable)


def test_bad_input_tells_one_line_a_problem() -> None:
    error = InputError("survey.csv", ["rule a: 1 rows", "rule b: 2 rows"])
    assert str(error) == "survey.csv: refused\n  - rule a: 1 rows\n  - rule b: 2 rows"
    assert error.problems == ("rule a: 1 rows", "rule b: 2 rows")


def test_out_of_memory_says_what_to_do() -> None:
    def step() -> None:
        raise MemoryError(CANARY)

    with pytest.raises(LakeError, match="out of memory: give the task more") as caught:
        without_values(step)()
    assert "ZQX7" not in shown(caught.value)


def test_a_guarded_step_is_the_step() -> None:
    @without_values
    def add(left: int, *, right: int = 1) -> int:
        """Adds."""
        return left + right

    assert add(1, right=2) == 3
    assert (add.__name__, add.__doc__) == ("add", "Adds.")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_stop_is_no_error(stop: type[BaseException]) -> None:
    def step() -> None:
        raise stop

    with pytest.raises(stop):
        without_values(step)()
