"""The survey spec: everything particular to a survey, from one YAML file."""

from include.espejo.survey.column import Column
from include.espejo.survey.load import find_specs, load_spec, load_specs
from include.espejo.survey.model import SurveySpec
from include.espejo.survey.period import Period, in_order, period_pattern

__all__ = [
    "Column",
    "Period",
    "SurveySpec",
    "find_specs",
    "in_order",
    "load_spec",
    "load_specs",
    "period_pattern",
]
