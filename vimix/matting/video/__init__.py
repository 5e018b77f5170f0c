"""Matting of video: keyframes through the network, tracked and propagated in between."""
