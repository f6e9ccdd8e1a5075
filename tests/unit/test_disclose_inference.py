"""The trees of the audit's inference: what they take of the machine, and of the tables."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from include.espejo.disclose.attacks import inference


class PoolOfManyCores(ThreadPoolExecutor):
    """Its threads begin as on a machine of several cores: each may use two."""

    def __init__(
        self, threads: int, initializer: Callable[..., Any] = tuple, initargs: tuple[Any, ...] = ()
    ) -> None:
        def begin() -> None:
            threadpool_limits(2)
            initializer(*initargs)

        super().__init__(threads, initializer=begin)


def test_trees_keep_to_one_thread_where_the_audit_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def features_of(table: pd.DataFrame) -> pd.DataFrame:
        libraries = [one for one in threadpool_info() if one["user_api"] == "openmp"]
        assert libraries
        used.append({one["num_threads"] for one in libraries})
        return table

    used: list[set[int]] = []
    monkeypatch.setattr(inference, "features_of", features_of)
    monkeypatch.setattr(inference, "FITTED_ROWS", 50)
    monkeypatch.setattr(inference, "ThreadPoolExecutor", PoolOfManyCores)
    table = pd.DataFrame({"age": np.arange(200.0)})
    with threadpool_limits(1):
        guessed = inference._boosted_guesses(table, table, np.arange(200) // 100, 1, threads=2)
    assert guessed.tolist() == [0] * 100 + [1] * 100
    assert used == [{1}] * 4
