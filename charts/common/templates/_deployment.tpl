{{/*
The Deployment. Replicas are left out where something scales it, or each upgrade would reset them.
*/}}
{{- define "common.deployment" -}}
{{- $common := .Values.common -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "common.fullname" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
spec:
  {{- if not (or $common.autoscaling.enabled $common.keda.enabled) }}
  replicas: {{ $common.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  selector:
    matchLabels: {{- include "common.selectorLabels" . | nindent 6 }}
  strategy:
    rollingUpdate: {{- toYaml $common.rollout | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "common.labels" . | nindent 8 }}
        app.kubernetes.io/component: server
      annotations:
        {{- if $common.readsSettings }}
        checksum/config: {{ include "common.settings" . | sha256sum }}
        {{- end }}
        {{- with include "common.secretVersions" . }}
        checksum/secrets: {{ . | sha256sum }}
        {{- end }}
        {{- with $common.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "common.fullname" . }}
      {{- include "common.podSettings" . | nindent 6 }}
      terminationGracePeriodSeconds: {{ $common.terminationGraceSeconds }}
      topologySpreadConstraints:
        {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - topologyKey: {{ $key }}
          maxSkew: 1
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "common.selectorLabels" $ | nindent 14 }}
          matchLabelKeys: [pod-template-hash]
        {{- end }}
      {{- with $common.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .Chart.Name }}
          {{- include "common.container" . | nindent 10 }}
      volumes:
        {{- include "common.volumes" . | nindent 8 }}
        {{- if include "common.hasGrpcTls" . }}
        - name: grpc-tls
          secret:
            secretName: {{ include "common.grpcTlsSecret" . }}
        {{- end }}
{{- end -}}

{{/*
What all pods of a chart, those of its migrations too, have in common.
*/}}
{{- define "common.podSettings" -}}
automountServiceAccountToken: false
# A Service's name must not become settings such as KAFKA_PORT.
enableServiceLinks: false
securityContext: {{- include "common.podSecurityContext" . | nindent 2 }}
{{- with .Values.common.global.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.common.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.common.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.common.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
The container of the Deployment: the image, `common.args`, settings and Secrets, ports, probes, `common.resources` and mounts.
The migrations' Job has one of its own.
*/}}
{{- define "common.container" -}}
{{- $common := .Values.common -}}
image: {{ include "common.image" . }}
imagePullPolicy: {{ $common.global.image.pullPolicy }}
{{- with $common.args }}
args: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $common.readsSettings }}
envFrom:
  - configMapRef:
      name: {{ include "common.fullname" . }}
{{- end }}
{{- with include "common.secretVariables" . | trim }}
env: {{- . | nindent 2 }}
{{- end }}
ports:
  - name: {{ $common.port.name }}
    containerPort: {{ $common.port.number }}
  {{- if and (eq $common.port.name "grpc") $common.global.grpcTls.enabled }}
  - name: health
    containerPort: {{ include "common.plainHealthPort" . }}
  {{- end }}
  {{- if $common.metricsPort }}
  - name: metrics
    containerPort: {{ $common.metricsPort }}
  {{- end }}
startupProbe:
  {{- include "common.probe" (dict "common" $common "purpose" "live") | nindent 2 }}
  periodSeconds: 2
  timeoutSeconds: 3
  # Two minutes to find Postgres and Kafka.
  failureThreshold: 60
livenessProbe:
  {{- include "common.probe" (dict "common" $common "purpose" "live") | nindent 2 }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  {{- include "common.probe" (dict "common" $common "purpose" "ready") | nindent 2 }}
  periodSeconds: 3
  timeoutSeconds: 3
  failureThreshold: 2
resources: {{- toYaml $common.resources | nindent 2 }}
securityContext: {{- include "common.containerSecurityContext" $common.readOnlyRootFilesystem | nindent 2 }}
volumeMounts:
  {{- include "common.volumeMounts" . | nindent 2 }}
  {{- if include "common.hasGrpcTls" . }}
  - name: grpc-tls
    mountPath: /etc/heyday/tls/grpc
    readOnly: true
  {{- end }}
{{- end -}}

{{/*
Asks whether the process is live or ready: the services' gRPC health has a name for each.
*/}}
{{- define "common.probe" -}}
{{- if eq .common.port.name "grpc" -}}
grpc:
  port: {{ ternary (include "common.plainHealthPort" .) .common.port.number .common.global.grpcTls.enabled }}
  service: {{ ternary "liveness" "readiness" (eq .purpose "live") }}
{{- else -}}
httpGet:
  port: {{ .common.port.name }}
  path: {{ index .common.probePaths .purpose }}
{{- end -}}
{{- end -}}
