"""Vimix removes the background of any clip and keeps it with real transparency."""

__version__ = "0.1.0"
