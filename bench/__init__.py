"""Speed and memory of the flow's own steps, beside those of the notebook that it replaces."""
