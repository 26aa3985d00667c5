{{/*
The image of the umbrella's own pods: any of the Python services' will do.
*/}}
{{- define "heyday.pythonImage" -}}
{{- $image := .Values.common.global.image -}}
{{- $digest := dig "common" "image" "digest" "" (index .Values "user-service") -}}
{{- printf "%s/user-service" $image.repository -}}
{{- if $digest }}@{{ $digest }}{{ else }}:{{ $image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end -}}
