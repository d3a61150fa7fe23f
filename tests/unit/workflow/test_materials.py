"""Documents that two are given at the same time, in another order."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from tests.journals import ORGANIZATION, SetClock

from lithograph.domain.document import Document
from lithograph.durable.clock import timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.storage.open import Storage
from lithograph.workflow.materials import keep_documents, keep_on

if TYPE_CHECKING:
    from sqlalchemy import Connection

CLOCK = SetClock()
NOW, LONG_AGO = timestamp(CLOCK.now()), timestamp(CLOCK.now() - 3 * 86_400.0)
DOCUMENTS = [
    Document.from_text(f"Number {number}.", source=f"{number}.txt", organization_id=ORGANIZATION)
    for number in range(200)
]
Work = Callable[["Connection", list[Document]], None]


def keep(connection: "Connection", documents: list[Document]) -> None:
    keep_documents(connection, documents, NOW)


def stay(connection: "Connection", documents: list[Document]) -> None:
    keep_on(connection, ORGANIZATION, [document.id for document in documents], NOW)


@pytest.mark.parametrize(("there", "work"), [(False, keep), (True, keep), (True, stay)])
def test_two_at_once_do_not_wait_for_each_other(there: bool, work: Work, storage: Storage) -> None:
    if there:
        with transaction(storage, ORGANIZATION, Transaction.START) as connection:
            keep_documents(connection, DOCUMENTS, LONG_AGO)
    together = Barrier(2)

    def given(order: int) -> None:
        together.wait()
        with transaction(storage, ORGANIZATION, Transaction.START) as connection:
            work(connection, DOCUMENTS[::order])

    with ThreadPoolExecutor() as threads:
        for done in [threads.submit(given, order) for order in (1, -1)]:
            done.result()
