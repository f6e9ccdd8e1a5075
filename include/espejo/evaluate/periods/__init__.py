"""Periods: what has changed since earlier releases, in tables and in inputs."""
