"""How many steps DBOS records in a second, for `benchmarks.journal --peers`: prints two numbers, in turn and at once.

    python benchmarks/dbos_rates.py FOLDER STEPS CONCURRENT

It needs nothing of this project, so that it runs in whatever environment DBOS is installed in.
"""

import asyncio
import importlib
import sys
import time

RESULT = "x" * 2_000


def main(folder: str, steps: int, concurrent: int) -> None:
    dbos = importlib.import_module("dbos").DBOS
    dbos(config={"name": "rates", "system_database_url": f"sqlite:///{folder}/dbos.sqlite", "log_level": "ERROR"})

    @dbos.step()  # type: ignore[untyped-decorator]  # it is imported where it is installed
    async def step(number: int) -> str:  # noqa: ARG001  # all are alike
        return RESULT

    @dbos.workflow()  # type: ignore[untyped-decorator]
    async def in_turn(count: int) -> None:
        for number in range(count):
            await step(number)

    @dbos.workflow()  # type: ignore[untyped-decorator]
    async def at_once(count: int, width: int) -> None:
        for first in range(0, count, width):
            await asyncio.gather(*(step(number) for number in range(first, first + width)))

    async def rate(workflow: object, *arguments: int) -> float:
        began = time.perf_counter()
        handle = await dbos.start_workflow_async(workflow, *arguments)
        await handle.get_result()
        return arguments[0] / (time.perf_counter() - began)

    async def measure() -> None:
        print(await rate(in_turn, steps), await rate(at_once, steps, concurrent))

    dbos.launch()
    asyncio.run(measure())
    dbos.destroy()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
