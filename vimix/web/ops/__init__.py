"""Operation: health, metrics, logging, cleanup."""
