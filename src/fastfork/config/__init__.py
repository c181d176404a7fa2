"""Where settings come from, and in which order."""
