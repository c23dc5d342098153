from sandbox.errors import SandboxError
from sandbox.lifecycle import Sandbox

__all__ = ["Sandbox", "SandboxError"]
