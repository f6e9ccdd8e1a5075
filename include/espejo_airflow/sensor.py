"""The wait for the survey's files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowFailException

from include.espejo.errors import LakeError
from include.espejo.lake.listing import near_misses
from include.espejo_airflow.connections import lake_by


class RawFileSensor(BaseSensorOperator):
    """Waits until as many files match each pattern as a period has, by the rule of `ingest`, and
    until no other run is at the period.

    Between looks it holds no worker (mode `reschedule`). Being refused, or a bucket that is not
    there, ends the wait at once; a lake that does not answer is asked again at the next look.
    """

    template_fields: Sequence[str] = ("patterns",)

    def __init__(
        self,
        *,
        patterns: list[str],
        parts: list[int],
        connection_id: str,
        other_run: Callable[[Any], str | None],
        **kwargs: Any,
    ):
        super().__init__(mode="reschedule", **kwargs)
        self.patterns = patterns
        self.parts = parts
        self.connection_id = connection_id
        self.other_run = other_run

    def poke(self, context: Any) -> bool:
        """Whether all are there. Names that a pattern nearly fits are told in the log."""
        try:
            there = [self._is_there(*one) for one in zip(self.patterns, self.parts, strict=True)]
            return all(there) and self._is_our_turn(context)
        except LakeError as error:
            if error.retryable:
                self.log.warning("%s; asked again at the next look", error)
                return False
            refusal = str(error)
        raise AirflowFailException(refusal)

    def _is_our_turn(self, context: Any) -> bool:
        other = self.other_run(context)
        if other is not None:
            self.log.warning("run %s is making this period; asked again at the next look", other)
        return other is None

    def _is_there(self, pattern: str, parts: int) -> bool:
        lake = lake_by(self.connection_id, pattern)
        found = len(lake.list(pattern))
        if found < parts:
            # It also asks whether the bucket is there at all.
            near = near_misses(lake, pattern)
            hint = f"; nearly fitting: {', '.join(near)}" if near else ""
            self.log.warning("%s: %d of %d files match%s", pattern, found, parts, hint)
        return found >= parts
