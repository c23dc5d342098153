"""Files of scikit-learn's objects, read in two passes.

Pass 1 reads a file into an inert `trace.Trace`: nothing is imported, nothing is called. `rules.judge(trace, trust)`
raises UnsafeArtifact, or returns. Pass 2, `build.build(trace, trust)`, looks the judged names up and makes the objects
in the order of the trace.
"""
