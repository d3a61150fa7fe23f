"""The batch workflow: many documents as one execution, each the execution of its own extraction.

    extract/<position>        carries a document's execution to its end
    retry/<round>/<position>  does so once more, where it failed
    resolve                   finds what is one thing across documents, when all have ended

An activity of the batch is done when its child has ended, well or not, so that the batch's own journal says how many
have. When the batch ends, the documents without a whole result become failed activities: a retry runs them again.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import msgspec

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable.clock import timestamp
from lithograph.durable.executions import Execution, unowned
from lithograph.durable.run import Context, Outcome, SuspendedError, Worker, claim, run_execution
from lithograph.durable.signals import BUDGET
from lithograph.durable.status import Status
from lithograph.durable.writes import EventRow, Owner, Write
from lithograph.errors import FencedError, LithographError, StorageError, innermost
from lithograph.resolution.across import Cluster
from lithograph.storage.open import Storage
from lithograph.workflow.batch import records
from lithograph.workflow.batch.children import Children, look_at
from lithograph.workflow.batch.control import InFlight
from lithograph.workflow.batch.documents import Documents, those_at, unended
from lithograph.workflow.batch.input import BATCH, RESOLVE, RETRY, ROUNDS, BatchInput, OnFailure, listed_input_of
from lithograph.workflow.batch.journal import BatchCodec, Ended, Listed, Resolved, activity_of, place_of
from lithograph.workflow.batch.resolution import fingerprint, publish_batch, resolve_across
from lithograph.workflow.batch.tracker import BatchTracker
from lithograph.workflow.extractors import ExtractorNamed, rules_only
from lithograph.workflow.materials import ontology_of

if TYPE_CHECKING:
    from sqlalchemy import Connection


class _WaitingError(Exception):
    """A document's execution has not ended, and does not go on by itself."""

    def __init__(self, document: Listed, child: Execution) -> None:
        super().__init__(child.id)
        self.document, self.child = document, child


async def run_batch(
    worker: Worker,
    execution: Execution,
    children: Children,
    *,
    named: ExtractorNamed = rules_only,
    resume: bool = False,
) -> Status:
    """Claim a batch, carry it to its end, and return the status that it was left in; see `run_execution`.

    `children` runs the documents. Raises `StateError` while its documents are not all known, `UsageError` when the
    model cannot be had.
    """
    given = listed_input_of(execution)
    ontology = await anyio.to_thread.run_sync(ontology_of, worker.storage, execution.organization_id, given.ontology)
    named(given.choice, ontology)  # says what cannot be had
    owner = await claim(worker, execution.organization_id, execution.id, resume=resume)
    work = _Batch(worker, owner, execution, given, children)
    return await run_execution(
        worker,
        owner,
        work.workflow,
        codec=BatchCodec(),
        context="batch",
        progress=work.tracker.progress,
        workflow_type=BATCH,
    )


