"""What was given, and the journal of the work on it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# As they were when this was released, so not taken from the schema.
Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Time = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    _given()
    _execution()
    _journal()
    op.create_table(
        "response_cache",
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("key", Key, nullable=False),
        sa.Column("response", Document, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key", name="pk_response_cache"),
    )


def _given() -> None:
    op.create_table(
        "organization",
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("max_tokens", Number),
        sa.Column("max_cost_usd", sa.Float),
        sa.PrimaryKeyConstraint("id", name="pk_organization"),
    )
    op.create_table(
        "spending",
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("tokens", Number, nullable=False),
        sa.Column("cost_usd", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "slot", name="pk_spending"),
    )
    op.create_table(
        "document",
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.Column("sha256", Key, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_document"),
    )
    op.create_index("ix_document_organization_id_sha256", "document", ["organization_id", "sha256"])
    op.create_index("ix_document_organization_id_created_at", "document", ["organization_id", "created_at"])
    op.create_table(
        "ontology",
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("content_hash", Key, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("body", Document, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "content_hash", name="pk_ontology"),
    )


def _execution() -> None:
    op.create_table(
        "workflow_execution",
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.Column("workflow_type", Key, nullable=False),
        sa.Column("workflow_version", sa.Integer, nullable=False),
        sa.Column("status", Key, nullable=False),
        sa.Column("input", Document, nullable=False),
        sa.Column("output", Document),
        sa.Column("error", sa.Text),
        sa.Column("idempotency_key", Key, nullable=False),
        sa.Column("parent_id", Key),
        sa.Column("last_activity_name", sa.Text),
        sa.Column("last_seq", Number, nullable=False, server_default="0"),
        sa.Column("epoch", Number, nullable=False, server_default="0"),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_expires_at", Time),
        sa.Column("recovery_count", sa.Integer, nullable=False, server_default="0"),
        sa.Column("waiting_for", Key),
        sa.Column("spent_tokens", Number, nullable=False, server_default="0"),
        sa.Column("spent_cost_usd", sa.Float, nullable=False, server_default="0"),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("started_at", Time),
        sa.Column("updated_at", Time, nullable=False),
        sa.Column("completed_at", Time),
        sa.PrimaryKeyConstraint("id", name="pk_workflow_execution"),
        sa.UniqueConstraint("organization_id", "id", name="uq_workflow_execution_organization_id_id"),
        # Named by the convention, which shortens the name where it is too long for PostgreSQL.
        sa.UniqueConstraint("organization_id", "workflow_type", "idempotency_key"),
    )
    for columns in (
        ["organization_id", "created_at"],
        ["parent_id", "status"],
    ):
        op.create_index("_".join(["ix_workflow_execution", *columns]), "workflow_execution", columns)
    unended = sa.column("completed_at").is_(None)
    op.create_index(
        "ix_workflow_execution_unended",
        "workflow_execution",
        ["status", "waiting_for", "parent_id"],
        sqlite_where=unended,
        postgresql_where=unended,
    )


def _journal() -> None:
    op.create_table(
        "workflow_activity",
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("execution_id", Key, nullable=False),
        sa.Column("activity_name", Key, nullable=False),
        sa.Column("status", Key, nullable=False),
        sa.Column("input_hash", sa.Text, nullable=False),
        sa.Column("result", Document),
        sa.Column("error", sa.Text),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("usage", Document),
        sa.Column("epoch", Number, nullable=False),
        sa.Column("started_at", Time),
        sa.Column("completed_at", Time),
        sa.Column("duration_ms", sa.Float),
        sa.PrimaryKeyConstraint("execution_id", "activity_name", name="pk_workflow_activity"),
        _of_execution("workflow_activity"),
    )
    op.create_table(
        "workflow_signal",
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("id", Number, autoincrement=True, nullable=False),
        sa.Column("execution_id", Key, nullable=False),
        sa.Column("signal_name", sa.Text, nullable=False),
        sa.Column("client_key", Key, nullable=False),
        sa.Column("payload", Document),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("delivered_at", Time),
        sa.Column("acknowledged", sa.Boolean, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name="pk_workflow_signal"),
        sa.UniqueConstraint("execution_id", "client_key", name="uq_workflow_signal_execution_id_client_key"),
        _of_execution("workflow_signal"),
    )
    op.create_index("ix_workflow_signal_execution_id_acknowledged", "workflow_signal", ["execution_id", "acknowledged"])
    op.create_table(
        "workflow_event",
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("execution_id", Key, nullable=False),
        sa.Column("seq", Number, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("payload", Document, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "seq", name="pk_workflow_event"),
        _of_execution("workflow_event"),
        sqlite_with_rowid=False,
    )


def _of_execution(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", "execution_id"],
        ["workflow_execution.organization_id", "workflow_execution.id"],
        ondelete="CASCADE",
        name=f"fk_{table}_organization_id_execution_id",
    )
