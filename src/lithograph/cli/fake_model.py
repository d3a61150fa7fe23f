"""`litho fake-model`: a stand-in for the model providers, to try and to test against without a key or a bill."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lithograph.cli.errors import ExitCode
from lithograph.cli.output import write_stdout

if TYPE_CHECKING:
    from lithograph.testing.fake_model import FakeModel


def fake_model(
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65_535, help="Where to listen; 0 is any free port.")] = 0,
    host: Annotated[str, typer.Option(metavar="H", help="The address to listen on.")] = "127.0.0.1",
    latency: Annotated[float, typer.Option(metavar="S", min=0.0, help="Seconds from a request to its answer.")] = 0.0,
    fail: Annotated[
        str,
        typer.Option(
            metavar="SPEC",
            help="What goes wrong, and how often: 429:0.05,timeout:0.01,seed=7 or outage=10-30 or rpm=600, for "
            "instance. A SPEC that is not understood is answered with all the kinds.",
            show_default="nothing",
        ),
    ] = "",
    ontology: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="An ontology that prompts will be about; may be given several times.",
            show_default="the demo's",
        ),
    ] = None,
    key: Annotated[
        str, typer.Option(metavar="KEY", help="The key that requests must have.", show_default="none is needed")
    ] = "",
) -> int:
    """Answer like OpenAI and Anthropic, with what the offline rules find, until it is interrupted.

    The line that it prints is for --base-url.
    """
    import anyio

    from lithograph.ontology.load import load_ontology
    from lithograph.testing.fake_model import FakeModel
    from lithograph.testing.fake_model.loop import precise_loop

    ontologies = [load_ontology(path) for path in ontology or ()]
    model = FakeModel(ontologies, latency=latency, fail=fail, key=key)
    anyio.run(_serve, model, host, port, backend_options={"loop_factory": precise_loop})
    return ExitCode.COMPLETED


async def _serve(model: "FakeModel", host: str, port: int) -> None:
    import anyio

    from lithograph.testing.fake_model import serve_fake_model

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with serve_fake_model(model, host=host, port=port) as running:
            write_stdout(f"{running.url}\n".encode())
            async for _ in signals:
                break
