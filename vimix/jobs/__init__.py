"""Jobs that survive: all work is started through one `JobService`, and the truth about a job is in one `JobStore`.

The queue (docket) only notifies: it says that there may be something to do, now or later. Which job is next, whose it
is and how it ended is decided by one compare-and-set in the job store, so a notification that is lost or comes twice
changes nothing.
"""
