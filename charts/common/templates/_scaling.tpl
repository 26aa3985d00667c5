{{/*
Scales by CPU: up at once, by doubling; down one at a time, after a pause.
*/}}
{{- define "common.horizontalPodAutoscaler" -}}
{{- $autoscaling := .Values.common.autoscaling -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "common.fullname" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "common.fullname" . }}
  minReplicas: {{ $autoscaling.minReplicas }}
  maxReplicas: {{ $autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ $autoscaling.targetCPU }}
  behavior: {{- include "common.scalingBehavior" $autoscaling | nindent 4 }}
{{- end -}}

{{/*
How fast an HPA, ours or KEDA's, goes up and down. Takes `common.autoscaling`, and reads its `scaleDownSeconds`.
*/}}
{{- define "common.scalingBehavior" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  policies:
    - type: Percent
      value: 100
      periodSeconds: 15
    - type: Pods
      value: 4
      periodSeconds: 15
  selectPolicy: Max
scaleDown:
  stabilizationWindowSeconds: {{ .scaleDownSeconds }}
  policies:
    - type: Pods
      value: 1
      periodSeconds: 30
{{- end -}}

{{/*
Scales by consumer lag, and ahead of known peaks. KEDA makes the HPA: ours is left out. Never to zero: a cold start at nine is late.
*/}}
{{- define "common.scaledObject" -}}
{{- $common := .Values.common -}}
{{- $keda := $common.keda -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ include "common.fullname" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    name: {{ include "common.fullname" . }}
  minReplicaCount: {{ $common.autoscaling.minReplicas }}
  maxReplicaCount: {{ $common.autoscaling.maxReplicas }}
  pollingInterval: 10
  cooldownPeriod: {{ $common.autoscaling.scaleDownSeconds }}
  # What is kept if the lag cannot be read: at a peak, those that are there.
  fallback:
    behavior: currentReplicasIfHigher
    failureThreshold: 3
    replicas: {{ $common.autoscaling.minReplicas }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior: {{- include "common.scalingBehavior" $common.autoscaling | nindent 8 }}
  triggers:
    {{- if $keda.topic }}
    - type: kafka
      metadata:
        bootstrapServers: {{ $common.global.kafka.bootstrapServers | quote }}
        {{- if hasSuffix "SSL" $common.global.kafka.securityProtocol }}
        tls: enable
        {{- end }}
        {{- if hasPrefix "SASL" $common.global.kafka.securityProtocol }}
        sasl: {{ get (dict "PLAIN" "plaintext" "SCRAM-SHA-256" "scram_sha256" "SCRAM-SHA-512" "scram_sha512") $common.global.kafka.saslMechanism }}
        {{- end }}
        topic: {{ $keda.topic }}
        consumerGroup: {{ $keda.consumerGroup }}
        lagThreshold: {{ $keda.lagPerReplica | quote }}
        limitToPartitionsWithLag: "true"
      {{- with $keda.authentication }}
      authenticationRef:
        name: {{ . }}
      {{- end }}
    {{- end }}
    {{- range $keda.schedules }}
    - type: cron
      metadata:
        timezone: {{ .timezone }}
        start: {{ .start | quote }}
        end: {{ .end | quote }}
        desiredReplicas: {{ .replicas | quote }}
    {{- end }}
{{- end -}}

{{/*
How many pods a drain of nodes may take at once: `common.podDisruptionBudget.maxUnavailable`.
*/}}
{{- define "common.podDisruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "common.fullname" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .Values.common.podDisruptionBudget.maxUnavailable }}
  # A pod that is not ready protects nothing.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "common.selectorLabels" . | nindent 6 }}
{{- end -}}
