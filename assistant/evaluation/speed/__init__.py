"""Speed and memory, side by side with the straightforward script in ``bench/``."""
