"""Shows a survey spec that cannot be used as an import error in Airflow's UI.

No DAG is made here: the DAGs of the other surveys, made in synthesis.py, go on running while
Airflow shows file, line, key and remedy of the broken one.
"""

from __future__ import annotations

from include.espejo.errors import SpecError
from include.espejo.survey import load_specs

_, problems = load_specs()
if problems:
    raise SpecError("\n".join(problems))
