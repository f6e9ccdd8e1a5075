"""How a task's failure is reported to Airflow."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from include.espejo.errors import EspejoError


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """A task that fails at once where trying again cannot help, and without foreign messages."""

    @wraps(function)
    def task(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except EspejoError as error:
            if error.retryable:
                raise
            refusal = AirflowFailException(str(error))
        raise refusal

    return task
