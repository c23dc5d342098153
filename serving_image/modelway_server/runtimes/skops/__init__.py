"""Read skops files in two passes, as pickles are read.

`reader.Reader` turns the schema into the same inert trace as a pickle; nothing is imported and nothing is called. The
rules and the builder of `runtimes.pickle` do the rest. skops itself does not load the file: its own audit trusts more by
default than models need, and trusts names that it cannot resolve.
"""

from modelway_server.runtimes.skops.runtime import load

__all__ = ["load"]
