"""Distance: how far two records are from each other, over whole tables."""
