"""What the tests of DAGs and pages leave as they found it."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def logging_as_before() -> Iterator[None]:
    """Airflow logs to what standard error was when it was set up: that of a test that has ended."""
    yield
    root = logging.getLogger()
    for handler in list(root.handlers):
        if not type(handler).__module__.startswith("_pytest"):
            root.removeHandler(handler)
