"""Validate: does the typed table keep what its spec promises?"""

from include.espejo.validate.check import Validation, check_survey
from include.espejo.validate.finding import Finding

__all__ = ["Finding", "Validation", "check_survey"]
