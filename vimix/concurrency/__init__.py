"""Threads, worker processes, ffmpeg and atomic file writes."""
