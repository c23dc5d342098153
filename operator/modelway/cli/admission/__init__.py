"""What a Kubernetes API server says of a new ModelDeployment, said without one: schema, metadata, and the rules in CEL."""
