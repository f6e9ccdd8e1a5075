"""Synthesis: training, sampling, and the engines that do both."""
