{{/*
The Prometheus Operator's ServiceMonitor of `common.metricsPort`, with the labels of `global.monitoring.labels`.
*/}}
{{- define "common.serviceMonitor" -}}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" . | nindent 4 }}
    {{- with .Values.common.global.monitoring.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels: {{- include "common.memberLabels" . | nindent 6 }}
  endpoints:
    - port: metrics
      interval: 15s
{{- end -}}
