{{/* The operator's settings: the names are those of modelway.settings, every value is a string. */}}
{{- define "modelway.environment" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: MODELWAY_SERVER_IMAGE
  value: {{ include "modelway.image" (dict "image" .Values.server.image "version" .Chart.AppVersion) | quote }}
- name: MODELWAY_IMAGE_PULL_POLICY
  value: {{ .Values.server.image.pullPolicy | quote }}
- name: MODELWAY_IMAGE_PULL_SECRETS
  value: {{ include "modelway.names" .Values.server.imagePullSecrets | quote }}
- name: MODELWAY_IMAGE_POLICY
  value: {{ .Values.server.imagePolicy | quote }}
- name: MODELWAY_FOLLOW_AT_ONCE
  value: {{ .Values.server.followAtOnce | quote }}
- name: MODELWAY_SERVICE_PORT
  value: {{ .Values.server.servicePort | quote }}
- name: MODELWAY_DRAIN_SECONDS
  value: {{ .Values.server.drainSeconds | quote }}
- name: MODELWAY_WALLS
  value: {{ .Values.server.walls | quote }}
- name: MODELWAY_DEFAULT_CPU_REQUEST
  value: {{ include "modelway.amount" .Values.server.resources.requests.cpu | quote }}
- name: MODELWAY_DEFAULT_MEMORY_REQUEST
  value: {{ include "modelway.amount" .Values.server.resources.requests.memory | quote }}
- name: MODELWAY_DEFAULT_MEMORY_LIMIT
  value: {{ include "modelway.amount" .Values.server.resources.limits.memory | quote }}
- name: MODELWAY_REVISION_HISTORY_LIMIT
  value: {{ .Values.server.revisionHistoryLimit | quote }}
- name: MODELWAY_PROGRESS_DEADLINE_SECONDS
  value: {{ .Values.server.progressDeadlineSeconds | quote }}
- name: MODELWAY_PREFLIGHT_ENABLED
  value: {{ .Values.preflight.enabled | quote }}
- name: MODELWAY_PREFLIGHT_MAX_CONCURRENT
  value: {{ .Values.preflight.maxConcurrent | quote }}
- name: MODELWAY_POLICY_IMAGES
  value: {{ join "," .Values.policy.images | default "-" | quote }}
- name: MODELWAY_POLICY_SECRETS
  value: {{ join "," .Values.policy.secrets.names | default "-" | quote }}
- name: MODELWAY_POLICY_SERVICE_ACCOUNTS
  value: {{ join "," .Values.policy.serviceAccounts | default "-" | quote }}
- name: MODELWAY_POLICY_PRIORITY_CLASSES
  value: {{ join "," .Values.policy.priorityClasses | default "-" | quote }}
- name: MODELWAY_POLICY_RUNTIME_CLASSES
  value: {{ join "," .Values.policy.runtimeClasses | default "-" | quote }}
- name: MODELWAY_POLICY_LABELS
  value: {{ join "," .Values.policy.labels | default "-" | quote }}
- name: MODELWAY_POLICY_ANNOTATIONS
  value: {{ join "," .Values.policy.annotations | default "-" | quote }}
- name: MODELWAY_POLICY_TRUSTED_TYPES
  value: {{ join "," .Values.policy.trustedTypes | default "-" | quote }}
- name: MODELWAY_POLICY_TOLERATIONS
  value: {{ join "," .Values.policy.tolerations | default "-" | quote }}
- name: MODELWAY_POLICY_TOLERATE_EVERYTHING
  value: {{ .Values.policy.tolerateEverything | quote }}
- name: MODELWAY_POLICY_HOSTS
  value: {{ join "," .Values.policy.hosts | default "-" | quote }}
- name: MODELWAY_POLICY_PRIVATE_ADDRESSES
  value: {{ .Values.policy.privateAddresses | quote }}
- name: MODELWAY_POLICY_SECRET_HOSTS
  value: {{ ternary "Required" "Optional" .Values.policy.secrets.requireHosts | quote }}
- name: MODELWAY_ROLLOUTS_PROMETHEUS_URL
  value: {{ .Values.rollouts.prometheus.url | quote }}
- name: MODELWAY_ROLLOUTS_PROMETHEUS_SECRET
  value: {{ ternary "/etc/modelway/prometheus" "" (ne .Values.rollouts.prometheus.secret "") | quote }}
- name: MODELWAY_ROLLOUTS_WEBHOOKS_ALLOWED
  value: {{ join "," .Values.rollouts.webhooks.allowed | default "-" | quote }}
- name: MODELWAY_TOKEN_AUDIENCE
  value: {{ .Values.server.tokenAudience | quote }}
- name: MODELWAY_RUN_AS_USER
  value: {{ ternary .Values.runAsUser (int64 .Values.runAsUser) (kindIs "string" .Values.runAsUser) | quote }}
- name: MODELWAY_WATCH_NAMESPACES
  value: {{ join "," .Values.watch.namespaces | quote }}
- name: MODELWAY_LEASE
  value: {{ printf "%s/%s" .Release.Namespace (include "modelway.fullname" .) | quote }}
- name: MODELWAY_RESYNC_SECONDS
  value: {{ .Values.resyncSeconds | quote }}
- name: MODELWAY_LOG_LEVEL
  value: {{ .Values.logLevel | quote }}
- name: MODELWAY_HEALTH_PORT
  value: {{ .Values.healthPort | quote }}
{{- end -}}
