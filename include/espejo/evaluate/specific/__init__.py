"""Specific utility: what the survey is for, computed on both tables."""
