"""Changes as text that a person applies, one file per format."""
