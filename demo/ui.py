"""`make ui`: Airflow itself on the demo's lake, with the demo's survey waiting in it."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from urllib.error import URLError
from urllib.request import urlopen

from demo.airflow_home import airflow_environment, free_port
from demo.enoe_like import generate_survey, write_survey
from demo.lake_server import LakeServer
from demo.run import BUILD, upload
from include.espejo.survey import Period, load_spec


class AirflowStandalone:
    """Airflow's components in one session of processes, stopped as a group. Context manager.

    `url` is the address of the UI and API, on a free port of the loopback address.
    """

    def __init__(
        self, home: Path, connections: dict[str, str], extra: dict[str, str] | None = None
    ):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.environment = (
            airflow_environment(home, connections)
            | {
                "AIRFLOW__API__PORT": str(port),
                "AIRFLOW__API__BASE_URL": self.url,
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
                "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
                "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            }
            | (extra or {})
        )
        self.home = home
        self.log_path = home / "standalone.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> AirflowStandalone:
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "airflow", "standalone"],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_until_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait_until_healthy(self, seconds: float = 300) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            try:
                with urlopen(f"{self.url}/api/v2/monitor/health", timeout=5) as answer:
                    if answer.read().count(b'"healthy"') >= 3:
                        return
            except (URLError, OSError):
                pass  # not up yet
            time.sleep(0.5)
        raise RuntimeError(f"Airflow did not come up; its log is {self.log_path}")

    def password(self, user: str = "admin") -> str:
        """The password that Airflow made up for a user of this home."""
        import json

        path = self.home / "simple_auth_manager_passwords.json.generated"
        return str(json.loads(path.read_text())[user])

    def stop(self) -> None:
        """Stop every process of the group: a signal to the parent alone would orphan others."""
        if self._process is None:
            return
        for first, grace in ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0)):
            sign, deadline = int(first), time.monotonic() + grace
            while self._signal(sign) and time.monotonic() < deadline:
                self._process.poll()  # a parent that has ended must be waited for to be gone
                sign = 0  # only look whether any of the group is left
                time.sleep(0.1)
        self._process = None

    def _signal(self, sign: int) -> bool:
        """Send a signal to the group; False if none of it is left."""
        assert self._process is not None
        try:
            os.killpg(self._process.pid, sign)
        except ProcessLookupError:
            return False
        return True


def main() -> int:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--survey", default="enoe_sdem")
    parser.add_argument("--period", default="2015T2")
    options = parser.parse_args()
    spec, period = load_spec(options.survey), Period.parse(options.period)
    survey = BUILD / "survey" / "demo.csv"
    survey.parent.mkdir(parents=True, exist_ok=True)
    with LakeServer(BUILD / "lake") as server:
        write_survey(generate_survey(period.year, period.number), survey)
        upload(server, spec, period, survey)
        connections = server.airflow_connections()
        with AirflowStandalone(BUILD / "airflow", connections) as airflow:
            print(f"""
Airflow: {airflow.url}   user/usuario: admin   password/contraseña: {airflow.password()}
The lake holds {spec.survey} {period}: trigger {spec.survey}_synthesis with that period.
El lago tiene {spec.survey} {period}: dispare {spec.survey}_synthesis con ese periodo.
S3: {server.endpoint_url}   Ctrl-C to stop / para terminar""")
            try:
                signal.pause()
            except KeyboardInterrupt:
                print("stopping / terminando")
    return 0


if __name__ == "__main__":
    sys.exit(main())
