"""The way in: an address, and the workspace there."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lithograph.errors import UsageError

if TYPE_CHECKING:
    from lithograph.client.interface import AnyWorkspace


def connect(url: str, key: str | None = None, *, organization: str = "default") -> "AnyWorkspace":
    """Return a workspace: `http://HOST` is a server's, `sqlite:///FILE` and `postgresql://...` are databases.

    A server tells the organisation by the `key`; of a database the `organization` is named. A context manager. Raises
    `UsageError` for an address of another kind, and as `open_storage` does for a database.
    """
    if urlsplit(url).scheme in ("http", "https"):
        from lithograph.client.remote import RemoteWorkspace

        return RemoteWorkspace(url, key)
    if key is not None:
        raise UsageError("a key goes with a server's address; a database is opened as its user")
    from lithograph.client.local import LocalWorkspace
    from lithograph.domain.ids import organization_named

    return LocalWorkspace(url, organization_named(organization))
