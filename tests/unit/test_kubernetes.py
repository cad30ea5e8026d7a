"""The manifests fit Kubernetes' schemas and the restricted pod standard; what they name of `ltv` exists."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from cluster.settings import Cluster
from contract.access_token import ACCESS_TOKEN_VARIABLE
from ltv.catalogue import COMMANDS
from ltv.commands.consume import consume
from ltv.commands.dashboard import dashboard
from ltv.commands.topics import create_topics
from tests.unit.test_docs import options_of

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "ops" / "kubernetes"
OLDEST = "1.30"
"""The oldest version of Kubernetes for which the manifests are checked."""
SECRETS = {f"KAFKA_{name.upper()}_FILE" for name in ("sasl_password", "ssl_password")}
KNOWN = {
    *(variable for command in (consume, dashboard, create_topics) for _, variable in options_of(command)),
    *(f"KAFKA_{field.upper()}" for field in Cluster.model_fields),
    *SECRETS,
    ACCESS_TOKEN_VARIABLE,
}
PATHS = {"consumer": {"/live", "/ready"}, "dashboard": {"/api/health"}, "topics": set[str]()}
MOUNTED = "/etc/ltv/kafka/"

Manifest = dict[str, Any]


def listed(folder: Path) -> Iterator[Manifest]:
    """The manifests that a kustomization lists, as they are written."""
    for name in yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]:
        if (folder / name).is_dir():
            yield from listed((folder / name).resolve())
        else:
            yield from yaml.safe_load_all((folder / name).read_text())


def built() -> list[Manifest]:
    """The manifests as kustomize builds them."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("needs kubectl, which has kustomize")
    command = [kubectl, "kustomize", str(KUBERNETES / "keda")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return list(yaml.safe_load_all(run.stdout))


MANIFESTS = list(listed(KUBERNETES / "keda"))
NAMED = {f"{each['kind']}/{each['metadata']['name']}": each for each in MANIFESTS}
SCALED = NAMED["ScaledObject/ltv-consumer"]
PODS = {
    manifest["spec"]["template"]["spec"]["containers"][0]["name"]: manifest["spec"]["template"]["spec"]
    for manifest in MANIFESTS
    if "template" in manifest.get("spec", {})
}
SETTINGS = dict(
    line.removeprefix("# ").split("=", 1)
    for line in (KUBERNETES / "base" / "settings.env").read_text().splitlines()
    if "=" in line
)


def container_of(pod: str) -> Manifest:
    [container] = PODS[pod]["containers"]
    assert isinstance(container, dict)
    return container


def environment_of(pod: str) -> dict[str, Any]:
    return {each["name"]: each for each in container_of(pod).get("env", [])}


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@pytest.mark.parametrize("name", sorted(NAMED.keys() - {"ScaledObject/ltv-consumer"}))
def test_a_manifest_fits_the_schema(name: str, version: str) -> None:
    kubernetes_validate.validate(NAMED[name], version, strict=True)


def test_the_schema_refuses_a_field_that_does_not_exist() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**NAMED["Service/ltv-dashboard"], "specs": {}}, OLDEST, strict=True)


def test_kustomize_builds_what_fits_the_schema_with_the_image_of_this_version() -> None:
    made = built()
    assert {f"{each['kind']}/{each['metadata']['name']}" for each in made} >= set(NAMED)
    for each in made:
        if each["kind"] != "ScaledObject":
            kubernetes_validate.validate(each, OLDEST, strict=True)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    images = [
        container["image"]
        for each in made
        if "template" in each.get("spec", {})
        for container in each["spec"]["template"]["spec"]["containers"]
    ]
    assert images == [f"ltv:{version}"] * len(PODS)


@pytest.mark.parametrize("pod", PODS)
def test_a_pod_meets_the_restricted_standard_and_has_limits(pod: str) -> None:
    context = PODS[pod]["securityContext"]
    assert context["runAsNonRoot"]
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert f"\nUSER {context['runAsUser']}\n" in (ROOT / "Dockerfile").read_text()
    assert container_of(pod)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container_of(pod)["resources"].keys() == {"requests", "limits"}
    assert PODS[pod]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("pod", PODS)
