"""Evaluate: how close the synthetic table is to the real one, and what it is fit for."""
