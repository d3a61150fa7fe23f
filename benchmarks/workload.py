"""What one fresh process measures for `benchmarks.pipeline`: prints one JSON object about one workload.

    python -m benchmarks.workload '{"ontology": "demo", "texts": ["a.txt"], "copies": 1, "joined": false, "keep": true}'

`ontology` is `demo` or a file; without `texts` nothing is extracted, and without `ontology` things are only imported.
"""

import json
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import anyio
from benchmarks.standin import StandIn

from lithograph.demo import demo_ontology
from lithograph.domain.document import Document
from lithograph.domain.result import ExtractionResult
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.ontology.load import load_ontology, ontology_from_bytes
from lithograph.ontology.model import Ontology


@dataclass(frozen=True, slots=True)
class Workload:
    """Every text, `copies` times, each copy with another first line.

    `joined` makes one document of all of it; `keep` holds every result to the end, as a batch does that combines them.
    """

    ontology: str = ""
    texts: tuple[str, ...] = ()
    copies: int = 1
    joined: bool = False
    keep: bool = True


@dataclass(slots=True)
class Measured:
    """Seconds, counts and peak megabytes. `setup` is CPU time until a document of one sentence is done, with everything
    that is loaded on first use; `cpu` and `wall` are those of extraction after that, without the stand-in's own time.
    """

    setup: float = 0.0
    cpu: float = 0.0
    wall: float = 0.0
    standin_cpu: float = 0.0
    characters: int = 0
    chunks: int = 0
    mentions: int = 0
    relations: int = 0
    entities: int = 0
    peak: float = 0.0


def measure(work: Workload) -> Measured:
    """Do the work and return what it took."""
    found = Measured()
    if work.ontology:
        began = time.process_time()
        model = StandIn()
        pipeline = ExtractionPipeline(_ontology(work.ontology), model)
        anyio.run(pipeline.run, "A sentence of Ada Lovelace about Charles Babbage.")
        found.setup = time.process_time() - began
        model.cpu = model.wall = 0.0
        anyio.run(_extract, work, pipeline, model, found)
    found.peak = _peak()
    return found


def _ontology(name: str) -> Ontology:
    return ontology_from_bytes(demo_ontology(), source="demo.ttl") if name == "demo" else load_ontology(Path(name))


async def _extract(work: Workload, pipeline: ExtractionPipeline, model: StandIn, found: Measured) -> None:
    kept: list[ExtractionResult] = []
    copies = [(path, copy) for copy in range(work.copies) for path in work.texts]
    groups = [copies] if work.joined and copies else [[one] for one in copies]
    for group in groups:
        text = "\n\n".join(_text(path, copy) for path, copy in group)
        document = Document.from_text(text, source=group[0][0])
        cpu, wall = time.process_time(), time.perf_counter()
        result = await pipeline.run(document)
        found.cpu += time.process_time() - cpu
        found.wall += time.perf_counter() - wall
        found.characters += len(text)
        found.chunks += result.stats.chunks
        found.mentions += result.stats.mentions
        found.relations += result.stats.relations
        found.entities += result.stats.entities
        if work.keep:
            kept.append(result)
        del document, result, text
    found.standin_cpu = model.cpu
    found.cpu -= model.cpu
    found.wall -= model.wall


def _text(path: str, copy: int) -> str:
    return f"Copy number {copy}.\n\n{Path(path).read_text(encoding='utf-8')}"


def _peak() -> float:
    """Return the peak resident set in megabytes; Linux counts kibibytes, macOS bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / (1 << 10)


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    asked["texts"] = tuple(asked.get("texts", ()))
    told = measure(Workload(**asked))
    print(json.dumps({name: getattr(told, name) for name in Measured.__slots__}))
