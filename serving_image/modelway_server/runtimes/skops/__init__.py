"""skops files, read in two passes as pickles are.

`reader.read` turns the schema into the same inert trace that a pickle gives; nothing is imported and nothing is called.
The rules and the builder of `runtimes.pickle` do the rest. skops itself takes no part in loading: what its own audit
trusts by default is more than models need, and it trusts what it cannot resolve.
"""

from modelway_server.runtimes.skops.runtime import load

__all__ = ["load"]
