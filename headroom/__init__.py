"""The composition root: settings, command line, jobs, demo."""

import os

# One BLAS thread per process, before numpy is imported: processes scale (1.99 x on two), threads on top of
# them cost half as much CPU again, and the same input gives the same bytes however many processes there are.
for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

__version__ = "0.1.0"
