"""What the watch over workers takes for a model by its name."""

import time


def stand_still(seconds):
    time.sleep(seconds)
