"""The container image, where an engine is there: `make image-test`."""
