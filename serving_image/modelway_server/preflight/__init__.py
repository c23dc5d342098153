"""What a model must show before it gets traffic: answers to smoke tests, the contract of the stable revision, an evaluation."""
