"""``tithe serve``: the server of a federation."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tithe.cli.options import DataRoot, Overrides
from tithe.cli.screen import complain, screen

if TYPE_CHECKING:
    from torch import Tensor

    from tithe.build import Built
    from tithe.engines.flower.server_folder import ServerFolder
    from tithe.federation.central import Central
    from tithe.federation.watch import Measure
    from tithe.learning.evaluate import Quality
    from tithe.plan import Plan

_PAGE_PORT = 9092


def serve(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="What all have consented to.")],
    *,
    folder: Annotated[Path, typer.Option("--dir", metavar="DIR", help="The server's folder.")],
    port: Annotated[
        int, typer.Option("--port", help="Of the SuperLink, on this machine alone.")
    ] = 9091,
    relay: Annotated[
        Path | None,
        typer.Option(
            "--relay", metavar="SOCKET", help="Let `flwr run` at your SuperLink carry messages."
        ),
    ] = None,
    at_least: Annotated[
        int, typer.Option("--at-least", min=1, help="Wait while fewer participants are there.")
    ] = 1,
    turn_seconds: Annotated[
        float, typer.Option("--turn-seconds", help="Then others go on without a slow one.")
    ] = 600.0,
    page_port: Annotated[
        int | None,
        typer.Option(
            "--page-port", min=0, max=65535, help="Of the status page, on this machine; else 9092."
        ),
    ] = None,
    has_page: Annotated[
        bool, typer.Option("--page/--no-page", help="Serve a status page to this machine.")
    ] = True,
    overrides: Overrides = None,
    root: DataRoot = None,
) -> None:
    """Train with the participants that are enrolled, until the plan is carried out.

    Stopped or killed, the same command goes on where it was.
    """
    from tithe.build import build
    from tithe.engines.flower.server_folder import ServerFolder
    from tithe.engines.flower.serving import serve as serve_until_done
    from tithe.engines.flower.serving import terms_in
    from tithe.federation.attendance import Patience
    from tithe.plan import load_plan

    is_over = over_at_signals()
    what = load_plan(plan, overrides or [])
    built = build(what, data_root=root)
    server = ServerFolder.at(folder)
    terms = terms_in(server, what, built.phases[0])
    with _page(server, page_port, is_wanted=has_page):
        central = serve_until_done(
            server,
            terms,
            port=port,
            relay=relay,
            patience=Patience(at_least=at_least, turn_seconds=turn_seconds),
            measure=_measure_of(built),
            judge=_measure_of(built),
            is_over=is_over,
            tell=complain,
            report=lambda sentence: screen().print(sentence, soft_wrap=True),
        )
    if is_over.is_set():
        screen().print("Stopped; the same command goes on from here.")
        return
    _keep_model(server, central, built, what)


def over_at_signals() -> threading.Event:
    """Set at the first SIGINT or SIGTERM; the second ends the process the system's way."""
    is_over = threading.Event()

    def note(number: int, _: object) -> None:
        is_over.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    return is_over


@contextlib.contextmanager
def _page(server: ServerFolder, port: int | None, *, is_wanted: bool) -> Iterator[None]:
    """The status page while the server runs; on the port that was named, or on any."""
    from tithe.engines.flower.server_page import ServerPage
    from tithe.federation.page_server import served

    if not is_wanted:
        yield
        return
    wanted = _PAGE_PORT if port is None else port
    with served(ServerPage(server.path), port=wanted, is_strict=port is not None) as address:
        screen().print(f"Status page, for this machine alone: {address}", soft_wrap=True)
        yield


def _measure_of(built: Built) -> Measure:
    """The joint model's quality on the plan's test rows, which the server has."""
    from tithe.learning.evaluate import evaluate
    from tithe.learning.flat import write_vector

    module = built.phases[0].make_module()

    def measure(joint: Tensor) -> Quality:
        write_vector(module, joint)
        return evaluate(module, built.test_features, built.test_labels)

    return measure


def _keep_model(server: ServerFolder, central: Central, built: Built, plan: Plan) -> None:
    from tithe.engines.flower.server_folder import keep_status, read_status
    from tithe.federation.history import History
    from tithe.federation.owned import owned_folder
    from tithe.joint_model import save_joint_model
    from tithe.report.federation_facts import Facts

    save_joint_model(owned_folder(server.model), central.server.store, built=built, plan=plan)
    quality = _measure_of(built)(central.server.store.joint)
    status = read_status(server.path) | {"accuracy": quality.accuracy}
    keep_status(server.path, status)
    History(server.path).measured(
        round_=plan.exchange.rounds,
        uploads=Facts(status, (), ()).num_applied,
        accuracy=quality.accuracy,
        loss=quality.loss,
    )
    console = screen()
    console.print(f"Accuracy on the server's test rows: {quality.accuracy:.4f}.")
    console.print(f"The trained network: {server.model}", soft_wrap=True)
