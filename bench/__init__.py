"""Measurements; each prints its figures and can write them as JSON."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line sets it