class _Batch:
    """One run of one batch."""

    def __init__(
        self, worker: Worker, owner: Owner, execution: Execution, given: BatchInput, children: Children
    ) -> None:
        self._worker, self._owner, self._batch, self._given = worker, owner, execution, given
        self._children, self._storage = children, worker.storage
        self.tracker = BatchTracker(given.documents or 0)
        self._in_flight = InFlight(worker, owner)
        self._context: Context
        self._begun: dict[str, str] = {}
        self._waiting: list[_WaitingError] = []
        self._stopping = False

    async def workflow(self, context: Context) -> Outcome:
        """Run what is left to run; when this is cancelled because the batch is, so is what it has begun."""
        self._context, self._waiting = context, []
        try:
            tally, percent = await anyio.to_thread.run_sync(records.standing, self._storage, self._batch)
            self.tracker.begin(tally, percent)
            self._begun = dict(tally.begun)
            self._stopping = self._stops and any(ended.status is Status.FAILED for ended in tally.failed)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._in_flight.pause_when_shut, context.activities.gate)
                outcome = await self._carry_out()
                tasks.cancel_scope.cancel()
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._in_flight.cancel_if_asked)
            raise
        except ExceptionGroup as group:
            raise innermost(group) from group
        return outcome

    @property
    def _stops(self) -> bool:
        return self._given.on_failure is OnFailure.ABORT

    async def _carry_out(self) -> Outcome:
        await self._extract()
        if self._stopping:
            return self._outcome(Status.FAILED, error=self._why_stopped())
        if self._given.on_failure is OnFailure.RETRY_FAILED:
            for round_ in range(1, ROUNDS + 1):
                await self._retry(round_)
        if self._waiting:
            raise self._suspension()
        self.tracker.stage = RESOLVE
        await self._tell("batch.resolving")
        state = await anyio.to_thread.run_sync(fingerprint, *self._place, abandon_on_cancel=True)
        found = await self._context.activities.run(RESOLVE, self._resolve, state)
        status = Status.COMPLETED_WITH_ERRORS if self.tracker.tally.unwell else Status.COMPLETED
        return self._outcome(status, found.found(), clusters=len(found.clusters))

    async def _extract(self) -> None:
        """Carry to its end every document that has not ended; where one has failed that stops the batch, only those
        that were begun before it.
        """
        if self._stopping:
            begun = sorted(position for position, round_ in map(place_of, self._begun) if not round_)
            await self._all(Documents(those_at(*self._place, begun)), 0)
            return
        if sum(self.tracker.tally.ended.values()) < self.tracker.total:
            await self._tell("batch.extracting")
        await self._all(Documents(unended(*self._place)), 0)

    async def _retry(self, round_: int) -> None:
        """Run once more what failed in the round before, but for what no other run can make better."""
        unwell = sorted(self.tracker.tally.unwell.items())
        failed = [position for position, (last, ended) in unwell if ended.retriable and last == round_ - 1]
        if failed:
            self.tracker.stage = RETRY
            await self._tell("batch.retrying", round=round_, documents=len(failed))
            await self._all(Documents(those_at(*self._place, failed)), round_)

    async def _all(self, documents: Documents, round_: int) -> None:
        """Carry documents to their ends, so many at once, until one of them stops the batch."""
        stopped_before = self._stopping

        async def take() -> None:
            while stopped_before or not self._stopping:
                document = await documents.next()
                if document is None:
                    return
                await self._one(document, round_)

        async with anyio.create_task_group() as tasks:
            for _ in range(self._given.at_once):
                tasks.start_soon(take)

    async def _one(self, document: Listed, round_: int) -> None:
        name = activity_of(document.position, round_)

        async def carry(given: Listed) -> Ended:
            self.tracker.began(given.position)
            try:
                ended = await self._end(given, name)
            except BaseException:
                self.tracker.left(given.position)
                raise
            self.tracker.ended(round_, ended)
            return ended

        try:
            ended = await self._context.activities.run(name, carry, document)
        except _WaitingError as waiting:
            self._waiting.append(waiting)
        else:
            self._stopping = self._stopping or (self._stops and ended.status is Status.FAILED)

    async def _end(self, document: Listed, name: str) -> Ended:
        """Return how a document ends; raise `_WaitingError` when it does not."""
        if document.execution is None:
            return Ended(document.position, document.source, Status.FAILED, error=document.error)
        try:
            child = await self._carry(document, document.execution, name)
        except (FencedError, StorageError):
            raise
        except LithographError as error:
            return Ended(document.position, document.source, Status.FAILED, document.execution, str(error))
        if not child.status.terminal:
            raise _WaitingError(document, child)
        return await anyio.to_thread.run_sync(records.ended, self._storage, self._batch, document, child)

    async def _carry(self, document: Listed, execution_id: ExecutionId, name: str) -> Execution:
        look = partial(look_at, self._storage, self._batch.organization_id, execution_id)
        child = await anyio.to_thread.run_sync(look)
        since = self._begun.get(name)
        if child.status in (Status.COMPLETED, Status.CANCELLED):
            return child
        if child.status.terminal and since is not None and (child.completed_at or "") >= since:
            return child  # it ended after this activity had begun, in a process that died before it could say so
        if unowned(child, timestamp(self._worker.clock.now())):
            child = await anyio.to_thread.run_sync(records.adopt, self._storage, self._given, document, child)
        return await self._in_flight.carried(child, self._children.carry(child))

    async def _resolve(self, state: str) -> Resolved:  # noqa: ARG002  # the graphs are read from where they are
        return Resolved.of(await anyio.to_thread.run_sync(resolve_across, *self._place, abandon_on_cancel=True))

    @property
    def _place(self) -> tuple[Storage, OrganizationId, ExecutionId]:
        return self._storage, self._batch.organization_id, self._batch.id

    def _why_stopped(self) -> str:
        first = next(ended for ended in self.tracker.tally.failed if ended.status is Status.FAILED)
        return f"no other document was begun after {first.source} had failed: {first.error}"

    def _suspension(self) -> SuspendedError:
        first, others = self._waiting[0], len(self._waiting) - 1
        also = f", and {others:,} more" if others else ""
        reason = f"{first.document.source} is {first.child.status}{also}: {first.child.error or 'no reason is known'}"
        budget = any(one.child.waiting_for == BUDGET for one in self._waiting)
        return SuspendedError(reason, BUDGET if budget else None)

    def _outcome(self, status: Status, merged: Sequence[Cluster] = (), **said: object) -> Outcome:
        unwell = [ended for _, ended in self.tracker.tally.unwell.values()]
        output = {"documents": self.tracker.total, **said, **self.tracker.progress()}

        def publish(connection: "Connection") -> None:
            publish_batch(connection, self._batch.organization_id, self._batch.id, merged)
            records.leave_to_retry(connection, self._batch.id, unwell)

        return Outcome(status, output, publish)

    async def _tell(self, kind: str, **said: object) -> None:
        payload = msgspec.json.encode({**said, **self.tracker.progress()}).decode()
        await self._context.writer.commit(Write(self._owner, events=(EventRow(kind, payload),)))
