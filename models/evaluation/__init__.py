"""How good a forecast was: pointwise losses, backtests over a panel, rankings."""
