"""The models: seams in `seams`, one file a backend, loaded on demand by `packs`."""
