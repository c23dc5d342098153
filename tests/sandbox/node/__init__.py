"""The process node: registers one Node and runs each pod bound to it as processes of this machine, as a kubelet would."""
