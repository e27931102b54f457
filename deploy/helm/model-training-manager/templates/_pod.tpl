{{/* All but its own of a pod: (list $ "api"), as api, orchestrator or agent. */}}
{{- define "mtm.pod" -}}
{{- $root := index . 0 }}
{{- $part := index . 1 }}
{{- $v := $root.Values -}}
metadata:
  labels: {{- include "mtm.selector" . | nindent 4 }}
  annotations:
    # Settings are read at the start: others start the pods again.
    checksum/settings: {{ include (print $root.Template.BasePath "/settings.yaml") $root | sha256sum }}
spec:
  {{- with $v.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  serviceAccountName: {{ include "mtm.name" $root }}
  # Nothing of it asks Kubernetes for anything.
  automountServiceAccountToken: false
  enableServiceLinks: false
  # The pod's first process takes in what workers leave behind when they end; the service itself is no init.
  shareProcessNamespace: true
  securityContext:
    runAsNonRoot: true
    runAsUser: 1000
    runAsGroup: 1000
    fsGroup: 1000
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  initContainers:
    # Whoever is first brings the schema up to date, under a lock; the others find it so. No hook: those know neither settings nor volumes
    # of the release yet.
    - name: migrate
      args: [migrate]
      {{- include "mtm.container" . | nindent 6 }}
  containers:
    - name: {{ $part }}
      args: [{{ eq $part "agent" | ternary "host" $part }}]
      {{- include "mtm.container" . | nindent 6 }}
{{- end }}

{{- define "mtm.container" -}}
{{- $root := index . 0 }}
{{- $part := index . 1 }}
{{- $v := $root.Values -}}
image: {{ include "mtm.image" . | quote }}
imagePullPolicy: {{ $v.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
envFrom:
  - configMapRef: {name: {{ include "mtm.name" $root }}}
env:
  - name: DATABASE_URL
    valueFrom: {secretKeyRef: {name: {{ $v.database.existingSecret }}, key: {{ $v.database.key }}}}
  {{- with $v.temporal.apiKeySecret }}
  - name: TEMPORAL_API_KEY
    valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $v.temporal.apiKeySecretKey }}}}
  {{- end }}
  {{- if and (eq $part "api") $v.apiKeys.existingSecret }}
  - name: MTM_API_KEYS
    valueFrom: {secretKeyRef: {name: {{ $v.apiKeys.existingSecret }}, key: {{ $v.apiKeys.key }}}}
  {{- end }}
  {{- if eq $part "agent" }}
  # The pool knows a machine by it, so it must be the same after each restart: that of the node, or of the StatefulSet's pod.
  - name: MTM_HOST_NAME
    valueFrom: {fieldRef: {fieldPath: {{ eq $v.agents.kind "DaemonSet" | ternary "spec.nodeName" "metadata.name" }}}}
  - name: MTM_STOP_GRACE_MS
    value: {{ mul 1000 $v.agents.stopGraceSeconds | quote }}
  {{- with $v.huggingFace.existingSecret }}
  - name: HF_TOKEN
    valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $v.huggingFace.key }}}}
  {{- end }}
  {{- end }}
  {{- with $v.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - {name: home, mountPath: /data}
  - {name: tmp, mountPath: /tmp}
  {{- if eq $part "agent" }}
  - {name: shm, mountPath: /dev/shm}
  {{- end }}
  {{- range include "mtm.secretFolders" $root | fromYamlArray }}
  - {name: {{ .name }}, mountPath: {{ printf "/etc/mtm/%s" .name }}, readOnly: true}
  {{- end }}
  {{- with $v.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "mtm.volumes" -}}
{{- $root := index . 0 }}
{{- $v := $root.Values -}}
volumes:
  - name: home
    persistentVolumeClaim: {claimName: {{ $v.home.existingClaim | default (printf "%s-home" (include "mtm.name" $root)) }}}
  - name: tmp
    emptyDir: {}
  {{- if eq (index . 1) "agent" }}
  - name: shm
    emptyDir: {medium: Memory, sizeLimit: {{ $v.agents.sharedMemory }}}
  {{- end }}
  {{- range include "mtm.secretFolders" $root | fromYamlArray }}
  - name: {{ .name }}
    secret: {secretName: {{ .secret }}, defaultMode: 0440}
  {{- end }}
  {{- with $v.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Certificates and keys, each Secret in a folder of its own. */}}
{{- define "mtm.secretFolders" -}}
{{- $v := .Values }}
{{- range $name, $secret := dict "database-ca" $v.database.caSecret "database-client" $v.database.clientSecret "temporal-ca" $v.temporal.tls.caSecret "temporal-client" $v.temporal.tls.clientSecret }}
{{- if $secret }}
- {name: {{ $name }}, secret: {{ $secret }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "mtm.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
