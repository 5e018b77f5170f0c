"""Clips from outside: refused, probed, decoded; and how other programs may be run on them."""
