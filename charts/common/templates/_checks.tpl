{{/*
Not empty in the environments that are open to the world.
*/}}
{{- define "common.isStrict" -}}
{{- if has .Values.common.global.environment (list "staging" "production") -}}true{{- end -}}
{{- end -}}

{{/*
Refuses what cannot work anywhere, and in staging and production what is fit for a laptop only. Renders nothing.
*/}}
{{- define "common.checks" -}}
{{- $common := .Values.common -}}
{{- $global := $common.global -}}
{{- with $common.autoscaling -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- fail (printf "%s: common.autoscaling.minReplicas (%d) is above maxReplicas (%d)." $.Chart.Name (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- if and (has (toString $common.rollout.maxSurge) (list "0" "0%")) (has (toString $common.rollout.maxUnavailable) (list "0" "0%")) -}}
{{- fail (printf "%s: common.rollout.maxSurge and maxUnavailable are both 0: no pod could ever be replaced." .Chart.Name) -}}
{{- end -}}
{{- include "common.checkSettings" . -}}
{{- if $common.keda.enabled -}}{{ include "common.checkKeda" . }}{{- end -}}
{{- if include "common.isStrict" . -}}
{{- if and $common.postgres.role (ne $global.postgres.tls "verify-full") -}}
{{- fail (printf "global.postgres.tls must be verify-full in %s: connections to Postgres have to be encrypted and the server verified." $global.environment) -}}
{{- end -}}
{{- if and $common.redis.enabled (not (and $global.redis.tls $global.redis.auth)) -}}
{{- fail (printf "global.redis.tls and global.redis.auth must be true in %s." $global.environment) -}}
{{- end -}}
{{- if and $common.kafka.enabled (ne $global.kafka.securityProtocol "SASL_SSL") -}}
{{- fail (printf "global.kafka.securityProtocol must be SASL_SSL in %s." $global.environment) -}}
{{- end -}}
{{- if and (or (eq $common.port.name "grpc") $common.calls) (not $common.global.grpcTls.enabled) -}}
{{- fail (printf "global.grpcTls.enabled must be true in %s: the services would call each other in the open, and take calls from anybody." $global.environment) -}}
{{- end -}}
{{- if not $common.readOnlyRootFilesystem -}}
{{- fail (printf "%s: common.readOnlyRootFilesystem must be true in %s." .Chart.Name $global.environment) -}}
{{- end -}}
{{- include "common.checkPasswords" . -}}
{{- end -}}
{{- end -}}

{{/*
Refuses settings that are said elsewhere already, of which one would silently win, and secrets that would be written for all to read.
*/}}
{{- define "common.checkSettings" -}}
{{- $common := .Values.common -}}
{{- $taken := include "common.settingsOfRelease" . | fromYaml -}}
{{- range $name, $_ := $common.settings -}}
{{- if hasKey $taken $name -}}
{{- fail (printf "%s: common.settings.%s is set by the chart already, from global values: change it there." $.Chart.Name $name) -}}
{{- end -}}
{{- if or (hasKey $common.secrets $name) (and $common.postgres.role (eq $name "DATABASE_URL")) (and $common.redis.enabled (eq $name "REDIS_URL")) -}}
{{- fail (printf "%s: common.settings.%s would be kept in the open: it belongs into a Secret, see common.secrets." $.Chart.Name $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Refuses `common.keda` that would scale by nothing, or cannot read the lag of a broker that asks for a password. Renders nothing.
*/}}
{{- define "common.checkKeda" -}}
{{- $keda := .Values.common.keda -}}
{{- if not (or $keda.topic $keda.schedules) -}}
{{- fail (printf "%s: common.keda needs a topic or schedules: there is nothing to scale by." .Chart.Name) -}}
{{- end -}}
{{- if and $keda.topic (not $keda.consumerGroup) -}}
{{- fail (printf "%s: common.keda.consumerGroup is needed with a topic: its lag is what is scaled by." .Chart.Name) -}}
{{- end -}}
{{- if and $keda.topic (hasPrefix "SASL" .Values.common.global.kafka.securityProtocol) (not $keda.authentication) -}}
{{- fail (printf "%s: common.keda.authentication must name a TriggerAuthentication with the broker's username and password, see k8s/production/keda." .Chart.Name) -}}
{{- end -}}
{{- end -}}

{{/*
Refuses passwords that are missing, empty or known to everybody. Only where a cluster answers: `helm template` asks none.
*/}}
{{- define "common.checkPasswords" -}}
{{- if lookup "v1" "Namespace" "" .Release.Namespace -}}
{{- range $variable, $secret := .Values.common.secrets -}}
{{- if and (not $secret.optional) (include "common.needsSecret" (dict "common" $.Values.common "variable" $variable)) -}}
{{- $name := $secret.name | default (include "common.fullname" $) -}}
{{- $found := lookup "v1" "Secret" $.Release.Namespace $name | default dict -}}
{{- $password := index ($found.data | default dict) ($secret.key | default $variable) | default "" | b64dec -}}
{{- if or (lt (len $password) 16) (regexMatch "(?i)change.?me|passw|default|example|heyday" $password) -}}
{{- fail (printf "%s: key %s of Secret %s must hold a password of at least 16 characters, none that is a default." $.Chart.Name ($secret.key | default $variable) $name) -}}
{{- end -}}
{{- if and (has $variable (list "DATABASE_PASSWORD" "REDIS_PASSWORD")) (not (regexMatch "^[A-Za-z0-9]+$" $password)) -}}
{{- fail (printf "%s: key %s of Secret %s becomes a part of a URL: it may have letters and digits only." $.Chart.Name ($secret.key | default $variable) $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
