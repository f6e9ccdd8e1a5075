"""Validate: does the typed table keep what its spec promises?"""

from include.espejo.validate.check import Finding, Validation, validate

__all__ = ["Finding", "Validation", "validate"]
