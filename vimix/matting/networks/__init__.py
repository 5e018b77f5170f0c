"""Neural networks: which there are, how their weights are fetched, and what runs them."""
