"""``tithe serve``: the server of a federation."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tithe.cli.options import DataRoot, Overrides
from tithe.cli.screen import complain, screen

if TYPE_CHECKING:
    from tithe.build import Built
    from tithe.engines.flower.server_folder import ServerFolder
    from tithe.federation.central import Central
    from tithe.plan import Plan


def serve(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="What all have consented to.")],
    *,
    folder: Annotated[Path, typer.Option("--dir", metavar="DIR", help="The server's folder.")],
    port: Annotated[
        int, typer.Option("--port", help="Of the SuperLink, on this machine alone.")
    ] = 9091,
    at_least: Annotated[
        int, typer.Option("--at-least", min=1, help="Wait while fewer participants are there.")
    ] = 1,
    turn_seconds: Annotated[
        float, typer.Option("--turn-seconds", help="Then others go on without a slow one.")
    ] = 600.0,
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
    central = serve_until_done(
        server,
        terms_in(server, what, built.phases[0]),
        port=port,
        patience=Patience(at_least=at_least, turn_seconds=turn_seconds),
        is_over=is_over,
        tell=complain,
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


def _keep_model(server: ServerFolder, central: Central, built: Built, plan: Plan) -> None:
    from tithe.engines.flower.server_folder import keep_status, read_status
    from tithe.federation.owned import owned_folder
    from tithe.joint_model import save_joint_model
    from tithe.learning.evaluate import evaluate
    from tithe.learning.flat import write_vector

    save_joint_model(owned_folder(server.model), central.server.store, built=built, plan=plan)
    module = built.phases[0].make_module()
    write_vector(module, central.server.store.joint)
    accuracy = evaluate(module, built.test_features, built.test_labels).accuracy
    keep_status(server.path, read_status(server.path) | {"accuracy": accuracy})
    screen().print(f"Accuracy on the server's test rows: {accuracy:.4f}. {server.model}")
