{{- define "mtm.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-mtm" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{/* Of one part: (list $ "api"). */}}
{{- define "mtm.selector" -}}
app.kubernetes.io/name: {{ (index . 0).Chart.Name }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "mtm.labels" -}}
{{ include "mtm.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version }}
{{- end }}

{{- define "mtm.image" -}}
{{- $own := dict }}
{{- if eq (index . 1) "agent" }}{{ $own = (index . 0).Values.agents.image }}{{ end }}
{{- $common := (index . 0).Values.image -}}
{{ $own.repository | default $common.repository }}:{{ $own.tag | default $common.tag | default (index . 0).Chart.AppVersion }}
{{- end }}

{{/* What the schema of the values cannot say. */}}
{{- define "mtm.require" -}}
{{- $v := .Values }}
{{- if not (or $v.apiKeys.existingSecret $v.trustNetwork) }}
{{- fail "apiKeys.existingSecret is empty: name a Secret that has a long random key under apiKeys.key, or set trustNetwork: true if only those who may use the service can reach it." }}
{{- end }}
{{- if and (not (or $v.temporal.tls.enabled $v.temporal.apiKeySecret)) (or $v.temporal.tls.caSecret $v.temporal.tls.clientSecret $v.temporal.tls.serverName) }}
{{- fail "temporal.tls has a Secret or a name, and temporal.tls.enabled is false: set it to true." }}
{{- end }}
{{- if and $v.api.ingress.enabled (not $v.api.ingress.host) }}
{{- fail "api.ingress.host is empty: name the host under which people open the service." }}
{{- end }}
{{- if and $v.monitoring.serviceMonitor.enabled (not (or $v.monitoring.serviceMonitor.keySecret $v.trustNetwork)) }}
{{- fail "monitoring.serviceMonitor.keySecret is empty: name a Secret with a key of the API (mtm key add prometheus --role viewer), without which it tells no figures." }}
{{- end }}
{{- end }}
