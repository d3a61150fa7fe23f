"""The published graph."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# As they were when this was released, so not taken from the schema.
Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    _entities()
    _relations()


def _entities() -> None:
    op.create_table(
        "entity",
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("execution_id", Key, nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("types", Document, nullable=False),
        sa.Column("aliases", Document, nullable=False),
        sa.Column("attributes", Document, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("folded", sa.Text, nullable=False),
        sa.Column("mentions", Number, nullable=False),
        sa.Column("relations", Number, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "id", name="pk_entity"),
        _of_execution("entity"),
    )
    _index("entity", "execution_id", "relations", "id")
    _index("entity", "id")
    op.create_table(
        "mention",
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("execution_id", Key, nullable=False),
        sa.Column("entity_id", Key, nullable=False),
        sa.Column("document_id", Key, nullable=False),
        sa.Column("start", Number, nullable=False),
        sa.Column("end", Number, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "entity_id", "document_id", "start", "end", name="pk_mention"),
        sa.ForeignKeyConstraint(
            ["execution_id", "entity_id"],
            ["entity.execution_id", "entity.id"],
            ondelete="CASCADE",
            name="fk_mention_execution_id_entity_id",
        ),
        _of_execution("mention"),
    )


def _relations() -> None:
    op.create_table(
        "relation",
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("execution_id", Key, nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.Column("subject_id", Key, nullable=False),
        sa.Column("predicate", sa.Text, nullable=False),
        sa.Column("object_id", Key),
        sa.Column("literal", Document),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("flags", Document, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "id", name="pk_relation"),
        _of_execution("relation"),
    )
    for column in ("subject_id", "object_id"):
        _index("relation", "execution_id", column, "id")
    _index("relation", "id")
    op.create_table(
        "evidence",
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("execution_id", Key, nullable=False),
        sa.Column("relation_id", Key, nullable=False),
        sa.Column("document_id", Key, nullable=False),
        sa.Column("start", Number, nullable=False),
        sa.Column("end", Number, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "relation_id", "document_id", "start", "end", name="pk_evidence"),
        sa.ForeignKeyConstraint(
            ["execution_id", "relation_id"],
            ["relation.execution_id", "relation.id"],
            ondelete="CASCADE",
            name="fk_evidence_execution_id_relation_id",
        ),
        _of_execution("evidence"),
    )


def _index(table: str, *columns: str) -> None:
    op.create_index("_".join(["ix", table, *columns]), table, columns)


def _of_execution(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", "execution_id"],
        ["workflow_execution.organization_id", "workflow_execution.id"],
        ondelete="CASCADE",
        name=f"fk_{table}_organization_id_execution_id",
    )
