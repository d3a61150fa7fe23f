"""The process that `benchmarks.peers` measures: another tool reads the paragraphs of a folder, each as one chunk.

    python -P benchmarks/peer_run.py                    prints which tools this interpreter has, and their versions
    python -P benchmarks/peer_run.py '{"tool": ...}'    carries out an `Assignment` and writes an `Outcome`

It imports nothing of Lithograph, since the tools may live in an interpreter of their own. Every tool is used as its
manual says, with its defaults, except that it may make `concurrency` calls at once and chunks where it is told to.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

MODEL, KEY, DIMENSIONS = "fake", "none", 256
OUTCOME = "outcome.json"

Work = Callable[[], int]
"""Reads the texts, and returns `Outcome.kept`."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What to run. `state` is a folder for the outcome, and for what a tool needs to go on where another run ended."""

    tool: str
    texts: str
    base_url: str
    concurrency: int
    state: str

    @property
    def documents(self) -> list[str]:
        """The texts."""
        return [path.read_text(encoding="utf-8").strip() for path in sorted(Path(self.texts).glob("*.txt"))]

    @property
    def chunks(self) -> list[str]:
        """Their paragraphs."""
        return [paragraph for text in self.documents for paragraph in text.split("\n\n")]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: seconds without imports, megabytes, and how many chunks the tool says are in its graph."""

    wall: float
    cpu: float
    peak: float
    kept: int


class Tool(NamedTuple):
    """What makes a tool ready to begin, and the distributions it needs, the one whose version counts first."""

    ready: Callable[[Assignment], Work]
    needs: tuple[str, ...]


def langchain(given: Assignment) -> Work:
    """LangChain's transformer, asked for each chunk: it does not bound the calls at once, so its caller does."""
    document = import_module("langchain_core.documents").Document
    model = import_module("langchain_openai").ChatOpenAI(model=MODEL, base_url=given.base_url, api_key=KEY)
    transformer = import_module("langchain_experimental.graph_transformers").LLMGraphTransformer(llm=model)
    documents = [document(page_content=text) for text in given.chunks]

    async def work() -> int:
        free = asyncio.Semaphore(given.concurrency)

        async def transformed(one: object) -> int:
            async with free:
                return len(await transformer.aconvert_to_graph_documents([one]))

        return sum(await asyncio.gather(*map(transformed, documents)))

    return lambda: asyncio.run(work())


def llama_index(given: Assignment) -> Work:
    """llama-index's index with the extractors that it takes by default, and without vectors of the nodes."""
    core = import_module("llama_index.core.indices.property_graph")
    node = import_module("llama_index.core.schema").TextNode
    model = import_module("llama_index.llms.openai_like").OpenAILike(
        model=MODEL, api_base=given.base_url, api_key=KEY, is_chat_model=True
    )
    simple = core.SimpleLLMPathExtractor(llm=model, num_workers=given.concurrency)
    extractors = [simple, core.ImplicitPathExtractor()]
    nodes = [node(text=text) for text in given.chunks]

    def work() -> int:
        index = core.PropertyGraphIndex(nodes=nodes, llm=model, kg_extractors=extractors, embed_kg_nodes=False)
        return len(index.property_graph_store.get_llama_nodes([one.node_id for one in nodes]))

    return work


def neo4j(given: Assignment) -> Work:
    """neo4j-graphrag's extractor as its SimpleKGPipeline sets it up, over all chunks together; nothing is written."""
    extractors = import_module("neo4j_graphrag.components.entity_relation_extractor")
    types = import_module("neo4j_graphrag.components.types")
    extractor = extractors.LLMEntityRelationExtractor(
        llm=import_module("neo4j_graphrag.llm").OpenAILLM(MODEL, base_url=given.base_url, api_key=KEY),
        on_error=extractors.OnError.IGNORE,
        max_concurrency=given.concurrency,
        use_structured_output=True,
    )
    chunks = [types.TextChunk(text=text, index=index) for index, text in enumerate(given.chunks)]

    async def work() -> int:
        graph = await extractor.run(chunks=types.TextChunks(chunks=chunks))
        return sum(node.label == "Chunk" for node in graph.nodes)

    return lambda: asyncio.run(work())


def lightrag(given: Assignment) -> Work:
    """LightRAG with its files in `state`, and with words for tokens, since its own tokenizer would be downloaded."""
    utils, openai = import_module("lightrag.utils"), import_module("lightrag.llm.openai")
    server = {"base_url": given.base_url, "api_key": KEY}
    vectors = partial(openai.openai_embed.func, model=MODEL, **server)
    rag = import_module("lightrag").LightRAG(
        working_dir=given.state,
        llm_model_func=partial(openai.openai_complete_if_cache, MODEL, **server),
        llm_model_name=MODEL,
        llm_model_max_async=given.concurrency,
        embedding_func=utils.EmbeddingFunc(embedding_dim=DIMENSIONS, func=vectors),
        tokenizer=utils.Tokenizer(MODEL, SimpleNamespace(encode=str.split, decode=" ".join)),
    )

    async def work() -> int:
        await rag.initialize_storages()
        documents = given.documents
        names = [f"document-{number}.txt" for number in range(len(documents))]
        await rag.ainsert(documents, "\n\n", split_by_character_only=True, file_paths=names)
        statuses = await rag.get_processing_status()
        await rag.finalize_storages()
        return int(statuses["processed"]) * len(given.chunks) // len(documents)

    return lambda: asyncio.run(work())


TOOLS = {
    "LangChain LLMGraphTransformer": Tool(langchain, ("langchain-experimental", "langchain-openai")),
    "llama-index PropertyGraphIndex": Tool(llama_index, ("llama-index-core", "llama-index-llms-openai-like")),
    "neo4j-graphrag extractor": Tool(neo4j, ("neo4j-graphrag", "openai")),
    "LightRAG": Tool(lightrag, ("lightrag-hku", "openai")),
}


def installed() -> dict[str, str]:
    """Return the versions of the tools that are here with all that they need."""
    found = {}
    for name, tool in TOOLS.items():
        with suppress(PackageNotFoundError):
            versions = [version(needed) for needed in tool.needs]
            found[name] = versions[0]
    return found


def main(arguments: Sequence[str]) -> None:
    if not arguments:
        sys.stdout.write(json.dumps(installed()))
        return
    given = Assignment(**json.loads(arguments[0]))
    work = TOOLS[given.tool].ready(given)
    wall, cpu = time.perf_counter(), time.process_time()
    kept = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    outcome = Outcome(wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, kept)
    Path(given.state, OUTCOME).write_text(json.dumps(asdict(outcome)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
