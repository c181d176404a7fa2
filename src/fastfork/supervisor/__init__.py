"""The master: it keeps a worker alive in every slot, and never runs user code."""
