"""Statistics: how sure a figure of an attack is, and how far it exceeds its control."""
