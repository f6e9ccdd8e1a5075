"""The server's compose file is valid, opens nothing to the network and holds no secret."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import compose
import pytest

from demo.lake_identities import ACTIONS, BUCKETS

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE_TEXT = (REPOSITORY / "docker-compose.yaml").read_text(encoding="utf-8")
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
EXAMPLE = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
# The binary itself: the package's command ends with 0 even on errors.
PROGRAM = Path(next(iter(compose.__path__))) / "docker-compose"
REQUIRED = sorted(set(re.findall(r"\$\{(\w+):\?", COMPOSE_TEXT)))
EXAMPLE_VALUES = dict(re.findall(r"^(\w+)=(.*)$", EXAMPLE, flags=re.MULTILINE))
DUMMIES = {name: f"dummy-{name.lower()}" for name in REQUIRED}
# It starts as root to own its data folder and drops to the user postgres by itself.
DROPS_PRIVILEGES_ITSELF = {"postgres"}
SECRET_NAME = re.compile(r"(KEY|SECRET|PASSWORD|USERS|SQL_ALCHEMY_CONN)$|^AIRFLOW_CONN_")


def run_config(values: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """What compose makes of the file with these variables, and with no others around."""
    environment_file = folder / "env"
    lines = [f"{name}={value}\n" for name, value in values.items()]
    environment_file.write_text("".join(lines), encoding="utf-8")
    return subprocess.run(
        [
            *(str(PROGRAM), "--env-file", str(environment_file)),
            *("--file", str(REPOSITORY / "docker-compose.yaml")),
            *("config", "--format", "json"),
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    result = run_config({**EXAMPLE_VALUES, **DUMMIES}, tmp_path_factory.mktemp("compose"))
    assert result.returncode == 0, result.stderr
    return dict(json.loads(result.stdout)["services"])


def stays_up(service: dict[str, Any]) -> bool:
    return bool(service.get("restart", "no") != "no")


def test_example_names_every_required_variable_and_gives_none_a_value() -> None:
    assert REQUIRED
    assert {name: EXAMPLE_VALUES.get(name) for name in REQUIRED} == dict.fromkeys(REQUIRED, "")


def test_example_names_only_what_is_used() -> None:
    assert [name for name in EXAMPLE_VALUES if f"${{{name}:" not in COMPOSE_TEXT] == []


def test_file_is_valid_without_the_optional_variables(tmp_path: Path) -> None:
    result = run_config(DUMMIES, tmp_path)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", REQUIRED)
def test_missing_secret_stops_everything(name: str, tmp_path: Path) -> None:
    others = {key: value for key, value in DUMMIES.items() if key != name}
    result = run_config({**EXAMPLE_VALUES, **others}, tmp_path)
    assert result.returncode != 0
    assert name in result.stderr


def test_there_is_all_that_airflow_needs(services: dict[str, dict[str, Any]]) -> None:
    commands = {" ".join(service.get("command") or []) for service in services.values()}
    assert commands >= {
        f"airflow {name}"
        for name in ("db migrate", "api-server", "scheduler", "dag-processor", "triggerer")
    }


def test_workers_take_what_the_queues_hold_and_trainings_are_apart(
    services: dict[str, dict[str, Any]],
) -> None:
    environment = services["airflow-scheduler"]["environment"]
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    taken = {
        name: service["command"][service["command"].index("--queues") + 1]
        for name, service in services.items()
        if "worker" in (service.get("command") or [])
    }
    assert taken == {"airflow-worker": "default", "airflow-trainer": "train"}
    assert environment["ESPEJO_TRAIN_QUEUE"] == taken["airflow-trainer"]
    made = services["airflow-pool"]["command"]
    assert made[:4] == ["airflow", "pools", "set", environment["ESPEJO_TRAIN_POOL"]]


@pytest.mark.parametrize("profile", ["LocalExecutor", ""])
def test_one_machine_has_no_queue_and_no_workers(profile: str, tmp_path: Path) -> None:
    result = run_config({**EXAMPLE_VALUES, **DUMMIES, "COMPOSE_PROFILES": profile}, tmp_path)
    assert result.returncode == 0, result.stderr
    services = json.loads(result.stdout)["services"]
    assert not {"redis", "airflow-worker", "airflow-trainer"} & services.keys()
    environment = services["airflow-scheduler"]["environment"]
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    needed = services["airflow-scheduler"]["depends_on"]
    assert {name for name, how in needed.items() if how["required"]} <= services.keys()


def test_every_service_that_stays_up_tells_its_health(services: dict[str, dict[str, Any]]) -> None:
    lasting = {name: service for name, service in services.items() if stays_up(service)}
    assert len(lasting) >= 6
    assert [name for name, service in lasting.items() if not service.get("healthcheck")] == []


def test_dependencies_wait_for_a_condition(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for needed, dependency in (service.get("depends_on") or {}).items():
            expected = (
                "service_healthy"
                if stays_up(services[needed])
                else "service_completed_successfully"
            )
            assert dependency["condition"] == expected, (name, needed)


def test_no_service_has_root_or_privileges(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert not service.get("privileged"), name
        assert not service.get("cap_add"), name
        assert "no-new-privileges:true" in service["security_opt"], name
        if name not in DROPS_PRIVILEGES_ITSELF:
            assert int(service["user"].split(":")[0]) > 0, name


def test_ports_are_published_on_loopback_only(services: dict[str, dict[str, Any]]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert {port.get("host_ip") for port in published} == {"127.0.0.1"}
    assert {service.get("network_mode") for service in services.values()} <= {None, "service:lake"}


def test_nothing_of_this_machine_is_mounted(services: dict[str, dict[str, Any]]) -> None:
    mounts = [mount for service in services.values() for mount in service.get("volumes", [])]
    assert {mount["type"] for mount in mounts} == {"volume"}


def test_images_are_pinned(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        assert re.fullmatch(r"[\w./-]+:\d[\w.-]*", service["image"]), service["image"]


def test_every_secret_comes_from_the_environment(services: dict[str, dict[str, Any]]) -> None:
    secrets = {
        (service_name, name): value
        for service_name, service in services.items()
        for name, value in (service.get("environment") or {}).items()
        if SECRET_NAME.search(name)
    }
    assert len(secrets) >= len(REQUIRED)
    assert [place for place, value in secrets.items() if "dummy-" not in value] == []


def test_no_secret_stands_in_the_file() -> None:
    """A literal with letters and digits mixed, as long as a key: none but named variables."""
    without_variables = re.sub(r"\$\{[^}]*\}", "", COMPOSE_TEXT)
    words = re.findall(r"[A-Za-z0-9+_-]{20,}", without_variables)
    assert [word for word in words if re.search(r"\d", word)] == []


def test_connections_are_well_formed(services: dict[str, dict[str, Any]]) -> None:
    environment = services["airflow-scheduler"]["environment"]
    for name in set(ACTIONS) - {"admin"}:
        connection = json.loads(environment[f"AIRFLOW_CONN_ESPEJO_{name.upper()}"])
        assert connection["conn_type"] == "aws"
        assert connection["login"] == f"dummy-lake_{name}_key"
        assert connection["password"] == f"dummy-lake_{name}_secret"
        assert connection["extra"]["endpoint_url"] == "http://lake:8333"
        # Browsers do not know the services' own network.
        link = connection["extra"].get("link_endpoint_url")
        assert link == ("http://127.0.0.1:8333" if name == "consumer" else None)


def test_no_airflow_service_holds_the_lake_s_admin_keys(
    services: dict[str, dict[str, Any]],
) -> None:
    for name, service in services.items():
        if name != "lake":
            assert "dummy-lake_admin" not in json.dumps(service), name


def run_lake_script(
    services: dict[str, dict[str, Any]], folder: Path, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run what the lake's container runs, with a server that only tells its arguments."""
    stand_in = folder / "weed"
    stand_in.write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    stand_in.chmod(0o755)
    lake = services["lake"]
    script = lake["command"][0].replace("$$", "$")
    environment = {
        **lake["environment"],
        "LAKE_CONFIG": str(folder / "s3.json"),
        "PATH": f"{folder}:{os.environ['PATH']}",
        **changes,
    }
    return subprocess.run(
        [*lake["entrypoint"], script], env=environment, capture_output=True, text=True
    )


