"""Dockerfile and compose file, as far as they can be checked where no container engine runs."""

from __future__ import annotations

import importlib.util
import ipaddress
import json
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from coverfusion.experiments.cli import app

ROOT = Path(__file__).parent.parent
OURS = ("service", "app", "mlflow")


def instructions() -> list[tuple[str, str]]:
    """(instruction, its arguments) of the Dockerfile, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1].strip()) for line in lines if line.strip()]


def last(name: str) -> str:
    """The arguments of the last such instruction: those of the stage that becomes the image."""
    return [arguments for instruction, arguments in instructions() if instruction == name][-1]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def example_env() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def checked(command: Any, words: list[str]) -> dict[str, Any]:
    """Parses the words as the command line would; raises where a word or an option is not known."""
    return command.make_context(command.name, list(words)).params


def coverfusion(words: list[str]) -> dict[str, Any]:
    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    if words[0] not in commands:
        pytest.skip(f"`coverfusion {words[0]}` is not there yet")
    return checked(commands[words[0]], words[1:])


# --- the image -----------------------------------------------------------------------------------------


def test_what_is_copied_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored  # everything but what is named
    copied = [arguments.split()[:-1] for name, arguments in instructions() if name == "COPY"]
    for source in [source for sources in copied if not sources[0].startswith("--from") for source in sources]:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored, source


def test_every_folder_and_extra_of_the_package_is_in_the_image() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    copied = {arguments.split()[0] for name, arguments in instructions() if name == "COPY"}
    assert {
        folder.split("/")[0] for folder in project["tool"]["setuptools"]["package-dir"].values()
    } <= copied
    installed = re.search(r'"\.\[(.*?)\]"', (ROOT / "Dockerfile").read_text())
    assert installed is not None
    extras = project["project"]["optional-dependencies"]
    assert installed[1] == "all"
    assert extras["all"] == [f"coverfusion[{','.join(sorted(set(extras) - {'all', 'dev'}))}]"]
    assert "coverfusion[all]" in extras["dev"]
    assert "--constraint constraints.txt" in (ROOT / "Dockerfile").read_text()
    version = re.search(r"FROM python:(\d+)\.(\d+)", (ROOT / "Dockerfile").read_text())
    assert version is not None
    assert (int(version[1]), int(version[2])) >= (3, 11)


@pytest.mark.slow
def test_the_layer_of_libraries_builds_from_two_files_alone(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    layer = next(arguments for name, arguments in instructions() if name == "RUN" and "mkdir" in arguments)
    before = layer.split("&& PIP_EXTRA_INDEX_URL")[0]
    subprocess.run(["bash", "-euo", "pipefail", "-c", before], cwd=tmp_path, check=True)
    wheel = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "."]
    subprocess.run(wheel, cwd=tmp_path, check=True)
    assert len(list(tmp_path.glob("coverfusion-*.whl"))) == 1


def test_the_image_does_not_run_as_root() -> None:
    user = last("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)  # a number: Kubernetes cannot check a name
    assert f"--uid {user.split(':')[0]} " in last("RUN")
    after = [name for name, _ in instructions()]
    assert "RUN" not in after[len(after) - after[::-1].index("USER") :]


def test_the_image_starts_a_command_that_exists() -> None:
    assert json.loads(last("ENTRYPOINT")) == ["coverfusion"]
    parsed = coverfusion(json.loads(last("CMD")))
    assert parsed["host"] == "0.0.0.0"  # loopback would be the container's own
    assert str(parsed["port"]) == last("EXPOSE")


# --- health checks -------------------------------------------------------------------------------------


def test_the_images_health_check_asks_the_service() -> None:
    command = json.loads(last("HEALTHCHECK").split("CMD", 1)[1])
    assert f"http://127.0.0.1:{last('EXPOSE')}/v1/health" in command[-1]


@pytest.mark.parametrize("name", OURS)
def test_a_health_check_fails_where_the_server_does(compose: dict[str, Any], name: str) -> None:
    answers = {"status": 200}
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(answers["status"])
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    kind, program, flag, code = compose["services"][name]["healthcheck"]["test"]
    assert (kind, program, flag) == ("CMD", "python", "-c")
    here = re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{server.server_port}", code)
    try:
        assert subprocess.run([sys.executable, "-S", "-c", here]).returncode == 0
        answers["status"] = 503
        assert subprocess.run([sys.executable, "-S", "-c", here], capture_output=True).returncode != 0
    finally:
        server.shutdown()
        server.server_close()
    assert set(asked) == {{"service": "/v1/health", "app": "/_stcore/health", "mlflow": "/health"}[name]}


def test_the_health_checks_paths_are_those_of_the_servers() -> None:
    assert '"/v1/health"' in (ROOT / "experiments" / "service" / "fact_paths.py").read_text()
    streamlit = importlib.util.find_spec("streamlit")
    if streamlit is None or streamlit.origin is None:
        pytest.skip("streamlit is not installed (extra `app`)")
    routes = Path(streamlit.origin).parent / "web" / "server"
    assert any("_stcore/health" in path.read_text() for path in routes.rglob("*.py"))


# --- compose -------------------------------------------------------------------------------------------


def test_every_service_has_a_health_check_and_starts_when_others_are_healthy(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["healthcheck"]["test"][0] == "CMD", name
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in compose["services"][needed]


@pytest.mark.parametrize("name", ["service", "app"])
def test_compose_starts_commands_that_exist(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert "entrypoint" not in service  # the image's
    parsed = coverfusion(service["command"])
    assert parsed["host"] == "0.0.0.0"
    _, _, published = service["ports"][0].rpartition(":")
    assert str(parsed["port"]) == published
    assert f":{published}/" in service["healthcheck"]["test"][-1]


def test_the_proxy_is_one_address_and_nobody_by_default(compose: dict[str, Any]) -> None:
    command = compose["services"]["service"]["command"]
    named = re.fullmatch(r"\$\{PROXY:-(.+)\}", command[command.index("--proxy") + 1])
    assert named is not None
    assert ipaddress.ip_address(named[1]).is_loopback
    assert named[1] == example_env()["PROXY"]


def test_the_service_has_the_time_to_answer_what_it_accepted(compose: dict[str, Any]) -> None:
    from coverfusion.experiments.service.application import GRACE_SECONDS

    grace = re.fullmatch(r"(\d+)s", compose["services"]["service"]["stop_grace_period"])
    assert grace is not None
    assert int(grace[1]) > GRACE_SECONDS  # docker kills after 10 seconds if nothing is said


def test_compose_starts_mlflow_with_options_that_exist(compose: dict[str, Any]) -> None:
    pytest.importorskip("psycopg")
    cli = pytest.importorskip("mlflow.cli").cli
    service = compose["services"]["mlflow"]
    assert service["entrypoint"] == ["mlflow"]
    parsed = checked(cli.commands[service["command"][0]], service["command"][1:])
    assert str(parsed["port"]) == service["ports"][0].rpartition(":")[2]
    assert f":{parsed['port']}/health" in service["healthcheck"]["test"][-1]
    database = compose["services"]["postgres"]["environment"]
    address = f"postgresql+psycopg://{database['POSTGRES_USER']}@postgres:5432/{database['POSTGRES_DB']}"
    assert parsed["backend_store_uri"] == address
    assert service["volumes"] == [f"artifacts:{parsed['artifacts_destination']}"]
    # other containers know the server by its name
    assert f"mlflow:{parsed['port']}" in parsed["allowed_hosts"].split(",")


def test_the_folders_of_volumes_belong_to_the_user(compose: dict[str, Any]) -> None:
    made = re.search(r"install -d .*", last("RUN"))
    assert made is not None
    for name in OURS:
        for volume in compose["services"][name]["volumes"]:
            source, _, rest = re.sub(r"\$\{.*?\}", "HOST", volume).partition(":")
            if source in compose["volumes"]:
                assert rest in made[0].split()
            else:
                assert rest.endswith(":ro")


def test_no_secret_has_a_default_and_all_names_are_in_the_example(compose: dict[str, Any]) -> None:
    text = (ROOT / "compose.yaml").read_text()
    names = dict(re.findall(r"\$\{(\w+)(:\?|:-)", text))
    assert set(re.findall(r"\$\{?(\w+)", text)) == set(names)
    assert set(names) == set(example_env())
    for name, value in example_env().items():
        assert (value == "") == (names[name] == ":?"), name
    for service in compose["services"].values():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|KEY|TOKEN", key):
                assert re.fullmatch(r"\$\{\w+:\?.+\}", value), key


def test_only_this_machine_reaches_the_ports_and_the_database_has_none(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert "ports" not in compose["services"]["postgres"]
    assert compose["services"]["postgres"]["networks"] == ["database"]
    assert compose["networks"]["database"] == {"internal": True}


def test_the_app_waits_for_nothing_that_it_does_not_use(compose: dict[str, Any]) -> None:
    assert "depends_on" not in compose["services"]["app"]


def test_containers_have_no_more_rights_than_they_need(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert re.fullmatch(r"\d+g", service["mem_limit"])
        # ours have the image's; that of PostgreSQL's image is root
        assert service.get("user") == (None if name in OURS else "999:999")


# --- make ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", ["", "https://index.example/cpu"])
def test_torch_comes_from_another_index_only_where_one_is_named(index: str) -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    words = ["-n", "demo", "VENV=elsewhere", *([f"TORCH_INDEX={index}"] if index else [])]
    printed = subprocess.run([make, *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    installs = [line for line in printed.splitlines() if "pip install" in line and "--upgrade" not in line]
    *first, last_one = installs
    assert all("--constraint constraints.txt" in line for line in installs)
    assert '".[dev]"' in last_one
    assert "--index-url" not in last_one
    assert [line.split("--index-url ")[1] for line in first] == (
        [f"{index} torch torchvision"] if index else []
    )
