"""Interface: what every engine offers, and what it is given."""
