"""The documents of a batch, the keys of organisations, and those under which executions were started."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# As they were when this was released, so not taken from the schema.
Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Time = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "batch_document",
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("batch_id", Key, nullable=False),
        sa.Column("position", Number, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("execution_id", Key),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("batch_id", "position", name="pk_batch_document"),
        sa.ForeignKeyConstraint(
            ["organization_id", "batch_id"],
            ["workflow_execution.organization_id", "workflow_execution.id"],
            ondelete="CASCADE",
            name="fk_batch_document_organization_id_batch_id",
        ),
    )
    op.create_index("ix_batch_document_execution_id", "batch_document", ["execution_id"])
    op.create_table(
        "start_key",
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("key", Key, nullable=False),
        sa.Column("fingerprint", Key, nullable=False),
        sa.Column("execution_id", Key, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key", name="pk_start_key"),
        sa.ForeignKeyConstraint(
            ["organization_id", "execution_id"],
            ["workflow_execution.organization_id", "workflow_execution.id"],
            ondelete="CASCADE",
            name="fk_start_key_organization_id_execution_id",
        ),
    )
    op.create_index("ix_start_key_execution_id", "start_key", ["execution_id"])
    alone = sa.column("parent_id").is_(None)
    for columns in (["created_at"], ["status", "created_at"]):
        op.create_index(
            "_".join(["ix_workflow_execution_own", *columns]),
            "workflow_execution",
            ["organization_id", *columns],
            sqlite_where=alone,
            postgresql_where=alone,
        )
    op.create_table(
        "api_key",
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("hash", Key, nullable=False),
        sa.Column("scopes", Document, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("expires_at", Time),
        sa.Column("revoked_at", Time),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
        sa.UniqueConstraint("hash", name="uq_api_key_hash"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], ondelete="CASCADE", name="fk_api_key_organization_id"
        ),
    )
    op.create_index("ix_api_key_organization_id", "api_key", ["organization_id"])
