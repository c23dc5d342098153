"""Read files of scikit-learn's objects in two passes.

Pass 1 reads a file into an inert `trace.Trace`: nothing is imported, nothing is called. `rules.judge` raises
UnsafeArtifact if a rule refuses the trace. `resolve.resolve` imports the judged names. Pass 2, `build.build`, makes the
objects in the order of the trace.
"""
