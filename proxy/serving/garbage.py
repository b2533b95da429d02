"""Python's cyclic garbage collector, told what a server looks like.

After the start some 10⁵ objects live as long as the process; each full collection walked them all, 20 % of the CPU at load (sampled with
py-spy). They are frozen, and young objects are looked at every `YOUNG` allocations: a request makes about 300 and leaves no cycles
behind (contract O's soak would show it).
"""

import gc

YOUNG = 20_000
OLD = (20, 50)


def settle() -> None:
    """To be called once, when everything long-lived has been built."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *OLD)
