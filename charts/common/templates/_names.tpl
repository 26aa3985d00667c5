{{/*
Name of a chart's objects: RELEASE-CHART, truncated at 63 because of the DNS naming spec.
*/}}
{{- define "common.fullname" -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
Labels of every object.
*/}}
{{- define "common.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "common.memberLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: heyday
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/*
Labels shared by all pods of a chart, those of its migrations too: what network policies select.
*/}}
{{- define "common.memberLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/*
Labels of the pods that serve. A migration's pod must not be selected: it would get calls.
*/}}
{{- define "common.selectorLabels" -}}
{{ include "common.memberLabels" . }}
app.kubernetes.io/component: server
{{- end -}}

{{/*
Image with its tag, or its digest where there is one.
*/}}
{{- define "common.image" -}}
{{- $common := .Values.common -}}
{{- $image := $common.global.image -}}
{{- $name := printf "%s/%s" $image.repository ($common.image.name | default .Chart.Name) -}}
{{- if $common.image.digest -}}
{{ $name }}@{{ $common.image.digest }}
{{- else -}}
{{ $name }}:{{ $common.image.tag | default $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}
