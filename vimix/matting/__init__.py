"""Engines: from decoded frames to frames with an alpha matte."""
