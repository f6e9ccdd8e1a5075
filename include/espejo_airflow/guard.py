"""How a task's failure is reported to Airflow."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from include.espejo.errors import EspejoError


class Refusal(AirflowFailException):
    """A failure that trying again cannot mend; `kind`: the name of the library's own error."""

    def __init__(self, message: str, kind: str):
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type[Refusal], tuple[str, str]]:
        return type(self), (str(self), self.kind)


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """A task that fails at once where trying again cannot help, and without foreign messages."""

    @wraps(function)
    def task(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except EspejoError as error:
            if error.retryable:
                raise
            refusal = Refusal(str(error), type(error).__name__)
        raise refusal

    return task
