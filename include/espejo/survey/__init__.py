"""The survey spec: everything particular to a survey, from one YAML file."""

from include.espejo.survey.column import Column
from include.espejo.survey.load import find_specs, load_spec
from include.espejo.survey.model import SurveySpec
from include.espejo.survey.period import PERIOD_PATTERN, Period, latest_published

__all__ = [
    "PERIOD_PATTERN",
    "Column",
    "Period",
    "SurveySpec",
    "find_specs",
    "latest_published",
    "load_spec",
]
