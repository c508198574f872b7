"""The models: seams in `seams`, one file a backend, loaded on demand by `packs`."""

import os

# Nothing here ever connects by itself: the hub's client reads these when it is first imported, which is later.
# Only the process that `pull` starts goes online.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
