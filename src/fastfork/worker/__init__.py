"""The worker: a forked process that runs the application."""
