"""Writes the templates of the Helm chart from the manifests that `gatewright install` prints: one source for both.

The manifests are made with marks where a value belongs, and the marks then become Helm's expressions. What depends on the mode or
on the watched namespaces is made once for each case. `python scripts/chart.py` writes `charts/gatewright/templates`; a test sees
to it that they are up to date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gatewright.api.crds import extension_crds
from gatewright.cli import manifests as source
from gatewright.cli.install import text_of

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "gatewright"
HEAD = "{{- /* Made by scripts/chart.py from the manifests of `gatewright install`: change those. */ -}}\n"
MARKS = {
    "NAMESPACE": "{{ $.Release.Namespace }}",
    "INSTANCE": "{{ $.Release.Name }}",
    "IMAGE": '{{ include "gatewright.image" $ }}',
    "CONTROLLER": "{{ $.Values.controllerName }}",
    "DOMAIN": "{{ $.Values.clusterDomain }}",
    "CLASS": "{{ $.Values.gatewayClass }}",
    "ENVOY": "{{ $.Values.envoyImage }}",
    "EACH": "{{ . }}",
}
MARK = re.compile(r"XX(\w+?)XX")
REPLICAS = 424242
CHOSEN = source.Installation(
    namespace="XXNAMESPACEXX",
    image="XXIMAGEXX",
    replicas=REPLICAS,
    controller_name="XXCONTROLLERXX",
    cluster_domain="XXDOMAINXX",
    gateway_class="XXCLASSXX",
    instance="XXINSTANCEXX",
)
CONTAINER_FIELDS = ("imagePullPolicy", "resources")
POD_FIELDS = ("imagePullSecrets", "nodeSelector", "tolerations", "topologySpreadConstraints", "priorityClassName")


def templates() -> dict[str, str]:
    """The text of every template by its name."""
    return {
        "_helpers.tpl": HELPERS.replace("XXDEFAULTSXX", filled(text_of([source.configuration(CHOSEN)]))),
        "crds.yaml": HEAD + crds(),
        "permissions.yaml": HEAD + permissions(),
        "control-plane.yaml": HEAD + control_plane(),
        "gateway-class.yaml": HEAD + block("if $.Values.gatewayClass", [source.gateway_class(CHOSEN)]),
    }


HELPERS = """\
{{- /* Made by scripts/chart.py from the manifests of `gatewright install`: change those. */ -}}
{{- define "gatewright.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "gatewright.defaults" -}}
XXDEFAULTSXX{{- end }}

{{- define "gatewright.configuration" -}}
{{- $config := include "gatewright.defaults" . | fromYaml }}
{{- $_ := set $config.provider.kubernetes "deploy" (dict "type" .Values.mode) }}
{{- with .Values.watchedNamespaces }}
{{- $_ := set $config.provider.kubernetes "watch" (dict "type" "Namespaces" "namespaces" .) }}
{{- end }}
{{- with .Values.envoyImage }}
{{- $kubernetes := dict "envoyDeployment" (dict "container" (dict "image" .)) }}
{{- $_ := set $config "envoyProxy" (dict "provider" (dict "type" "Kubernetes" "kubernetes" $kubernetes)) }}
{{- end }}
{{- toYaml (mergeOverwrite $config (deepCopy .Values.config)) }}
{{- end }}
"""


def crds() -> str:
    """Definitions are kept when the chart is removed: all objects of users would go with them."""
    kept = [
        {**each, "metadata": {**each["metadata"], "annotations": {"helm.sh/resource-policy": "keep"}}}
        for each in extension_crds()
    ]
    return block("if $.Values.crds.enabled", kept)


def permissions() -> str:
    """Roles by purpose; where they hold depends on the mode and on the watched namespaces."""

    def granted(purpose: str, rules: list[dict[str, Any]], place: str | None) -> str:
        return plain(source._granted(CHOSEN, purpose, rules, place))  # noqa: SLF001 - the chart is made of its parts

    def watched(purpose: str, rules: list[dict[str, Any]]) -> str:
        each, everywhere = granted(purpose, rules, "XXEACHXX"), granted(purpose, rules, None)
        return f"{{{{- range $.Values.watchedNamespaces }}}}\n---\n{each}{{{{- else }}}}\n---\n{everywhere}{{{{- end }}}}\n"

    account = plain([next(iter(source.permissions(CHOSEN)))])
    own = granted("fleet", source.fleet_rules(), "XXNAMESPACEXX")
    fleet = watched("fleet", source.fleet_rules())
    mode = '{{- if eq $.Values.mode "ControllerNamespace" }}'
    return (
        f"{account}---\n{granted('cluster', source.cluster_rules(), None)}"
        f"{watched('objects', source.object_rules())}"
        f"{mode}\n---\n{own}{{{{- else }}}}\n{fleet}{{{{- end }}}}\n"
        f"---\n{granted('certificates', source.certificate_rules(), 'XXNAMESPACEXX')}"
        f"---\n{granted('leader-election', source.lease_rules(), 'XXNAMESPACEXX')}"
    )


def control_plane() -> str:
    """Configuration, Service, Deployment; fields of the Pod that only the chart has come in at the end of its spec."""
    text = plain(source.control_plane(CHOSEN))
    text = re.sub(
        r"(?m)^  envoy-gateway.yaml: \|\n(?:    .*\n)+",
        '  envoy-gateway.yaml: |\n    {{- include "gatewright.configuration" $ | nindent 4 }}\n',
        text,
    )
    text = text.replace(f"replicas: {REPLICAS}", "replicas: {{ $.Values.replicas }}")
    text = text.replace("imagePullPolicy: IfNotPresent", "imagePullPolicy: {{ $.Values.image.pullPolicy }}")
    text = re.sub(r"(?m)^( +)resources:\n(?:\1 .*\n)+", _resources, text)
    pod = "".join(
        f"      {{{{- with $.Values.{name} }}}}\n      {name}: {_value(name)}\n      {{{{- end }}}}\n" for name in POD_FIELDS
    )
    return text.replace("      terminationGracePeriodSeconds:", f"{pod}      terminationGracePeriodSeconds:")


def _resources(found: re.Match[str]) -> str:
    indent = found.group(1)
    return f"{indent}resources:\n{indent}  {{{{- toYaml $.Values.resources | nindent {len(indent) + 2} }}}}\n"


def _value(name: str) -> str:
    return "{{ . | quote }}" if name.endswith("Name") else "{{- toYaml . | nindent 8 }}"


def block(condition: str, documents: Iterable[dict[str, Any]]) -> str:
    """Documents that are there under a condition."""
    return f"{{{{- {condition} }}}}\n{plain(documents)}{{{{- end }}}}\n"


def plain(documents: Iterable[dict[str, Any]]) -> str:
    """Documents as text, with Helm's expressions in place of the marks."""
    return filled(text_of(documents))


def filled(text: str) -> str:
    """`text` with Helm's expressions in place of the marks."""
    return MARK.sub(lambda found: MARKS[found.group(1)], text)


def main() -> None:
    """Write the templates."""
    folder = CHART / "templates"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in templates().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main()
