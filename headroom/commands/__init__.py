"""Commands of the command line, grouped by what a user is doing. Heavy imports happen inside commands."""
