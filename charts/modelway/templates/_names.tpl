{{- define "modelway.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* For objects of the whole cluster: releases of one name in several namespaces each have their own. */}}
{{- define "modelway.clusterName" -}}
{{ include "modelway.fullname" . }}:{{ .Release.Namespace }}
{{- end -}}

{{/* Never `default`: every pod of the namespace that names no account runs under that one, and would have the operator's rights. */}}
{{- define "modelway.serviceAccount" -}}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) -}}
{{- fail "serviceAccount.create is false: name in serviceAccount.name the account that the operator is to run under" -}}
{{- end -}}
{{- $name := default (include "modelway.fullname" .) .Values.serviceAccount.name -}}
{{- if eq $name "default" -}}
{{- fail "serviceAccount.name is default, under which every pod of the namespace runs and would get the operator's rights: choose another name" -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* The user of a pod; call with the value of runAsUser. */}}
{{- define "modelway.user" -}}
runAsNonRoot: true
{{- if not (kindIs "string" .) }}
runAsUser: {{ int64 . }}
runAsGroup: {{ int64 . }}
fsGroup: {{ int64 . }}
{{- end }}
{{- end -}}

{{- define "modelway.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "modelway.labels" -}}
{{ include "modelway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* An image reference; call with a dict of `image` and `version`. */}}
{{- define "modelway.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ default .version .image.tag }}
{{- end -}}
{{- end -}}

{{- define "modelway.monitoringLabels" -}}
{{ include "modelway.labels" . }}
{{- with .Values.monitoring.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Fail where prometheus-operator's definitions are not there; call with a dict of `root`, `kind` and `value`. */}}
{{- define "modelway.needsPrometheusOperator" -}}
{{- $version := printf "monitoring.coreos.com/v1/%s" .kind -}}
{{- if not (.root.Capabilities.APIVersions.Has $version) -}}
{{- fail (printf "%s asks for a %s, and this cluster knows none: install the definitions of prometheus-operator first, or leave the value out. Where no cluster is asked, as by helm template, add --api-versions %s" .value .kind $version) -}}
{{- end -}}
{{- end -}}

{{/* The names of a list of objects, separated by commas. */}}
{{- define "modelway.names" -}}
{{- $names := list -}}
{{- range . }}{{ $names = append $names .name }}{{ end -}}
{{ join "," $names }}
{{- end -}}
