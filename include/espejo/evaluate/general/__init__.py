"""General utility: how far whole tables differ, whatever they are used for."""
