"""A fake model: an HTTP server that stands in for the providers of language models and embeddings.

    async with serve_fake_model(FakeModel(fail="429:0.1,timeout:0.01", latency=0.2)) as running:
        ...  # give running.url as the base URL, and any name as the model
    running.stats().by_status

It speaks as OpenAI and as Anthropic do, answers Lithograph's prompts with what the offline rules find, and fails on
purpose as it is told to; see `faults` for how. `fake_model_process` runs it in a process of its own, and
`litho fake-model` from the command line.
"""

from lithograph.testing.fake_model.engine import FakeModel
from lithograph.testing.fake_model.process import FakeModelProcess, fake_model_process
from lithograph.testing.fake_model.server import RunningFakeModel, serve_fake_model
from lithograph.testing.fake_model.stats import Stats

__all__ = [
    "FakeModel",
    "FakeModelProcess",
    "RunningFakeModel",
    "Stats",
    "fake_model_process",
    "serve_fake_model",
]
