"""Evaluate: how close the synthetic table is to the table that was learnt."""

from include.espejo.evaluate.scores import Scores, evaluate

__all__ = ["Scores", "evaluate"]
