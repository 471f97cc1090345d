{{/* The name of the operator and of all that is its own. */}}
{{- define "ihub.operator" -}}
{{- $base := .Release.Name -}}
{{- if not (contains .Chart.Name .Release.Name) -}}
{{- $base = printf "%s-%s" .Release.Name .Chart.Name -}}
{{- end -}}
{{- .Values.fullnameOverride | default (printf "%s-operator" (trunc 54 $base | trimSuffix "-")) -}}
{{- end -}}

{{- define "ihub.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "ihub.operator" .) -}}
{{- end -}}

{{/* Where the Hub and its flows are. */}}
{{- define "ihub.namespace" -}}
{{- .Values.watchNamespace | default .Release.Namespace -}}
{{- end -}}

{{- define "ihub.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* Labels of every object; takes a list of the root and the component. */}}
{{- define "ihub.labels" -}}
{{- $root := first . -}}
{{ include "ihub.selector" . }}
app.kubernetes.io/part-of: integration-hub
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{/* Labels that tell a component's pods from all others. */}}
{{- define "ihub.selector" -}}
app.kubernetes.io/name: integration-hub
app.kubernetes.io/instance: {{ (first .).Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end -}}

{{/* Within the restricted Pod Security level. Takes the number of the user. */}}
{{- define "ihub.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "ihub.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
