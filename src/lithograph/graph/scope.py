"""Scope: which executions' graphs are looked at, and the conditions that tell databases what is wanted of them.

with an execution   its graph
without one         those of all executions that no batch has begun: what these say is in their batch's graph
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, or_, select, true, tuple_

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable.executions import Execution, get
from lithograph.durable.lookup import find
from lithograph.errors import NotFoundError, UsageError
from lithograph.graph.store import fold
from lithograph.storage.columns import elements
from lithograph.storage.schema import entity, workflow_execution

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Select, Table

_EXECUTIONS: Final = 50
"""Executions whose graphs are looked at by one query."""
_LONGEST: Final = 1_000
"""Characters of what is searched for, of an IRI, or of an id."""

_x = workflow_execution.c


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an organisation's graphs are looked for."""

    connection: "Connection"
    organization_id: OrganizationId
    execution: Execution | None

    def pages(self, start: ExecutionId | None = None) -> Iterator[Sequence[ExecutionId]]:
        """Yield the executions that are looked at, newest first: `start` alone, where it is given, and those after it,
        one at first and then more and more at a time, since where little is found in each there are many.

        Raises `UsageError` for a `start` that is not among them.
        """
        if self.execution is not None:
            if start not in (None, self.execution.id):
                raise UsageError("the cursor belongs to another execution's list: begin without one")
            yield [self.execution.id]
            return
        query = select(_x.created_at, _x.id).where(_x.organization_id == self.organization_id, _x.parent_id.is_(None))
        query = query.order_by(*_newest())
        wanted: ColumnElement[bool] = true()
        if start is not None:
            wanted = _before(self._created_at(start), start)
            yield [start]
        size = 1
        while rows := self.connection.execute(query.where(wanted).limit(size)).all():
            yield [ExecutionId(row.id) for row in rows]
            wanted = _before(rows[-1].created_at, rows[-1].id)
            size = min(2 * size, _EXECUTIONS)

    def _created_at(self, execution_id: ExecutionId) -> str:
        try:
            return get(self.connection, self.organization_id, execution_id).created_at
        except NotFoundError as error:
            raise UsageError("the execution that the cursor stands at is not kept any more: begin anew") from error

    def having(self, table: "Table", wanted: str) -> list[ExecutionId]:
        """Return the executions whose graphs have a row of that id, newest first."""
        check_text(wanted, "an id")
        query = select(table.c.execution_id).where(
            table.c.id == wanted, table.c.organization_id == self.organization_id
        )
        if self.execution is not None:
            query = query.where(table.c.execution_id == self.execution.id)
        found = self.connection.execute(query).scalars().all()
        alone = _x.parent_id.is_(None) if self.execution is None else true()
        rows = self.connection.execute(select(_x.id).where(_x.id.in_(found), alone).order_by(*_newest())).scalars()
        return [ExecutionId(one) for one in rows]

    def rows(
        self,
        table: "Table",
        executions: Sequence[ExecutionId],
        *columns: Any,
        order: Sequence["ColumnElement[Any]"] = (),
        after: Sequence[Any] = (),
    ) -> "Select[Any]":
        """Return a query for rows of the graphs of some executions, joined with these: the newest execution's first,
        and of each those that are highest in `order` first; of the first one, only those below `after`.
        """
        query = select(*columns).select_from(table).join(workflow_execution, _x.id == table.c.execution_id)
        query = query.where(table.c.organization_id == self.organization_id)
        if after:
            query = query.where(tuple_(*order) < tuple_(*after))
        if len(executions) == 1:  # with an equation an index gives the order
            query = query.where(table.c.execution_id == executions[0], _x.id == executions[0])
            return query.order_by(*(column.desc() for column in order))
        # Said of both, so that either can be looked up first.
        query = query.where(table.c.execution_id.in_(executions), _x.id.in_(executions))
        return query.order_by(*_newest(), *(column.desc() for column in order))


def _newest() -> tuple["ColumnElement[Any]", ...]:
    return _x.created_at.desc(), _x.id.desc()


def _before(created_at: str, execution_id: str) -> "ColumnElement[bool]":
    # The first condition is what an index is asked for.
    older = or_(_x.created_at < created_at, _x.id < execution_id)
    return (_x.created_at <= created_at) & older


def scope_of(connection: "Connection", organization_id: OrganizationId, given: str | None) -> Scope:
    """Return where to look: in the execution whose id begins with `given`, or everywhere.

    Raises `NotFoundError` when the organisation has no such execution, `UsageError` for several or too little of an id.
    """
    if given is None:
        return Scope(connection, organization_id, None)
    check_text(given, "an id")
    return Scope(connection, organization_id, find(connection, organization_id, given))


def wanted_entities(connection: "Connection", search: str, type_: str, min_confidence: float) -> "ColumnElement[bool]":
    """Return what is true of the entities that have `search` in a name, that class among their types, and at least
    that confidence; each is left out of account where it is empty or 0.
    """
    check_text(search, "a search")
    check_text(type_, "a type")
    check_confidence(min_confidence)
    conditions: list[ColumnElement[bool]] = [entity.c.confidence >= min_confidence]
    if fold(search):
        conditions.append(entity.c.folded.contains(fold(search), autoescape=True))
    if type_:
        types = elements(connection, entity.c.types)
        conditions.append(select(types.c.value).where(types.c.value == type_).correlate(entity).exists())
    return and_(*conditions)


def check_text(given: str, what: str) -> None:
    """Raise `UsageError` for a text that no database could be asked about."""
    if len(given) > _LONGEST:
        raise UsageError(f"{what} has at most {_LONGEST:,} characters, this one has {len(given):,}")
    if "\0" in given or any("\ud800" <= character <= "\udfff" for character in given):
        raise UsageError(f"{what} cannot hold a NUL or half of a surrogate pair")


def check_confidence(given: float) -> None:
    """Raise `UsageError` for what is no confidence."""
    if not 0.0 <= given <= 1.0:
        raise UsageError(f"a confidence lies between 0 and 1, and {given} does not")
