"""Python's garbage collector: what is loaded once, and stays, is left alone.

Looking through the modules that an extraction needs takes a tenth of a second, in which nothing else goes on.
"""

import gc


def spare_loaded() -> None:
    """Have it look no more at what there is now. Only the first time: what comes later is work, and goes."""
    if not gc.get_freeze_count():
        gc.freeze()
