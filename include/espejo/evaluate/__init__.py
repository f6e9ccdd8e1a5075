"""Evaluate: how close the synthetic table is to the real one, and what it is fit for."""

from include.espejo.evaluate.quality.scores import Scores, score_quality

__all__ = ["Scores", "score_quality"]
