"""A real one-node Kubernetes cluster on this machine: containerd, the kubelet, kube-proxy, CoreDNS, and images built here.

`python -m e2e` builds what is missing, starts the cluster in namespaces of its own (process ids, mounts, network) and runs
the tests of this folder inside. The kernel ends and unmounts all of it with the first process of those namespaces.
"""
