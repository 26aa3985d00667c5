{{/*
All objects of one service: the only template that a service's chart needs.
*/}}
{{- define "common.chart" -}}
{{- include "common.checks" . -}}
{{- $common := .Values.common -}}
{{- $kinds := list "serviceAccount" "service" "deployment" "podDisruptionBudget" -}}
{{- if $common.readsSettings }}{{ $kinds = prepend $kinds "configMap" }}{{ end -}}
{{- if $common.keda.enabled }}{{ $kinds = append $kinds "scaledObject" -}}
{{- else if $common.autoscaling.enabled }}{{ $kinds = append $kinds "horizontalPodAutoscaler" }}{{ end -}}
{{- if $common.global.networkPolicy.enabled }}{{ $kinds = append $kinds "networkPolicy" }}{{ end -}}
{{- if and $common.global.monitoring.serviceMonitor $common.metricsPort }}{{ $kinds = append $kinds "serviceMonitor" }}{{ end -}}
{{- if $common.postgres.role }}{{ $kinds = append $kinds "migrationJob" }}{{ end -}}
{{- if and (include "common.hasGrpcTls" .) $common.global.grpcTls.issuer.name }}{{ $kinds = append $kinds "certificate" }}{{ end -}}
{{- if $common.grpcRoute.enabled }}{{ $kinds = append $kinds "grpcRoute" }}{{ end -}}
{{- range $kind := $kinds }}
---
{{ include (printf "common.%s" $kind) $ }}
{{- end }}
{{- end -}}
