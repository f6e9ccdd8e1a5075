"""Encoding: a table as small integers, and what rules and zeros leave of them."""
