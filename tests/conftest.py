pytest_plugins = ["support.cluster", "support.installed", "support.crd", "support.model_store", "support.deployed"]
