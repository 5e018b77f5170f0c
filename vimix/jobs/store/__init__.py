"""Where job records are kept: SQLite on one machine, Redis for many."""
