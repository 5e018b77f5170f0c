"""From a clip and options to a finished file: the request, the plan, the run and the report."""
