pytest_plugins = ["support.cluster", "support.installed", "support.crd"]
