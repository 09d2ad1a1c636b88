"""Charts: pure functions from numpy arrays to plotly figures. Nothing here reads a store."""
