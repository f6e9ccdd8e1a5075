"""Page: what a release's page shows, and the page itself."""
