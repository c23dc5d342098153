"""The ModelDeployment API as types: what a user may write, what is reported back, and the CRD made of both."""
