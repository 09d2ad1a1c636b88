"""Shows what was published; reads only."""
