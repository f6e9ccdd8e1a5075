"""What is done for a survey between its releases: expiry, verification, and the space they take."""
