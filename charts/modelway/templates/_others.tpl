{{/*
Other releases in the cluster, where Helm can ask one (helm template cannot): what belongs to one of them is named before
Helm, whose words for it say less, or another operator, which says nothing, comes to it.
*/}}

{{/* Fail where another release's operator serves every namespace too. */}}
{{- define "modelway.servesAlone" -}}
{{- $root := . -}}
{{- range (lookup "rbac.authorization.k8s.io/v1" "ClusterRole" "" "").items -}}
{{- $other := .metadata.annotations | default dict -}}
{{- $release := get $other "meta.helm.sh/release-name" -}}
{{- $namespace := get $other "meta.helm.sh/release-namespace" -}}
{{- if and (hasKey (.metadata.labels | default dict) "modelway.dev/serves") (not (and (eq $release $root.Release.Name) (eq $namespace $root.Release.Namespace))) -}}
{{- fail (printf "release %s in namespace %s serves every namespace already, and two operators must not serve one: set watch.namespaces in both, or uninstall that one first" $release $namespace) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Fail where the definition came with another release, or without Helm: it would be neither upgraded nor taken over. */}}
{{- define "modelway.ownsDefinition" -}}
{{- $name := "modeldeployments.modelway.dev" -}}
{{- $found := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" $name -}}
{{- if $found -}}
{{- $noted := $found.metadata.annotations | default dict -}}
{{- $release := get $noted "meta.helm.sh/release-name" -}}
{{- $namespace := get $noted "meta.helm.sh/release-namespace" -}}
{{- if not (and (eq $release .Release.Name) (eq $namespace .Release.Namespace)) -}}
{{- $whose := ternary (printf "release %s in namespace %s" $release $namespace) "no release of Helm" (ne $release "") -}}
{{- $over := printf "kubectl annotate --overwrite crd %s meta.helm.sh/release-name=%s meta.helm.sh/release-namespace=%s; kubectl label --overwrite crd %s app.kubernetes.io/managed-by=Helm" $name .Release.Name .Release.Namespace $name -}}
{{- fail (printf "the definition %s is there and belongs to %s. Where that still looks after it, install with --set crds.install=false. Where it is gone, hand the definition over first: %s" $name $whose $over) -}}
{{- end -}}
{{- end -}}
{{- end -}}
