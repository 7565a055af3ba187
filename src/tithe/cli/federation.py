"""``tithe federation demo``: a server and three participants, each a process of its own."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import typer
from rich.live import Live

from tithe.cli.consent import consent
from tithe.cli.enrol import enrol
from tithe.cli.exit_codes import in_sentences
from tithe.cli.keys import keys
from tithe.cli.options import Out
from tithe.cli.screen import complain, screen
from tithe.cli.status import server_table

_PLAN = """
name = "federation-demo"
[data]
set = "digits"
[partition]
participants = 3
[sharing]
theta_u = 0.1
[exchange]
rounds = 10
[baselines]
centralised = false
standalone = 0
"""
_POLICY = """
# Plain values may leave: this is a demonstration on public rows.
unit = "none"
theta_u = 0.1
secure_noise = false
epsilon = 1000.0
"""
_NAMES = ("north", "east", "south")
_MOST_SECONDS = 600.0

federation = typer.Typer(help="Try a federation on one machine.", no_args_is_help=True)


@federation.callback()
def federations() -> None:
    """Try a federation on one machine."""


def demo(out: Out = None) -> None:
    """Train one network with three participants, as separate processes with folders of their own.

    A SuperLink with TLS and node keys carries the messages. At the end there is a page with what
    the server saw and what each participant saw.
    """
    from tithe.cli.run_folder import free_folder
    from tithe.engines.flower.demo_page import PAGE, write_demo_page
    from tithe.engines.flower.server_folder import read_status
    from tithe.engines.flower.superlink import free_port
    from tithe.federation.owned import owned_folder

    folder = owned_folder((out or free_folder("federation-demo")).resolve())
    (folder / "plan.toml").write_text(_PLAN)
    (folder / "policy.toml").write_text(_POLICY)
    server = folder / "server"
    _prepare(folder, server)
    port, page_port = free_port(), free_port()
    screen().print(f"Status page until the end: http://127.0.0.1:{page_port}/\n", soft_wrap=True)
    with contextlib.ExitStack() as stack:
        pages = ("--page-port", page_port)
        arguments = (folder / "plan.toml", "--dir", server, "--port", port, *pages)
        serving = stack.enter_context(_started(folder, "server", "serve", *arguments))
        for number, name in enumerate(_NAMES):
            stack.enter_context(_participant(folder, server, number, name, port))
        _watch(server, serving)
    accuracy = read_status(server).get("accuracy")
    if serving.returncode or accuracy is None:
        complain(f"the server ended with {serving.returncode}; see {folder / 'server.log'}")
        raise typer.Exit(1)
    write_demo_page(folder, server=server, participants=[folder / name for name in _NAMES])
    console = screen()
    console.print(f"\nTrained by three processes to accuracy {accuracy:.4f}.")
    console.print(f"What all of them saw: {folder / PAGE}", soft_wrap=True)


def _prepare(folder: Path, server: Path) -> None:
    """Certificates, and of each participant keys, a place in the roster, and its consent."""
    console, policy, plan = screen(), folder / "policy.toml", folder / "plan.toml"
    with _quiet():
        keys(server, host=["localhost"])
    console.print("$ tithe keys server --host localhost", soft_wrap=True)
    for number, name in enumerate(_NAMES):
        home = folder / name
        with _quiet() as words:
            keys(home, name=name)
            enrol(server, home / "card.toml")
            words.seek(words.truncate(0))
            consent(plan, folder=home, policy=policy, number=number, yes=True)
        console.print(f"$ tithe keys {name} --name {name}", soft_wrap=True)
        console.print(f"$ tithe enrol server {name}/card.toml", soft_wrap=True)
        console.print(
            f"$ tithe consent plan.toml --dir {name} --policy policy.toml --number {number}",
            soft_wrap=True,
        )
        if number == len(_NAMES) - 1:
            console.print(words.getvalue().rstrip(), soft_wrap=True)


@contextlib.contextmanager
def _quiet() -> Iterator[io.StringIO]:
    """Keeps what is printed inside."""
    words = io.StringIO()
    with contextlib.redirect_stdout(words):
        yield words


def _participant(
    folder: Path, server: Path, number: int, name: str, port: int
) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    own = ("--dir", folder / name, "--policy", folder / "policy.toml", "--number", number)
    authority = ("--authority", server / "certificates" / "ca.crt")
    return _started(folder, name, "join", f"https://localhost:{port}", *own, *authority)


@contextlib.contextmanager
def _started(folder: Path, name: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours, with a log of its own, that is asked to end at the end."""
    with (folder / f"{name}.log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "tithe", *(str(each) for each in arguments)],
            stdout=log,
            stderr=log,
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _watch(server: Path, serving: subprocess.Popen[bytes]) -> None:
    """Shows the table until the server is done."""
    from tithe.checks import BadInput
    from tithe.engines.flower.server_folder import read_status

    deadline = time.monotonic() + _MOST_SECONDS
    with Live(console=screen(), refresh_per_second=2) as live:
        while serving.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(BadInput):
                live.update(server_table(read_status(server)))
            time.sleep(0.5)


federation.command("demo")(in_sentences(demo))
