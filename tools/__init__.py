"""Scripts that make what the repository does not hold: example clips, pages of the docs."""
