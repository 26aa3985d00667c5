{{/*
The image of the umbrella's own pods: user-service's, as any of the Python services' will do.
*/}}
{{- define "heyday.pythonImage" -}}
{{- $users := index .Values "user-service" -}}
{{- include "common.image" (dict "Values" $users "Chart" (dict "Name" "user-service" "AppVersion" .Chart.AppVersion)) -}}
{{- end -}}
