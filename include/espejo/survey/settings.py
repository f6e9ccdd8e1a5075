"""Settings of a run, with their bounds and texts: declared here, and nowhere else.

The spec's `model`, a run's parameters, the trigger form, the command line and the tables of the
documentation take them from these types.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Engine = Annotated[Literal["ctgan", "sdv"], Field(title="Motor / Engine")]
Rows = Annotated[
    int,
    Field(
        ge=100,  # fewer cannot be scored
        le=10_000_000,
        title="Filas / Rows",
        description="Vacío: tantas como la encuesta. Empty: as many as the survey.",
    ),
]
Epochs = Annotated[
    int,
    Field(
        ge=1,
        le=10_000,
        title="Épocas / Epochs",
        description="Pasadas por la tabla. Passes over the table.",
    ),
]
BatchSize = Annotated[
    int,
    Field(
        ge=10,
        le=100_000,
        multiple_of=10,
        title="Lote / Batch size",
        description="Múltiplo de 10. A multiple of 10.",
    ),
]
Seed = Annotated[
    int,
    Field(
        ge=0,
        le=2**32 - 1,
        title="Semilla / Seed",
        description="Vacío: la que sigue de la encuesta. Empty: follows from the survey.",
    ),
]
Calibrate = Annotated[
    bool,
    Field(
        title="Calibrar / Calibrate",
        description="A los márgenes de la encuesta. To the survey's margins.",
    ),
]
Minutes = Annotated[float, Field(gt=0)]
Steps = Annotated[int, Field(ge=1, le=100_000_000)]
Threads = Annotated[int, Field(ge=0, le=256)]
Device = Literal["auto", "cpu", "cuda"]
