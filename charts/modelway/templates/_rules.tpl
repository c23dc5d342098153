{{/*
What the operator may do, wherever it may do it. No Secret is ever read: pods mount their own. The right to update
`modeldeployments/finalizers` is what the admission plugin OwnerReferencesPermissionEnforcement asks of whoever sets an
owner that blocks deletion; no finalizer is ever written. Pods are created as dry runs only, to find out whether pods that
a quota or a policy refused would be admitted now; whoever may create Deployments may create pods anyway.
*/}}
{{- define "modelway.rules" -}}
- apiGroups: [modelway.dev]
  resources: [modeldeployments]
  verbs: [get, list, watch]
- apiGroups: [modelway.dev]
  resources: [modeldeployments/status]
  verbs: [patch]
- apiGroups: [modelway.dev]
  resources: [modeldeployments/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [deployments, controllerrevisions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services, configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create]
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}
