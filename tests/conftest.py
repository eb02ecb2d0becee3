"""Settings that hold for all tests, and the tiny contest that many of them share."""

import os

# before anything imports TensorFlow: quiet, and one thread each, since pytest-xdist runs a test on each core
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(name, "1")
