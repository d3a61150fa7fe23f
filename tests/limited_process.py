"""A process that takes all it can get of a shared limit for a while, and prints when its calls began."""

import sys
import time

import anyio
import msgspec

from lithograph.resilience.limiter import RateLimiter
from lithograph.storage.open import open_storage
from lithograph.workflow.allowance import ServerAllowance, Terms


class Assignment(msgspec.Struct, frozen=True):
    """Where the limit is kept, what it is, how long its minute is, and for how many seconds to go on."""

    url: str
    key: str
    requests: int
    minute: float
    seconds: float


async def main(given: Assignment) -> None:
    began = list[float]()
    with open_storage(given.url) as storage:
        allowance = ServerAllowance(storage, given.key, Terms(given.requests, None, minute=given.minute))
        limiter = RateLimiter(concurrency=10, requests_per_minute=given.requests, allowance=allowance)

        async def call() -> None:
            while True:
                with await limiter.acquire(0) as permit:
                    began.append(time.monotonic())
                    await anyio.sleep(0.01)
                    permit.succeeded()

        with anyio.move_on_after(given.seconds):
            async with anyio.create_task_group() as tasks:
                for _ in range(15):
                    tasks.start_soon(call)
    sys.stdout.write(msgspec.json.encode(began).decode())


if __name__ == "__main__":
    anyio.run(main, msgspec.json.decode(sys.argv[1], type=Assignment))
