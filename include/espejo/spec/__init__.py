"""The survey spec: everything particular to a survey, from one YAML file."""

from include.espejo.spec.column import Column
from include.espejo.spec.load import find_specs, load_spec
from include.espejo.spec.model import SurveySpec
from include.espejo.spec.period import PERIOD_PATTERN, Period, latest_published

__all__ = [
    "PERIOD_PATTERN",
    "Column",
    "Period",
    "SurveySpec",
    "find_specs",
    "latest_published",
    "load_spec",
]
