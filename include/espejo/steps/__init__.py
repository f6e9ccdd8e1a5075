"""The steps of the flow: each loads, calls a pure function, and saves.

The DAG's tasks and the command line call these same functions. Between steps go URIs and small
summaries; what a step needs it reads from the run's workspace. Each step is guarded, so that
no foreign exception's message, which may hold values of rows, reaches a log.
"""

from include.espejo.steps.disclose import disclose
from include.espejo.steps.intake import ingest, protect, salt_of_seed, validate
from include.espejo.steps.job import Job, Summary
from include.espejo.steps.model import evaluate, sample, train
from include.espejo.steps.release import publish, report, require_gates

__all__ = ["Job", "Summary", "disclose", "evaluate", "ingest", "protect", "publish", "report",
           "require_gates", "salt_of_seed", "sample", "train", "validate"]  # fmt: skip
