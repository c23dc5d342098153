"""Real Gateways in front of models on a real node: Traefik, and Envoy Gateway with Envoy.

`python -m gateways` builds what is missing and runs the tests of this folder where the node is (see the package `e2e`).
"""
