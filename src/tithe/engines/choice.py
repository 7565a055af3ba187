"""Which engine takes the turns of a training."""

from __future__ import annotations

from tithe.engines.in_process import InProcess
from tithe.engines.loop import Engine
from tithe.engines.parallel import Parallel
from tithe.parties.phase import Phase
from tithe.parties.upload_facts import Note
from tithe.plan.sections import Run
from tithe.privacy.ledger import Ledger


def engine_for(phase: Phase, ledger: Ledger, *, run: Run, note: Note | None = None) -> Engine:
    """The engine that a plan names; one participant alone is always trained in process.

    Args:
      phase: what to train.
      ledger: charged before anything is handed out.
      run: the plan's own section of how it is carried out.
      note: told of every turn when it was taken; None: nobody is.
    Raises:
      BadInput: this machine cannot run that engine.
    """
    if run.engine == "in_process" or len(phase.participants) == 1:
        return InProcess(phase, ledger, note=note)
    if run.engine == "parallel":
        return Parallel(phase, ledger, num_processes=run.processes, note=note)
    from tithe.engines.flower.simulation import Simulation  # takes seconds, and two extras

    return Simulation(phase, ledger, num_processes=run.processes, note=note)
