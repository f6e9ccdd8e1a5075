"""Files: the release's table and its machine-readable descriptions."""
