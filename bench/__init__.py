"""Measurements that print what they measured. `python -m bench` runs them all."""
