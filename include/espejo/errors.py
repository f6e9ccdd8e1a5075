"""The errors of the library: one root, few classes, and what each means to a caller.

Every message names the column or file, the rule, the count and the remedy. No message
carries a value of a person's row: an error ends up in logs that many can read.
"""

from __future__ import annotations

import errno
import functools
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


MOST_REFUSED = 100  # rows and values of an input that are kept, of those that a rule refuses


class EspejoError(Exception):
    """Root of the library's errors.

    `exit_code` is the command line's answer (docs/contract.md); `retryable` says whether
    the same call may succeed later without anybody changing anything.
    """

    exit_code = 1
    retryable = False


class SpecError(EspejoError):
    """A survey spec that cannot be used; names file, line, key and remedy."""

    exit_code = 2


class ParameterError(EspejoError):
    """A parameter of the run that makes no sense; names the parameter and its bounds."""

    exit_code = 2


class InputError(EspejoError):
    """A survey file that breaks its spec; one line a problem.

    `refused`: which rows and values, by column, for the restricted area alone: no text holds it,
    and it does not leave the process.
    """

    exit_code = 2

    def __init__(
        self, source: str, problems: Sequence[str], refused: Mapping[str, object] | None = None
    ):
        self.source = source
        self.problems = tuple(problems)
        self.refused = dict(refused or {})
        super().__init__("\n".join([f"{source}: refused", *(f"  - {p}" for p in self.problems)]))

    def __reduce__(self) -> tuple[type[InputError], tuple[str, tuple[str, ...]]]:
        return type(self), (self.source, self.problems)


class LakeError(EspejoError):
    """A lake or disk that refuses or does not answer; says whether trying again may help.

    `absent`: it has no such object, although it may be asked for it.
    """

    def __init__(
        self, message: str, *, retryable: bool = False, exit_code: int = 1, absent: bool = False
    ):
        super().__init__(message)
        self.retryable = retryable
        self.exit_code = exit_code
        self.absent = absent


class GateError(EspejoError):
    """A release that a gate holds back; `failed` are the names of the gates."""

    exit_code = 3

    def __init__(self, message: str, failed: Sequence[str] = ()):
        super().__init__(message)
        self.failed = tuple(failed)

    def __reduce__(self) -> tuple[type[GateError], tuple[str, tuple[str, ...]]]:
        return type(self), (str(self), self.failed)


class MetricError(EspejoError):
    """A score that could not be computed: it fails the run instead of dropping out of a mean."""


class ModelError(EspejoError):
    """A model file that this code or this spec cannot use."""

    exit_code = 2


class BrowserError(EspejoError):
    """No browser to draw plots with; the message has the line to run."""

    exit_code = 2


class UnexpectedError(EspejoError):
    """An unforeseen error: its type and place, without its message.

    Other libraries put the values they stumble over into their messages; those may be a
    person's, so only the kind of error and the lines of code are passed on.
    """


def without_values(step: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Guard a step: the library's own errors pass, any other becomes an UnexpectedError."""

    @functools.wraps(step)
    def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return step(*args, **kwargs)
        except EspejoError as error:
            known: EspejoError = error
        except MemoryError:
            known = LakeError("out of memory: give the task more memory, or ask for fewer rows")
        except OSError as error:
            known = _of_disk(step.__name__, error)
        except Exception as error:  # noqa: BLE001  not swallowed: told again without its values
            known = UnexpectedError(_describe(step.__name__, error))
        # Raised outside the handlers, so that no traceback or context keeps the original.
        known.__cause__ = known.__context__ = None
        raise known.with_traceback(None)

    return guarded


def _of_disk(step: str, error: OSError) -> EspejoError:
    """The lake's own failures have been told before here: what is full is this machine's disk."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return UnexpectedError(_describe(step, error))
    return LakeError(
        f"{step}: no room for temporary files in {tempfile.gettempdir()}; free space there, or "
        "name another folder in TMPDIR"
    )


def _describe(step: str, error: BaseException) -> str:
    frames: list[traceback.FrameSummary] = list(traceback.extract_tb(error.__traceback__))
    ours = [frame for frame in frames[:-2] if "espejo" in frame.filename][-4:]
    frames = [*ours, *frames[-2:]]  # our own lines, and where it was raised
    lines = [f"    {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
    head = f"{step}: unexpected {type(error).__name__} (message withheld, it may hold values), at"
    return "\n".join([head, *lines])
