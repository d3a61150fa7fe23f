"""The schema, once, for SQLite and PostgreSQL.

    organization --- document --- ontology            what was given
        |
        |--- api_key                                  who may act for it over HTTP
        |--- spending                                 what it has spent, in a row for each of many writers
    workflow_execution                                one piece of work: its status, its owner, its epoch
        |--- batch_document                           what a batch is made of
        |--- start_key                                what somebody called the start of it, so that it is started once
        |--- workflow_activity                        the journal: what each named activity gave
        |--- workflow_event                           what happened, numbered without gaps
        |--- workflow_signal                          what people ask of it while it runs
    response_cache                                    answers that were paid for, by the whole request
    entity --- mention                                the published graph
    relation --- evidence

Every row names its organisation. Keys are compared byte for byte. Times are UTC: `timestamptz` on PostgreSQL, ISO 8601
text on SQLite. JSON columns are JSONB on PostgreSQL. Tables are changed by migrations only; a test compares them with
what stands here.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    column,
)

from lithograph.storage.columns import Document, Key, Number, Time

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _organization() -> Column[str]:
    return Column("organization_id", Key, nullable=False)


_EXECUTION = ("workflow_execution.organization_id", "workflow_execution.id")


def _of_execution() -> ForeignKeyConstraint:
    """Nothing of one organisation can belong to an execution of another, whoever writes it."""
    return ForeignKeyConstraint(["organization_id", "execution_id"], _EXECUTION, ondelete="CASCADE")


organization = Table(
    "organization",
    metadata,
    Column("id", Key, primary_key=True),
    Column("created_at", Time, nullable=False),
    Column("max_tokens", Number),
    Column("max_cost_usd", Float),
)

api_key = Table(
    "api_key",
    metadata,
    _organization(),
    Column("id", Key, nullable=False),
    Column("name", Text, nullable=False),
    Column("hash", Key, nullable=False),
    Column("scopes", Document, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time),
    Column("revoked_at", Time),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("hash"),
    Index(None, "organization_id"),
    ForeignKeyConstraint(["organization_id"], ["organization.id"], ondelete="CASCADE"),
)

spending = Table(
    "spending",
    metadata,
    _organization(),
    Column("slot", Integer, nullable=False),
    Column("tokens", Number, nullable=False),
    Column("cost_usd", Float, nullable=False),
    PrimaryKeyConstraint("organization_id", "slot"),
)

document = Table(
    "document",
    metadata,
    _organization(),
    Column("id", Key, nullable=False),
    Column("sha256", Key, nullable=False),
    Column("source", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    PrimaryKeyConstraint("id"),
    Index(None, "organization_id", "sha256"),
    Index(None, "organization_id", "created_at"),
)

ontology = Table(
    "ontology",
    metadata,
    _organization(),
    Column("content_hash", Key, nullable=False),
    Column("source", Text, nullable=False),
    Column("body", Document, nullable=False),
    Column("created_at", Time, nullable=False),
    PrimaryKeyConstraint("organization_id", "content_hash"),
)

workflow_execution = Table(
    "workflow_execution",
    metadata,
    _organization(),
    Column("id", Key, primary_key=True),
    Column("workflow_type", Key, nullable=False),
    Column("workflow_version", Integer, nullable=False),
    Column("status", Key, nullable=False),
    Column("input", Document, nullable=False),
    Column("output", Document),
    Column("error", Text),
    Column("idempotency_key", Key, nullable=False),
    Column("parent_id", Key),
    Column("last_activity_name", Text),
    Column("last_seq", Number, nullable=False, server_default="0"),
    Column("epoch", Number, nullable=False, server_default="0"),
    Column("lease_owner", Text),
    Column("lease_expires_at", Time),
    Column("recovery_count", Integer, nullable=False, server_default="0"),
    Column("waiting_for", Key),
    Column("spent_tokens", Number, nullable=False, server_default="0"),
    Column("spent_cost_usd", Float, nullable=False, server_default="0"),
    Column("created_at", Time, nullable=False),
    Column("started_at", Time),
    Column("updated_at", Time, nullable=False),
    Column("completed_at", Time),
    UniqueConstraint("organization_id", "id"),  # what belongs to an execution refers to both
    UniqueConstraint("organization_id", "workflow_type", "idempotency_key"),
    Index(None, "organization_id", "created_at"),
    Index(
        "ix_workflow_execution_own_created_at",
        "organization_id",
        "created_at",
        sqlite_where=column("parent_id").is_(None),
        postgresql_where=column("parent_id").is_(None),
    ),
    Index(
        "ix_workflow_execution_own_status_created_at",
        "organization_id",
        "status",
        "created_at",
        sqlite_where=column("parent_id").is_(None),
        postgresql_where=column("parent_id").is_(None),
    ),
    Index(None, "parent_id", "status"),
    # What a sweep looks through. What a worker writes all the time, the lease and when, is in no index, so that
    # PostgreSQL need not write to all of them.
    Index(
        "ix_workflow_execution_unended",
        "status",
        "waiting_for",
        "parent_id",
        sqlite_where=column("completed_at").is_(None),
        postgresql_where=column("completed_at").is_(None),
    ),
)

batch_document = Table(
    "batch_document",
    metadata,
    _organization(),
    Column("batch_id", Key, nullable=False),
    Column("position", Number, nullable=False),
    Column("source", Text, nullable=False),
    Column("execution_id", Key),
    Column("error", Text),
    PrimaryKeyConstraint("batch_id", "position"),
    Index(None, "execution_id"),
    ForeignKeyConstraint(["organization_id", "batch_id"], _EXECUTION, ondelete="CASCADE"),
)

start_key = Table(
    "start_key",
    metadata,
    _organization(),
    Column("key", Key, nullable=False),
    Column("fingerprint", Key, nullable=False),
    Column("execution_id", Key, nullable=False),
    Column("created_at", Time, nullable=False),
    PrimaryKeyConstraint("organization_id", "key"),
    Index(None, "execution_id"),
    _of_execution(),
)

workflow_activity = Table(
    "workflow_activity",
    metadata,
    _organization(),
    Column("execution_id", Key, nullable=False),
    Column("activity_name", Key, nullable=False),
    Column("status", Key, nullable=False),
    Column("input_hash", Text, nullable=False),
    Column("result", Document),
    Column("error", Text),
    Column("attempt", Integer, nullable=False),
    Column("usage", Document),
    Column("epoch", Number, nullable=False),
    Column("started_at", Time),
    Column("completed_at", Time),
    Column("duration_ms", Float),
    PrimaryKeyConstraint("execution_id", "activity_name"),
    _of_execution(),
)

workflow_signal = Table(
    "workflow_signal",
    metadata,
    _organization(),
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("execution_id", Key, nullable=False),
    Column("signal_name", Text, nullable=False),
    Column("client_key", Key, nullable=False),
    Column("payload", Document),
    Column("created_at", Time, nullable=False),
    Column("delivered_at", Time),
    Column("acknowledged", Boolean, nullable=False, server_default="0"),
    UniqueConstraint("execution_id", "client_key"),
    Index(None, "execution_id", "acknowledged"),
    _of_execution(),
)

workflow_event = Table(
    "workflow_event",
    metadata,
    _organization(),
    Column("execution_id", Key, nullable=False),
    Column("seq", Number, nullable=False),
    Column("type", Text, nullable=False),
    Column("payload", Document, nullable=False),
    Column("created_at", Time, nullable=False),
    PrimaryKeyConstraint("execution_id", "seq"),
    _of_execution(),
    sqlite_with_rowid=False,  # its rows are short and come in order: the index is all there has to be
)

response_cache = Table(
    "response_cache",
    metadata,
    _organization(),
    Column("key", Key, nullable=False),
    Column("response", Document, nullable=False),
    Column("created_at", Time, nullable=False),
    PrimaryKeyConstraint("organization_id", "key"),
)

entity = Table(
    "entity",
    metadata,
    _organization(),
    Column("execution_id", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("label", Text, nullable=False),
    Column("types", Document, nullable=False),
    Column("aliases", Document, nullable=False),
    Column("attributes", Document, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("folded", Text, nullable=False),  # its names as they are searched, a line for each
    Column("mentions", Number, nullable=False),
    Column("relations", Number, nullable=False),  # of how many it is an end
    PrimaryKeyConstraint("execution_id", "id"),
    Index(None, "execution_id", "relations", "id"),
    Index(None, "id"),
    _of_execution(),
)

mention = Table(
    "mention",
    metadata,
    _organization(),
    Column("execution_id", Key, nullable=False),
    Column("entity_id", Key, nullable=False),
    Column("document_id", Key, nullable=False),
    Column("start", Number, nullable=False),
    Column("end", Number, nullable=False),
    Column("text", Text, nullable=False),
    Column("confidence", Float, nullable=False),
    PrimaryKeyConstraint("execution_id", "entity_id", "document_id", "start", "end"),
    ForeignKeyConstraint(["execution_id", "entity_id"], ["entity.execution_id", "entity.id"], ondelete="CASCADE"),
    _of_execution(),
)

relation = Table(
    "relation",
    metadata,
    _organization(),
    Column("execution_id", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("subject_id", Key, nullable=False),
    Column("predicate", Text, nullable=False),
    Column("object_id", Key),
    Column("literal", Document),
    Column("confidence", Float, nullable=False),
    Column("flags", Document, nullable=False),
    PrimaryKeyConstraint("execution_id", "id"),
    Index(None, "execution_id", "subject_id", "id"),
    Index(None, "execution_id", "object_id", "id"),
    Index(None, "id"),
    _of_execution(),
)

evidence = Table(
    "evidence",
    metadata,
    _organization(),
    Column("execution_id", Key, nullable=False),
    Column("relation_id", Key, nullable=False),
    Column("document_id", Key, nullable=False),
    Column("start", Number, nullable=False),
    Column("end", Number, nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("execution_id", "relation_id", "document_id", "start", "end"),
    ForeignKeyConstraint(["execution_id", "relation_id"], ["relation.execution_id", "relation.id"], ondelete="CASCADE"),
    _of_execution(),
)
