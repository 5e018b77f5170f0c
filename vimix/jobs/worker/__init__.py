"""What runs jobs: a pool of child processes, and the recovery of jobs whose worker died."""
