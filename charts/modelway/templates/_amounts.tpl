{{/* An amount as text: Helm reads a whole number as a float, which would be printed with an exponent. */}}
{{- define "modelway.amount" -}}
{{- if kindIs "string" . -}}{{ . }}{{- else -}}{{ int64 . }}{{- end -}}
{{- end -}}

{{/* The number that an amount stands for: bytes, or cores. */}}
{{- define "modelway.number" -}}
{{- $text := include "modelway.amount" . -}}
{{- $scales := dict "" 1.0 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 -}}
{{- mulf (float64 (regexFind "^[0-9.]+" $text)) (get $scales (regexFind "[A-Za-z]*$" $text)) -}}
{{- end -}}

{{/* Fail where a request is above its limit; call with a dict of `resources` and `path`. */}}
{{- define "modelway.requestsWithinLimits" -}}
{{- $requests := .resources.requests | default dict -}}
{{- $path := .path -}}
{{- range $name, $limit := .resources.limits | default dict -}}
{{- $request := get $requests $name -}}
{{- if and $request (gt (float64 (include "modelway.number" $request)) (float64 (include "modelway.number" $limit))) -}}
{{- fail (printf "%s.requests.%s is %s, which is above %s.limits.%s, %s: raise the limit or lower the request" $path $name (include "modelway.amount" $request) $path $name (include "modelway.amount" $limit)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Fail where the schema cannot say that the operator would not start with these values. */}}
{{- define "modelway.checkAmounts" -}}
{{- include "modelway.requestsWithinLimits" (dict "resources" .Values.server.resources "path" "server.resources") -}}
{{- include "modelway.requestsWithinLimits" (dict "resources" (.Values.resources | default dict) "path" "resources") -}}
{{- range $side, $amounts := .Values.server.resources -}}
{{- $memory := include "modelway.number" $amounts.memory -}}
{{- if gt (float64 $memory) 70368744177664.0 -}}
{{- fail (printf "server.resources.%s.memory is %s: it must be at most 64Ti" $side (include "modelway.amount" $amounts.memory)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
