"""The models: seams in `seams`, one file a backend, loaded on demand by `packs`."""

import os

# Nothing here ever connects by itself: the hub's client reads these when it is first imported, which is later.
# Only the process that `pull` starts goes online.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
# Threads of torch that wait for one another sleep. By default they spin, which takes the cores away where an analysis,
# a "why?" and a chat compute side by side. Read once, when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
