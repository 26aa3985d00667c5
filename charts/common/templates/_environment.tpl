{{/*
All settings that are no secret, as YAML: those of the release first, then those of the chart.
*/}}
{{- define "common.settings" -}}
{{- include "common.settingsOfRelease" . }}
{{- range $name, $value := .Values.common.settings }}
{{ $name }}: {{ include "common.settingText" (dict "value" $value "root" $) | quote }}
{{- end }}
{{- end -}}

{{/*
The settings that follow from global values and from what the chart is given to work with. `common.settings` may not say them again.
*/}}
{{- define "common.settingsOfRelease" -}}
{{- $common := .Values.common -}}
{{- $global := $common.global -}}
ENVIRONMENT: {{ $global.environment }}
LOG_LEVEL: {{ $global.logLevel }}
{{- if $common.kafka.enabled }}
KAFKA_BOOTSTRAP_SERVERS: {{ $global.kafka.bootstrapServers | quote }}
KAFKA_SECURITY_PROTOCOL: {{ $global.kafka.securityProtocol }}
{{- if hasPrefix "SASL" $global.kafka.securityProtocol }}
KAFKA_SASL_MECHANISM: {{ $global.kafka.saslMechanism }}
KAFKA_SASL_USERNAME: {{ $common.kafka.username | default .Chart.Name }}
{{- end }}
{{- if $global.kafka.caSecret }}
KAFKA_CA_FILE: /etc/heyday/tls/kafka/ca.crt
{{- end }}
{{- end }}
{{- if include "common.hasGrpcTls" . }}
{{ include "common.grpcTlsSettings" . }}
{{- end }}
{{- if $common.provider.enabled }}
PROVIDER_KIND: {{ $global.provider.kind }}
{{- with $global.provider.onUnsure }}
ON_UNSURE: {{ . }}
{{- end }}
{{- end }}
{{- if and $common.traces.enabled $global.otlpEndpoint }}
OTLP_ENDPOINT: {{ $global.otlpEndpoint | quote }}
{{- end }}
{{- range $called := $common.calls }}
{{ $called | upper | replace "-" "_" }}_TARGET: dns:///{{ $.Release.Name }}-{{ $called }}:50051
{{- end }}
{{- end -}}

{{/*
One setting as text: JSON for maps and lists, no exponents for numbers.
*/}}
{{- define "common.settingText" -}}
{{- if or (kindIs "map" .value) (kindIs "slice" .value) -}}
{{ toJson .value }}
{{- else if kindIs "float64" .value -}}
{{ if eq (floor .value) .value }}{{ int64 .value }}{{ else }}{{ .value }}{{ end }}
{{- else -}}
{{ tpl (toString .value) .root }}
{{- end -}}
{{- end -}}

{{/*
Environment variables with secrets in them. A URL refers to its password by $(NAME), so that only the Secret holds it.
*/}}
{{- define "common.secretVariables" -}}
{{- $common := .Values.common -}}
{{- range $variable, $secret := $common.secrets }}
{{- if include "common.needsSecret" (dict "common" $common "variable" $variable) }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret.name | default (include "common.fullname" $) }}
      key: {{ $secret.key | default $variable }}
      {{- if $secret.optional }}
      optional: true
      {{- end }}
{{- end }}
{{- end }}
{{- if $common.postgres.role }}
{{ include "common.databaseUrl" . }}
{{- end }}
{{- if $common.redis.enabled }}
- name: REDIS_URL
  {{- with $common.global.redis }}
  value: {{ printf "%s://%s%s:%v/0%s" (ternary "rediss" "redis" .tls) (ternary ":$(REDIS_PASSWORD)@" "" .auth) .host .port (ternary "?ssl_ca_certs=/etc/heyday/tls/redis/ca.crt" "" (and .tls (ne .caSecret ""))) }}
  {{- end }}
{{- end }}
{{- end -}}

{{/*
Versions of the Secrets behind those variables, so that an upgrade takes in what has changed. Not their contents: whoever may read a pod
could guess at a password by its hash. Empty where no cluster answers.
*/}}
{{- define "common.secretVersions" -}}
{{- range $variable, $secret := .Values.common.secrets -}}
{{- if include "common.needsSecret" (dict "common" $.Values.common "variable" $variable) -}}
{{- $name := $secret.name | default (include "common.fullname" $) -}}
{{- with lookup "v1" "Secret" $.Release.Namespace $name -}}
{{ printf "%s:%s " $name .metadata.resourceVersion }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
The variable DATABASE_URL: `common.postgres.role` at the server of `global.postgres`, verified as its `tls` and `caSecret` say.
*/}}
{{- define "common.databaseUrl" -}}
{{- $postgres := .Values.common.global.postgres -}}
{{- $authority := ternary "/etc/heyday/tls/postgres/ca.crt" "/etc/ssl/certs/ca-certificates.crt" (ne $postgres.caSecret "") -}}
{{- $verification := ternary (printf "&sslrootcert=%s" $authority) "" (hasPrefix "verify" $postgres.tls) -}}
- name: DATABASE_URL
  value: {{ printf "postgresql://%s:$(DATABASE_PASSWORD)@%s:%v/%s?sslmode=%s%s" .Values.common.postgres.role $postgres.host $postgres.port $postgres.database $postgres.tls $verification }}
{{- end -}}

{{/*
"true" if the variable is of use: no password is asked of a Redis or Kafka that wants none.
*/}}
{{- define "common.needsSecret" -}}
{{- $global := .common.global -}}
{{- if eq .variable "REDIS_PASSWORD" -}}
{{- if $global.redis.auth }}true{{ end -}}
{{- else if eq .variable "KAFKA_SASL_PASSWORD" -}}
{{- if hasPrefix "SASL" $global.kafka.securityProtocol }}true{{ end -}}
{{- else -}}
true
{{- end -}}
{{- end -}}

{{/*
Names of the servers, in use here, whose certificates a Secret vouches for: "postgres kafka".
*/}}
{{- define "common.vouched" -}}
{{- $common := .Values.common -}}
{{- $global := $common.global -}}
{{- if and $common.postgres.role $global.postgres.caSecret }}postgres {{ end -}}
{{- if and $common.redis.enabled $global.redis.tls $global.redis.caSecret }}redis {{ end -}}
{{- if and $common.kafka.enabled $global.kafka.caSecret }}kafka {{ end -}}
{{- end -}}

{{/*
A pod's volumes: /tmp, the authorities of `global.*.caSecret`, `common.secretFiles` and `common.volumes`.
*/}}
{{- define "common.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- range $server := include "common.vouched" . | trim | splitList " " | compact }}
- name: {{ $server }}-ca
  secret:
    secretName: {{ (index $.Values.common.global $server).caSecret }}
    items:
      - key: ca.crt
        path: ca.crt
{{- end }}
{{- range $folder, $secret := .Values.common.secretFiles }}
{{- with tpl $secret.name $ }}
- name: {{ $folder }}
  secret:
    secretName: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.common.volumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
Where a container finds those volumes: each Secret has its folder below /etc/heyday; `common.volumeMounts` comes last.
*/}}
{{- define "common.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- range $server := include "common.vouched" . | trim | splitList " " | compact }}
- name: {{ $server }}-ca
  mountPath: /etc/heyday/tls/{{ $server }}
  readOnly: true
{{- end }}
{{- range $folder, $secret := .Values.common.secretFiles }}
{{- if tpl $secret.name $ }}
- name: {{ $folder }}
  mountPath: /etc/heyday/{{ $folder }}
  readOnly: true
{{- end }}
{{- end }}
{{- with .Values.common.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}
