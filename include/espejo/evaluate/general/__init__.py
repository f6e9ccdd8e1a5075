"""General utility: how much whole tables differ, for any use."""
