"""A whole deployment without containers: nginx, web processes, workers, Redis and a bucket."""
