"""Scoring: what every score stands on: codes, references, resampling, agreement."""
