"""What only a server has: roles, row-level security, and the queue."""

from collections.abc import Sequence

from alembic import op

from lithograph.storage.server import install

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Install it; a file has none of it."""
    if op.get_bind().dialect.name == "postgresql":
        install(op.get_bind())
