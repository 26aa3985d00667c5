{{/*
Nothing in or out but what the chart names: its clients and Prometheus; DNS, its servers, what it calls.
*/}}
{{- define "common.networkPolicy" -}}
{{- $common := .Values.common -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "common.fullname" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "common.memberLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress: {{- include "common.networkIngress" . | nindent 4 }}
  egress: {{- include "common.networkEgress" . | nindent 4 }}
{{- end -}}

{{- define "common.networkIngress" -}}
{{- $common := .Values.common -}}
- ports:
    - port: {{ $common.port.number }}
  {{- if not (has "*" $common.networkPolicy.clients) }}
  from:
    {{- range $client := $common.networkPolicy.clients }}
    - podSelector:
        matchLabels:
          app.kubernetes.io/name: {{ $client }}
          app.kubernetes.io/instance: {{ $.Release.Name }}
    {{- end }}
  {{- end }}
{{- if $common.metricsPort }}
- ports:
    - port: {{ $common.metricsPort }}
  from:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ $common.global.monitoring.namespace }}
{{- end }}
{{- end -}}

{{- define "common.networkEgress" -}}
{{- $common := .Values.common -}}
{{- $global := $common.global -}}
- ports:
    - port: 53
      protocol: UDP
    - port: 53
{{- if $common.postgres.role }}
- ports:
    - port: {{ $global.postgres.port }}
{{- end }}
{{- if $common.redis.enabled }}
- ports:
    - port: {{ $global.redis.port }}
{{- end }}
{{- if $common.kafka.enabled }}
- ports:
    {{- range $global.kafka.bootstrapServers | splitList "," }}
    - port: {{ . | trim | splitList ":" | last | int }}
    {{- end }}
{{- end }}
{{- if and $common.traces.enabled $global.otlpEndpoint }}
- ports:
    - port: {{ $global.otlpEndpoint | splitList ":" | last | int }}
{{- end }}
{{- range $called := $common.calls }}
- ports:
    - port: 50051
  to:
    - podSelector:
        matchLabels:
          app.kubernetes.io/name: {{ $called }}
          app.kubernetes.io/instance: {{ $.Release.Name }}
{{- end }}
{{- with $common.networkPolicy.egress }}
{{ toYaml . }}
{{- end }}
{{- end -}}
