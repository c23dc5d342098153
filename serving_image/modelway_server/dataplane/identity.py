"""Which model is served: its name, version, revision and digest."""

from dataclasses import dataclass

from modelway_server.errors import UnknownModel


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Which model this is.

    Attributes:
        name: its name in URLs.
        version: the user's word for its version; empty when there is none.
        revision: hash of its revision.
        digest: sha256 of its artifact; empty when unknown.
    """

    name: str
    version: str = ""
    revision: str = ""
    digest: str = ""

    def check(self, name: str, version: str) -> None:
        """Refuse a request for another model than this one.

        Args:
            name: of the model that the request is for.
            version: that the request is for; empty for any.

        Raises:
            UnknownModel: the request is for another model or version.
        """
        if name != self.name:
            raise UnknownModel(f"there is no model {name!r} here; this server has {self.name!r}")
        if version not in {"", self.version}:
            known = f"its version is {self.version!r}" if self.version else "it has no version"
            raise UnknownModel(f"there is no version {version!r} of model {name!r}; {known}")
