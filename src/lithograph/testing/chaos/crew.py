"""The crew: so many workers, each of which is replaced when it has gone, and what is known of every one there was."""

import random
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Self

from lithograph.errors import UsageError
from lithograph.testing.chaos.work import KEY
from lithograph.testing.workers import WorkerProcess

_TROUBLES: Final = 10
"""With so many of them, a worker that does not begin ends it all."""
_USUAL: Final = ("working as ", "stopped;")
_DEFECT: Final = "was left by a defect"
_TRACEBACK: Final = "Traceback (most recent call last)"


@dataclass(slots=True)
class Place:
    """A worker's place in the crew: `worker` is who has it now, `changing` what is done about it meanwhile."""

    number: int
    key: str = ""
    worker: WorkerProcess | None = None
    frozen: bool = False
    changing: "Future[None] | None" = None

    @property
    def settled(self) -> bool:
        """Whether somebody is at work there, as far as we have let it."""
        return self.worker is not None and not self.frozen and self.changing is None


@dataclass(slots=True)
class Crew:
    """Starts workers with `make`, which is given the key that tells a worker's calls from another's."""

    size: int
    make: Callable[[Mapping[str, str]], WorkerProcess]
    troubles: list[str] = field(default_factory=list)
    """What a worker did that no worker should do."""
    stops: list[float] = field(default_factory=list)
    """Seconds that every worker took to end when it was asked to."""
    started: int = 0
    places: list[Place] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """What those who have gone had to say, beyond that they began and ended."""
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(16, "crew"))

    def __enter__(self) -> Self:
        self.places = [Place(number + 1) for number in range(self.size)]
        for place in self.places:
            self._replace(place)
        return self

    def __exit__(self, *raised: object) -> None:
        for place in self.places:
            if place.worker is not None:
                place.worker.kill()  # one that is only beginning is then told that it did not
        self._pool.shutdown()
        for place in self.places:
            if place.worker is not None:
                place.worker.kill()

    @property
    def ready(self) -> bool:
        """Whether somebody is at work everywhere."""
        return all(place.settled for place in self.places)

    def look(self) -> None:
        """Take note of what has become of everybody, and start a worker wherever one has gone."""
        for place in self.places:
            if place.changing is not None and place.changing.done():
                place.changing.result()
                place.changing = None
            if place.changing is not None:
                continue
            if place.worker is not None and not place.worker.alive:
                self._gone(place, f"worker {place.number} ended by itself: {_last(place.worker.said)}")
            if place.worker is None:
                self._replace(place)

    def anybody(self, chance: random.Random, fit: Callable[[Place], bool]) -> Place | None:
        """Return a place where somebody is at work, None when there is none for which `fit` is true."""
        found = [place for place in self.places if place.settled and fit(place)]
        return chance.choice(found) if found else None

    def kill(self, place: Place) -> None:
        """Kill who is there."""
        if place.worker is not None:
            place.worker.kill()
            self._gone(place)

    def stop(self, place: Place) -> None:
        """Ask who is there to end."""
        worker = place.worker
        if worker is not None:
            place.changing = self._pool.submit(self._stop, place, worker)

    def _stop(self, place: Place, worker: WorkerProcess) -> None:
        self.stops.append(worker.stop())
        ended_well = worker.status == 0
        self._gone(place, "" if ended_well else f"worker {place.number} did not end well: {_last(worker.said)}")

    def dismiss(self) -> None:
        """Ask everybody to end, and return when they have."""
        for place in self.places:
            if place.changing is not None:
                place.changing.result()
        for place in self.places:
            self.stop(place)
        for place in self.places:
            if place.changing is not None:
                place.changing.result()

    def _replace(self, place: Place) -> None:
        self.started += 1
        place.key, place.frozen = f"worker-{place.number}-{self.started}", False
        place.worker = self.make({KEY: place.key})
        place.changing = self._pool.submit(self._start, place, place.worker)

    def _start(self, place: Place, worker: WorkerProcess) -> None:
        try:
            worker.start()
        except UsageError as error:
            if len(self.troubles) >= _TROUBLES:
                raise
            self._gone(place, f"worker {place.number}: {error}")

    def _gone(self, place: Place, trouble: str = "") -> None:
        said = place.worker.said if place.worker is not None else ""
        place.worker = None
        self.said += [line for line in said.splitlines() if not line.startswith(_USUAL)]
        if trouble:
            self.troubles.append(trouble)
        if _DEFECT in said:
            self.troubles.append(f"worker {place.number} said: {said[max(0, said.index(_DEFECT) - 80) :][:400]}")
        if _TRACEBACK in said:
            self.troubles.append(f"worker {place.number} printed a traceback: {said[said.index(_TRACEBACK) :][:3_000]}")


def _last(said: str) -> str:
    lines = said.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
