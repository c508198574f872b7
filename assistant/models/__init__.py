"""The models: seams in `seams`, one file a backend, loaded on demand by `packs`."""

import os

# Nothing here ever connects by itself: the hub's client reads these when it is first imported, which is later.
# Only the process that `pull` starts goes online.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["USE_HUB_KERNELS"] = (
    "NO"  # compiled code that transformers would fetch where the package kernels is installed
)
# How long threads of torch that wait for one another spin before they sleep, in turns; read once, when torch is loaded.
# By default it is a hundred times that, which takes the cores away where an analysis, a "why?" and a chat compute side
# by side; not at all slows down one that is alone. See docs/performance.md.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
