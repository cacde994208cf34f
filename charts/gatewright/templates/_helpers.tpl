{{- /* Made by scripts/chart.py from the manifests of `gatewright install`: change those. */ -}}
{{- define "gatewright.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "gatewright.defaults" -}}
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyGateway
gateway:
  controllerName: {{ $.Values.controllerName }}
provider:
  type: Kubernetes
  kubernetes:
    deploy:
      type: ControllerNamespace
    shutdownManager:
      image: {{ include "gatewright.image" $ }}
extensionApis:
  enableBackend: true
{{- end }}

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
