"""Work that needs seeded global generators, or memory given back, runs in a child process.

The child is a module of this library: it reads one JSON request on standard input and tells
its results as JSON lines on standard output. It ends with its caller, however that one ends.
Nothing here touches the caller's random state.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from include.espejo.errors import EspejoError, LakeError, UnexpectedError, without_values
from include.espejo.process.environment import environment_of_children

Request = dict[str, Any]  # of JSON; what is in it, each child says
Message = dict[str, Any]

_ROOT = Path(__file__).resolve().parents[3]


def run_child(module: str, request: Request) -> Iterator[Message]:
    """Run `python -m module` on a request and pass on its messages; stopped if the caller is.

    Raises UnexpectedError when the child fails, LakeError when it was killed.
    """
    paths = os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])
    child = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # the libraries' own messages may hold values of rows
        # The order of sets enters SDV's encodings: fixed, or a seed would not repeat.
        env=environment_of_children() | {"PYTHONPATH": paths, "PYTHONHASHSEED": "0"},
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps(request) + "\n")
        child.stdin.flush()  # it stays open: its end tells the child that the caller is gone
        for line in child.stdout:
            message = json.loads(line)
            if "failed" in message:
                raise UnexpectedError(message["failed"])
            yield message
        if child.wait() != 0:
            raise _ended(module, child.returncode)
    finally:
        child.kill()
        child.wait()
        with suppress(BrokenPipeError):
            child.stdin.close()
        child.stdout.close()


def _ended(module: str, code: int) -> EspejoError:
    if code == -9:
        return LakeError(
            f"{module}: its process was killed, probably because memory ran out; give the machine "
            "more memory, or ask for fewer rows or a smaller batch"
        )
    return UnexpectedError(f"{module}: its process ended with code {code}")


def answer(handle: Callable[[Request], None]) -> None:
    """The child process: seed it, handle the request, report a failure without values."""
    request = receive()
    warnings.simplefilter("ignore")
    _seed_everything(request["seed"])
    # Libraries print what they please, also on standard output: only messages may go there.
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115  for the rest of this process
    try:
        without_values(handle)(request)
    except EspejoError as error:
        tell({"failed": str(error)})
        sys.exit(1)


def receive() -> Request:
    """The caller's request; from then on this process ends when its caller does."""
    request: Request = json.loads(sys.stdin.readline())
    pipe = sys.__stdin__
    if pipe is not None and pipe is sys.stdin:
        threading.Thread(target=_end_with_caller, args=(pipe.fileno(),), daemon=True).start()
    return request


def _end_with_caller(pipe: int) -> None:
    """Wait for the end of the caller's pipe, which only its own end brings while we work."""
    os.read(pipe, 1)
    os._exit(1)


def tell(message: Message) -> None:
    """Send a message to the caller."""
    print(json.dumps(message), flush=True, file=sys.__stdout__)


def _seed_everything(seed: int) -> None:
    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  the libraries draw from this one
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
