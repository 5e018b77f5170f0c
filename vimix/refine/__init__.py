"""Stages that make a matte calmer, finer and cleaner, and finish the cut-out."""
