{{/*
Applies the migrations before the pods of the new version start. It stands alone: nothing else of the release need exist yet.
*/}}
{{- define "common.migrationJob" -}}
{{- $common := .Values.common -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "common.fullname" . | trunc 56 }}-migrate
  labels: {{- include "common.labels" . | nindent 4 }}
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  # The database may still be starting; a migration that fails changes nothing and may be begun again.
  backoffLimit: 4
  activeDeadlineSeconds: 600
  template:
    metadata:
      labels:
        {{- include "common.labels" . | nindent 8 }}
        app.kubernetes.io/component: migrations
    spec:
      # Each try is a pod of its own, which stays with its log if it fails.
      restartPolicy: Never
      {{- include "common.podSettings" . | nindent 6 }}
      containers:
        - name: migrate
          image: {{ include "common.image" . }}
          imagePullPolicy: {{ $common.global.image.pullPolicy }}
          args: {{- toYaml $common.migrations.args | nindent 12 }}
          env:
            - name: ENVIRONMENT
              value: {{ $common.global.environment }}
            - name: DATABASE_PASSWORD
              valueFrom:
                secretKeyRef:
                  name: {{ $common.secrets.DATABASE_PASSWORD.name | default (include "common.fullname" .) }}
                  key: {{ $common.secrets.DATABASE_PASSWORD.key | default "DATABASE_PASSWORD" }}
            {{- include "common.databaseUrl" . | nindent 12 }}
          resources:
            requests: {cpu: 100m, memory: 128Mi}
            limits: {memory: 256Mi}
          securityContext: {{- include "common.containerSecurityContext" true | nindent 12 }}
          volumeMounts: {{- include "common.volumeMounts" . | nindent 12 }}
      volumes: {{- include "common.volumes" . | nindent 8 }}
{{- end -}}
