{{/*
"true" if the chart takes part in TLS between the services: it serves gRPC, or calls.
*/}}
{{- define "common.hasGrpcTls" -}}
{{- $common := .Values.common -}}
{{- if and $common.global.grpcTls.enabled (or (eq $common.port.name "grpc") $common.calls) }}true{{ end -}}
{{- end -}}

{{/*
Name of the Secret with the chart's certificate for TLS between the services: RELEASE-CHART-tls.
*/}}
{{- define "common.grpcTlsSecret" -}}
{{ include "common.fullname" . }}-tls
{{- end -}}

{{/*
Where health alone is served in plain: Kubernetes' gRPC probes know no TLS.
*/}}
{{- define "common.plainHealthPort" -}}
50052
{{- end -}}

{{/*
Settings that name the files of that Secret and, where gRPC is served (`common.port.name`), the address of the plain health.
*/}}
{{- define "common.grpcTlsSettings" -}}
GRPC_TLS_CERTIFICATE_FILE: /etc/heyday/tls/grpc/tls.crt
GRPC_TLS_KEY_FILE: /etc/heyday/tls/grpc/tls.key
GRPC_TLS_CA_FILE: /etc/heyday/tls/grpc/ca.crt
{{- if eq .Values.common.port.name "grpc" }}
GRPC_HEALTH_ADDRESS: 0.0.0.0:{{ include "common.plainHealthPort" . }}
{{- end }}
{{- end -}}

{{/*
The certificate that a service shows: as a server to those who use its name, and as a client. Renewed by cert-manager, taken up by the process.
*/}}
{{- define "common.certificate" -}}
{{- $issuer := .Values.common.global.grpcTls.issuer -}}
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ include "common.fullname" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
spec:
  secretName: {{ include "common.grpcTlsSecret" . }}
  dnsNames:
    - {{ include "common.fullname" . }}
    - {{ include "common.fullname" . }}.{{ .Release.Namespace }}.svc
  usages: [digital signature, server auth, client auth]
  duration: 2160h
  renewBefore: 720h
  privateKey:
    algorithm: ECDSA
    size: 256
    rotationPolicy: Always
  issuerRef:
    name: {{ $issuer.name }}
    kind: {{ $issuer.kind }}
    group: cert-manager.io
{{- end -}}
