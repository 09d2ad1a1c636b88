"""What was measured and what was concluded: the nouns, the store and the catalogs. Imports no sibling."""
