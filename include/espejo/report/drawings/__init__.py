"""Drawings: distributions as charts, pictures and printed pages."""
