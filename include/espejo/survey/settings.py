"""Settings of a run, with their bounds and texts: declared here, and nowhere else.

The spec's `model`, a run's parameters, the trigger form, the command line and the tables of the
documentation take them from these types.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from include.espejo.language import message

Engine = Annotated[Literal["ctgan", "sdv"], Field(title=message("Engine"))]
Rows = Annotated[
    int,
    Field(
        ge=100,  # fewer cannot be scored
        le=10_000_000,
        title=message("Rows"),
        description=message("Leave it empty for as many as the survey has."),
    ),
]
Epochs = Annotated[
    int,
    Field(
        ge=1,
        le=10_000,
        title=message("Epochs"),
        description=message("Passes over the table."),
    ),
]
BatchSize = Annotated[
    int,
    Field(
        ge=10,
        le=100_000,
        multiple_of=10,
        title=message("Batch size"),
        description=message("Rows in a training step, a multiple of 10."),
    ),
]
Seed = Annotated[
    int,
    Field(
        ge=0,
        le=2**32 - 1,
        title=message("Seed"),
        description=message("Leave it empty to derive it from the survey."),
    ),
]
Calibrate = Annotated[
    bool,
    Field(
        title=message("Calibrate"),
        description=message("Draw rows so that their margins agree with the survey's."),
    ),
]
Minutes = Annotated[float, Field(gt=0)]
Steps = Annotated[int, Field(ge=1, le=100_000_000)]
Threads = Annotated[int, Field(ge=0, le=256)]
Device = Literal["auto", "cpu", "cuda"]
