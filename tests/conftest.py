pytest_plugins = ["support.cluster", "support.installed"]