def test_no_service_sets_a_variable_of_a_pod(pod: str) -> None:
    assert PODS[pod]["enableServiceLinks"] is False


@pytest.mark.parametrize("pod", PODS)
def test_a_pod_runs_a_command_that_exists_with_variables_that_it_knows(pod: str) -> None:
    assert container_of(pod)["args"][0] in COMMANDS
    assert environment_of(pod).keys() | SETTINGS.keys() <= {*KNOWN, "POD_IP"}


def test_the_files_in_the_settings_are_in_the_mounted_secret() -> None:
    files = {name: value for name, value in SETTINGS.items() if name.endswith("FILE")}
    assert files.keys() == {"KAFKA_SASL_PASSWORD_FILE", "KAFKA_SSL_CAFILE"}
    assert {value.rpartition("/")[0] + "/" for value in files.values()} == {MOUNTED}
    for pod in PODS:
        assert f"{MOUNTED[:-1]}" in {mount["mountPath"] for mount in container_of(pod)["volumeMounts"]}


@pytest.mark.parametrize(
    ("pod", "variable"), [("consumer", "LTV_METRICS_PORT"), ("dashboard", "LTV_DASHBOARD_PORT")]
)
def test_probes_and_services_ask_a_port_and_a_path_that_are_served(pod: str, variable: str) -> None:
    [port] = container_of(pod)["ports"]
    assert environment_of(pod)[variable]["value"] == str(port["containerPort"])
    probes = {name: probe for name, probe in container_of(pod).items() if name.endswith("Probe")}
    assert probes.keys() == {"startupProbe", "livenessProbe", "readinessProbe"}
    assert {probe["httpGet"]["port"] for probe in probes.values()} == {port["name"]}
    assert {probe["httpGet"]["path"] for probe in probes.values()} == PATHS[pod]
    served = {"consumer": "consumer/http_port.py", "dashboard": "dashboard/health_api.py"}[pod]
    assert [path for path in PATHS[pod] if f'"{path}"' not in (ROOT / served).read_text()] == []
    service = NAMED[f"Service/ltv-{pod}"]["spec"]
    assert [each["targetPort"] for each in service["ports"]] == [port["name"]]
    assert service["selector"]["app.kubernetes.io/component"] == pod


def test_a_consumers_id_is_its_pods_name_and_its_address_is_its_pods() -> None:
    environment = environment_of("consumer")
    assert environment["LTV_INSTANCE_ID"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert environment["LTV_ADVERTISED_URL"]["value"] == "http://$(POD_IP):9400"
    assert list(environment).index("POD_IP") < list(environment).index("LTV_ADVERTISED_URL")
    assert NAMED["StatefulSet/ltv-consumer"]["spec"]["serviceName"] == "ltv-consumer"


def test_there_are_no_more_consumers_than_partitions_and_they_scale_by_a_metric_that_is_recorded() -> None:
    assert SCALED["spec"]["maxReplicaCount"] == int(SETTINGS["LTV_PARTITIONS"])
    target = SCALED["spec"]["scaleTargetRef"]
    assert f"{target['kind']}/{target['name']}" in NAMED
    assert "replicas" not in NAMED[f"{target['kind']}/{target['name']}"]["spec"]
    [trigger] = SCALED["spec"]["triggers"]
    [metric] = re.findall(r"group:\w+:\w+", trigger["metadata"]["query"])
    rules = yaml.safe_load((ROOT / "ops" / "prometheus" / "recording.rules.yml").read_text())
    assert metric in {rule["record"] for group in rules["groups"] for rule in group["rules"]}


def test_every_manifest_file_is_listed() -> None:
    files = {path.name for path in KUBERNETES.rglob("*.yaml")} - {"kustomization.yaml"}
    listings = [yaml.safe_load(path.read_text()) for path in KUBERNETES.rglob("kustomization.yaml")]
    assert files == {name for each in listings for name in each["resources"] if name.endswith(".yaml")}


def test_the_image_of_the_composition_and_of_the_manifests_has_the_version_of_the_program() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"image: ltv:{version}\n" in (ROOT / "docker-compose.yml").read_text()
    [image] = yaml.safe_load((KUBERNETES / "base" / "kustomization.yaml").read_text())["images"]
    assert (image["name"], image["newTag"]) == ("ltv", version)
