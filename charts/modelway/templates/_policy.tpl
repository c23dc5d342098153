{{/* One regular expression for a list of patterns in which * stands for anything; matches nothing where the list is empty. */}}
{{- define "modelway.patterns" -}}
{{- $each := list -}}
{{- range . -}}
{{- $each = append $each (replace "\\*" ".*" (regexQuoteMeta .)) -}}
{{- end -}}
^({{ join "|" $each }})$
{{- end -}}

{{/* The same for hosts, held against host:port; an entry without a port allows all of them. */}}
{{- define "modelway.hosts" -}}
{{- $each := list -}}
{{- range . -}}
{{- $name := regexReplaceAll ":[0-9]+$" . "" -}}
{{- $port := default ":[0-9]+" (trimPrefix $name .) -}}
{{- $each = append $each (print (replace "\\*" ".*" (regexQuoteMeta (trimAll "[]" $name))) $port) -}}
{{- end -}}
^({{ join "|" $each }})$
{{- end -}}

{{/* The same for keys of labels: * stands for no dot and no slash, but in patterns that have a slash. */}}
{{- define "modelway.keys" -}}
{{- $each := list -}}
{{- range . -}}
{{- $each = append $each (replace "\\*" (ternary "[^/]*" "[^./]*" (contains "/" .)) (regexQuoteMeta .)) -}}
{{- end -}}
^({{ join "|" $each }})$
{{- end -}}
{{/* A list of names as CEL. */}}
{{- define "modelway.quoted" -}}
[{{ range $index, $name := . }}{{ if $index }}, {{ end }}{{ printf "'%s'" $name }}{{ end }}]
{{- end -}}

{{/* What is said of a value that a list does not allow; call with a dict of `field`, `value` (CEL), `policy` and `allowed`. */}}
{{- define "modelway.refusal" -}}
{{ printf "'%s: ' + %s + ' is not allowed by policy.%s (%s): choose another, or ask whoever runs Modelway to change that value of its chart'" .field .value .policy (default "none is" (join ", " .allowed)) }}
{{- end -}}

{{/* The same of one item of a list; call with a dict of `field`, `what`, `policy` and `allowed`. */}}
{{- define "modelway.listRefusal" -}}
{{ printf "%s: %s is not allowed by policy.%s (%s): choose another, or ask whoever runs Modelway to change that value of its chart" .field .what .policy (default "none is" (join ", " .allowed)) }}
{{- end -}}
