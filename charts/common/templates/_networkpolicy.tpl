{{/*
Nothing in or out but what the chart names: its clients and Prometheus; DNS, its servers, what it calls, what its settings name by URL.
A policy cannot name hosts outside the cluster, nor know whether a host is inside: for those it gives the port alone.
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

{{/*
Who is let in: `common.networkPolicy.clients` at the port, pods of `global.monitoring.namespace` at the metrics.
*/}}
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

{{/*
What is let out, each by its port: DNS; the servers of `global` that the chart uses; what `common.settings` names; `common.calls`;
what `common.networkPolicy.egress` adds.
*/}}
{{- define "common.networkEgress" -}}
{{- $common := .Values.common -}}
{{- $global := $common.global -}}
{{ include "common.egressToDNS" . }}
{{- if $common.postgres.role }}
- ports:
    - port: {{ $global.postgres.port }}
{{- end }}
{{- if $common.redis.enabled }}
- ports:
    - port: {{ $global.redis.port }}
{{- end }}
{{- if $common.kafka.enabled }}
{{ include "common.egressToKafka" . }}
{{- end }}
{{- if and $common.traces.enabled $global.otlpEndpoint }}
- ports:
    - port: {{ include "common.urlPort" $global.otlpEndpoint }}
{{- end }}
{{- range $value := $common.settings }}
{{- $text := include "common.settingText" (dict "value" $value "root" $) }}
{{- if regexMatch "^https?://" $text }}
- ports:
    - port: {{ include "common.urlPort" $text }}
{{- end }}
{{- end }}
{{- if $common.settings.SMTP_HOST }}
- ports:
    - port: {{ $common.settings.SMTP_PORT | default 587 | int }}
{{- end }}
{{- range $called := $common.calls }}
{{ include "common.egressToChart" (dict "root" $ "chart" $called "port" 50051) }}
{{- end }}
{{- with $common.networkPolicy.egress }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
The rule by which names are looked up, wherever the cluster's DNS runs.
*/}}
{{- define "common.egressToDNS" -}}
- ports:
    - port: 53
      protocol: UDP
    - port: 53
{{- end -}}

{{/*
The rule for Kafka: the ports of `global.kafka.bootstrapServers`.
*/}}
{{- define "common.egressToKafka" -}}
- ports:
    {{- range .Values.common.global.kafka.bootstrapServers | splitList "," }}
    - port: {{ . | trim | splitList ":" | last | int }}
    {{- end }}
{{- end -}}

{{/*
The rule for another chart of the release: its pods, at one port. Takes `root`, `chart` and `port`.
*/}}
{{- define "common.egressToChart" -}}
- ports:
    - port: {{ .port }}
  to:
    - podSelector:
        matchLabels:
          app.kubernetes.io/name: {{ .chart }}
          app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{/*
The port that a URL leads to, said or not.
*/}}
{{- define "common.urlPort" -}}
{{- $url := urlParse . -}}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (ternary "443" "80" (eq $url.scheme "https")) -}}
{{- end -}}