def test_lake_gives_the_identities_that_the_demo_gives(
    services: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    result = run_lake_script(services, tmp_path)
    assert result.returncode == 0, result.stderr
    document = json.loads((tmp_path / "s3.json").read_text(encoding="utf-8"))
    actions = {identity["name"]: set(identity["actions"]) for identity in document["identities"]}
    assert actions == {name: set(allowed) for name, allowed in ACTIONS.items()}
    for identity in document["identities"]:
        assert identity["credentials"] == [
            {
                "accessKey": f"dummy-lake_{identity['name']}_key",
                "secretKey": f"dummy-lake_{identity['name']}_secret",
            }
        ]
    assert (tmp_path / "s3.json").stat().st_mode & 0o777 == 0o600


def test_lake_opens_its_s3_part_only_and_tells_nobody_outside(
    services: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    arguments = run_lake_script(services, tmp_path).stdout.split()
    assert {"-ip.bind=127.0.0.1", "-master.telemetry=false", "-filer.disableHttp"} <= set(arguments)
    assert [word for word in arguments if "0.0.0.0" in word] == ["-s3.ip.bind=0.0.0.0"]


def test_lake_refuses_a_key_that_would_break_out_of_its_place(
    services: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    result = run_lake_script(services, tmp_path, LAKE_WORK_SECRET='x"], "actions": ["Admin')
    assert result.returncode != 0
    assert "keys of work" in result.stderr
    assert "Admin" not in result.stderr
    assert result.stdout == ""


def test_buckets_are_those_of_the_demo(services: dict[str, dict[str, Any]]) -> None:
    found = re.search(r"for bucket in (.*); do", services["lake-init"]["command"][0])
    assert found is not None
    assert found[1].split() == list(BUCKETS)


def test_image_s_last_user_is_not_root() -> None:
    users = re.findall(r"^USER\s+(\S+)", DOCKERFILE, flags=re.MULTILINE)
    assert int(users[-1].split(":")[0]) > 0
    assert not re.search(r"^RUN", DOCKERFILE[DOCKERFILE.rindex("\nUSER ") + 1 :], re.MULTILINE)


def test_image_can_draw_pictures() -> None:
    installed = re.search(r"apt-get install([^&]*)&&", DOCKERFILE)
    assert installed is not None
    assert {"chromium", "fonts-dejavu-core"} <= set(installed[1].split())


def test_image_takes_what_was_tested() -> None:
    installed = re.findall(r"pip install ([^;]*?)(?:;|\n\n)", DOCKERFILE)
    assert len(installed) == 3
    locked = [line for line in installed if "--require-hashes" in line]
    assert [line.split()[-1] for line in locked] == ["requirements-cuda.lock", "requirements.lock"]


@pytest.mark.parametrize("name", ["Dockerfile", "docker-compose.yaml", ".env.example"])
def test_no_package_host_is_named(name: str) -> None:
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    hosts = set(re.findall(r"https?://([\w.-]+)", text))
    assert {host for host in hosts if "." in host} <= {"127.0.0.1"}
    assert not re.search(r"pypi|pythonhosted|download\.pytorch|index-url[= ]+http", text)
    assert re.search(r"^ARG TORCH_INDEX_URL$", DOCKERFILE, flags=re.MULTILINE)


def test_build_sees_only_what_the_image_copies() -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    copied = re.findall(r"^COPY (.+) \S+$", DOCKERFILE, flags=re.MULTILINE)
    needed = {source for sources in copied for source in sources.split()}
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == needed
