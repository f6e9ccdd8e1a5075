"""`make ui`: Airflow itself on the demo's lake, with the demo's survey waiting in it."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from urllib.error import URLError
from urllib.request import urlopen

from demo.airflow_home import airflow_environment, free_port
from demo.enoe_like import generate_survey, write_survey
from demo.lake_server import LakeServer
from demo.process_group import ProcessGroup, end_in_order
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
        self._group: ProcessGroup | None = None

    def __enter__(self) -> AirflowStandalone:
        command = [sys.executable, "-m", "airflow", "standalone"]
        self.log_path.unlink(missing_ok=True)
        self.home.chmod(0o700)  # Airflow keeps its users' passwords there
        self._group = ProcessGroup(command, self.environment, self.log_path)
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
            assert self._group is not None
            if not self._group.is_running():
                break
            if is_healthy(self.url):
                return
            time.sleep(0.5)
        raise RuntimeError(f"Airflow did not come up; its log is {self.log_path}")

    def password(self, user: str = "admin") -> str:
        """The password that Airflow made up for a user of this home."""
        return password_of(self.home, user)

    def stop(self) -> None:
        if self._group is not None:
            self._group.stop()
        self._group = None


def is_healthy(url: str) -> bool:
    """Whether the API server answers, and knows of its database, scheduler and triggerer."""
    try:
        with urlopen(f"{url}/api/v2/monitor/health", timeout=5) as answer:
            return bool(answer.read().count(b'"healthy"') >= 3)
    except (URLError, OSError):
        return False  # not up yet


def password_of(home: Path, user: str) -> str:
    """The password that the API server of this home made up for a user."""
    path = home / "simple_auth_manager_passwords.json.generated"
    return str(json.loads(path.read_text())[user])


def main() -> int:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--survey", default="enoe_sdem")
    parser.add_argument("--period", default="2015T2")
    options = parser.parse_args()
    end_in_order()
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
            with suppress(KeyboardInterrupt):
                signal.pause()
            print("stopping / terminando")
    return 0


if __name__ == "__main__":
    sys.exit(main())
