"""The files of deploy/ say what the program knows: variables, metrics, ports, commands; Prometheus takes the rules."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.web.served import free_port
from tests.web.test_server import running
from vimix.jobs.service import open_service
from vimix.options import Options
from vimix.settings import Settings, variables
from vimix.web.ops import metrics

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
METRIC = re.compile(r"\bvimix_[a-z_]+\b")


def objects() -> list[dict[str, Any]]:
    return [
        each for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")) for each in yaml.safe_load_all(file.read_text())
    ]


def test_kubernetes_objects_fit_together() -> None:
    kinds = {(each["kind"], each["metadata"]["name"]): each for each in objects()}
    for name in ("vimix-web", "vimix-worker"):
        pod = kinds["Deployment", name]["spec"]["template"]
        assert pod["metadata"]["labels"] == kinds["Deployment", name]["spec"]["selector"]["matchLabels"]
        (container,) = pod["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        for probe in ("livenessProbe", "startupProbe"):
            assert container[probe]["httpGet"]["port"] in ports
        for source in container["envFrom"]:
            ((kind, named),) = source.items()
            assert ({"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind], named["name"]) in kinds
        assert {mount["name"] for mount in container["volumeMounts"]} == {
            each["name"] for each in pod["spec"]["volumes"]
        }
    assert kinds["Service", "vimix-web"]["spec"]["selector"] == {"app": "vimix-web"}
    scaled = kinds["ScaledObject", "vimix-worker"]["spec"]["scaleTargetRef"]["name"]
    assert ("Deployment", scaled) in kinds


def test_only_variables_that_exist_are_set() -> None:
    known = set(variables().values())
    for each in objects():
        assert set(each.get("data", {})) | set(each.get("stringData", {})) <= known
    for file in ("fly.toml", "railway.json", "deploy/kubernetes/vimix.yaml"):
        assert set(re.findall(r"\bVIMIX_[A-Z_]*[A-Z]", (ROOT / file).read_text())) <= known, file


def test_the_image_is_given_the_tools_that_it_runs() -> None:
    asked = re.findall(r"python (?:-m )?(tools[./]\w+)", (ROOT / "Dockerfile").read_text())
    assert asked
    given = (ROOT / ".dockerignore").read_text().splitlines()
    for name in ("tools/__init__", *asked):
        assert f"!{name.removesuffix('.py').replace('.', '/')}.py" in given, name


def test_rules_and_dashboard_ask_for_metrics_that_there_are(tmp_path: Path) -> None:
    service = open_service(Settings(data_dir=tmp_path))
    told = set(METRIC.findall(metrics.writer(service)().decode()))
    service.jobs.close()
    for file in ("monitoring/alerts.yaml", "monitoring/dashboard.json", "kubernetes/keda.yaml"):
        asked = set(METRIC.findall((DEPLOY / file).read_text())) - {"vimix_jobs_total"}
        assert asked
        assert {re.sub("_(bucket|sum|count|total)$", "", name) for name in asked} <= {
            re.sub("_(bucket|sum|count|total|created)$", "", name) for name in told
        }, file
    json.loads((DEPLOY / "monitoring" / "dashboard.json").read_text())


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus is not installed")
def test_prometheus_takes_rules_and_configuration(tmp_path: Path) -> None:
    for command in ("rules", "config"):
        file = {"rules": "alerts.yaml", "config": "prometheus.yaml"}[command]
        done = subprocess.run(
            ["promtool", "check", command, str(DEPLOY / "monitoring" / file)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


def test_the_backup_of_the_document_is_a_whole_one(tmp_path: Path) -> None:
    """Written to while the copy is made; the copy is opened as a deployment's own."""
    found = re.search(r"^python -c \"(import sqlite3.*)\"$", (ROOT / "docs" / "deploying.md").read_text(), re.MULTILINE)
    assert found
    (tmp_path / "data").mkdir()
    service = open_service(Settings(data_dir=tmp_path / "data"))
    (tmp_path / "clip").write_bytes(b"v" * 100)
    ticket = service.submit(tmp_path / "clip", "clip.mp4", Options(), visitor="v")
    subprocess.run([sys.executable, "-c", found[1]], cwd=tmp_path, check=True)
    service.jobs.close()
    (tmp_path / "restored").mkdir()
    (tmp_path / "jobs-backup.sqlite").rename(tmp_path / "restored" / "jobs.sqlite")
    shutil.copytree(tmp_path / "data" / "files", tmp_path / "restored" / "files")
    again = open_service(Settings(data_dir=tmp_path / "restored"))
    assert again.job(ticket.job).input_name == "clip.mp4"
    assert again.files.head(again.job(ticket.job).input_key) is not None
    again.jobs.close()


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is not installed")
def test_a_prometheus_reads_us_and_evaluates_the_rules(tmp_path: Path) -> None:
    port = free_port()
    shipped = (DEPLOY / "monitoring" / "prometheus.yaml").read_text()
    (tmp_path / "alerts.yaml").write_text((DEPLOY / "monitoring" / "alerts.yaml").read_text())
    with running(tmp_path) as (address, _):
        ours = f'"{address.removeprefix("http://")}"'
        changed = shipped.replace('"web:7860", "worker:7861"', ours).replace("15s", "1s, evaluation_interval: 1s")
        assert ours in changed
        (tmp_path / "prometheus.yaml").write_text(changed)
        command = ["prometheus", f"--config.file={tmp_path}/prometheus.yaml", f"--storage.tsdb.path={tmp_path}/tsdb"]
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", trust_env=False) as http:
                slots = answered(http, "/query?query=max(vimix_slots)", lambda data: data["result"])
                assert slots[0]["value"][1] == "1"
                rules = answered(http, "/rules", evaluated)
                assert {rule["health"] for rule in rules} == {"ok"}
                assert not [rule["name"] for rule in rules if rule["state"] == "firing"]
        finally:
            process.terminate()
            process.wait(20)


def evaluated(data: Any) -> list[Any]:
    """The rules, once each was evaluated."""
    rules = [rule for group in data["groups"] for rule in group["rules"]]
    return rules if all(rule["health"] != "unknown" for rule in rules) else []


def answered(http: httpx.Client, path: str, wanted: Callable[[Any], Any]) -> Any:
    until = time.monotonic() + 60
    while True:
        with suppress(httpx.HTTPError, ValueError, KeyError):
            if found := wanted(http.get(path).json()["data"]):
                return found
        assert time.monotonic() < until
        time.sleep(0.2)
