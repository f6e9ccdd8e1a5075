"""What a program of the demo started ends with it, however it is told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

_PROGRAM = """
import os, signal, sys
from pathlib import Path
from demo.process_group import ProcessGroup, end_in_order
end_in_order()
group = ProcessGroup(["sleep", "60"], dict(os.environ), Path(sys.argv[1]))
try:
    print(group.pid, flush=True)
    signal.pause()
finally:
    group.stop()
"""


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_nothing_behind(sign: signal.Signals, tmp_path: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(tmp_path / "log")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # Whoever runs the tests in the background of a script has this signal ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert program.stdout is not None
    started = int(program.stdout.readline())
    os.kill(started, 0)
    program.send_signal(sign)
    program.wait(timeout=30)
    program.stdout.close()
    with pytest.raises(ProcessLookupError):
        os.kill(started, 0)
