"""The server's side of the app, which is a process of its own and is never started from here."""

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Says where the server is: a SuperLink in process isolation leaves this task to it."""
    raise RuntimeError(
        "the server of this federation is `tithe serve`, which starts its own run; "
        "stop this one with `flwr stop`"
    )
