"""Evaluate: how close the synthetic table is to the real one, and what it is fit for."""

from include.espejo.evaluate.quality.scores import Scores, evaluate

__all__ = ["Scores", "evaluate"]
