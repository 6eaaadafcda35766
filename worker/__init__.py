"""The worker: the volunteer's daemon, which runs jobs safely."""
