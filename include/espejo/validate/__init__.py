"""Validate: does the typed table keep what its spec promises?"""

from include.espejo.validate.check import Finding, Validation, check_survey

__all__ = ["Finding", "Validation", "check_survey"]
