{{/*
The Service. Headless for gRPC: clients see every pod's address and spread their calls themselves.
*/}}
{{- define "common.service" -}}
{{- $common := .Values.common -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "common.fullname" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
spec:
  {{- if eq $common.port.name "grpc" }}
  clusterIP: None
  {{- end }}
  {{- if $common.publishNotReadyAddresses }}
  publishNotReadyAddresses: true
  {{- end }}
  selector: {{- include "common.selectorLabels" . | nindent 4 }}
  ports:
    - name: {{ $common.port.name }}
      port: {{ $common.port.number }}
      targetPort: {{ $common.port.name }}
      {{- if and (eq $common.port.name "grpc") (not $common.global.grpcTls.enabled) }}
      appProtocol: kubernetes.io/h2c
      {{- end }}
    {{- if $common.metricsPort }}
    - name: metrics
      port: {{ $common.metricsPort }}
      targetPort: metrics
    {{- end }}
{{- end -}}

{{/*
An account of its own without any right or token, so that none is given by accident.
*/}}
{{- define "common.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "common.fullname" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end -}}

{{/*
The ConfigMap of all settings that are no secret, which the pods read as their environment.
*/}}
{{- define "common.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "common.fullname" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
data: {{- include "common.settings" . | nindent 2 }}
{{- end -}}

{{/*
Leads gRPC clients from a Gateway to the methods that are named.
*/}}
{{- define "common.grpcRoute" -}}
{{- $route := .Values.common.grpcRoute -}}
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata:
  name: {{ include "common.fullname" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
spec:
  parentRefs: {{- required "common.grpcRoute.parentRefs must name a Gateway" $route.parentRefs | toYaml | nindent 4 }}
  {{- with $route.hostnames }}
  hostnames: {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    - matches:
        {{- range required "common.grpcRoute.methods must name what is led in" $route.methods }}
        - method: {{- toYaml . | nindent 12 }}
        {{- end }}
      backendRefs:
        - name: {{ include "common.fullname" . }}
          port: {{ .Values.common.port.number }}
{{- end -}}
