{{- /*
Shared parts of every chart that kubectl aspire renders. Arguments come as a list whose first item is the root.
*/ -}}

{{- /* What selects the pods of a workload. It never changes, because a selector is immutable. (root, workload) */ -}}
{{- define "aspire.selector" -}}
app.kubernetes.io/component: {{ index . 1 | quote }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name | quote }}
{{- end -}}

{{- /*
A text as it is. Control characters stop the chart: YAML, labels and the API server's reader lose them, alone or with all
that stands beside them. (what it is, text)
*/ -}}
{{- define "aspire.plain" -}}
{{- $text := toString (index . 1) -}}
{{- if regexMatch `[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x{9f}\x{fffe}\x{ffff}]` $text -}}
{{- fail (printf "%s holds a control character, which no object of Kubernetes carries: %q" (index . 0) $text) -}}
{{- end -}}
{{- $text -}}
{{- end -}}

{{- /* Lines of a map of texts, each of its own. (what it is, map) */ -}}
{{- define "aspire.lines" -}}
{{- $what := index . 0 -}}
{{- range $key, $value := index . 1 }}
{{ include "aspire.plain" (list $what $key) | quote }}: {{ include "aspire.plain" (list (printf "%s %q" $what $key) $value) | quote }}
{{- end -}}
{{- end -}}

{{- /* A map or list as JSON, whole, or the chart stops. (what it is, map or list) */ -}}
{{- define "aspire.json" -}}
{{- $json := mustToJson (index . 1) -}}
{{- if regexMatch `[\x7f-\x{9f}\x{fffe}\x{ffff}]|(?:^|[^\\])(?:\\\\)*\\(?:[bf]|u00[01])` $json -}}
{{- fail (printf "%s holds a control character, which no object of Kubernetes carries: %q" (index . 0) $json) -}}
{{- end -}}
{{- $json -}}
{{- end -}}

{{- /* Labels of an object; those of the user never replace ours. (root, workload or "", labels of the user) */ -}}
{{- define "aspire.labels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name | quote }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/part-of: {{ $root.Chart.Name | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service | quote }}
app.kubernetes.io/version: {{ include "aspire.labelValue" $root.Chart.AppVersion | quote }}
helm.sh/chart: {{ include "aspire.labelValue" (printf "%s-%s" $root.Chart.Name $root.Chart.Version) | quote }}
{{- with index . 1 }}
app.kubernetes.io/component: {{ . | quote }}
{{- end }}
{{- include "aspire.lines" (list "the label" (omit (index . 2 | default dict) "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/part-of" "app.kubernetes.io/managed-by" "app.kubernetes.io/version" "helm.sh/chart" "app.kubernetes.io/component")) -}}
{{- end -}}

{{- /* Labels of a pod: no version and no chart name, so that neither restarts it. (root, workload, labels of the user) */ -}}
{{- define "aspire.podLabels" -}}
{{- include "aspire.selector" . }}
{{- include "aspire.lines" (list "the label" (omit (index . 2 | default dict) "app.kubernetes.io/component" "app.kubernetes.io/instance")) -}}
{{- end -}}

{{- define "aspire.labelValue" -}}
{{- regexReplaceAll "[^-._a-zA-Z0-9]" (toString .) "_" | trunc 63 | trimAll "-_." -}}
{{- end -}}

{{- /* The reference of an image. (root, values of the workload) */ -}}
{{- define "aspire.image" -}}
{{- $root := index . 0 -}}
{{- $image := (index . 1).image -}}
{{- $registry := $image.registry -}}
{{- $tag := $image.tag -}}
{{- if $image.built -}}
{{- $registry = $registry | default $root.Values.images.registry -}}
{{- if not (or $tag $image.digest) }}{{ $tag = include "aspire.tag" $root }}{{ end -}}
{{- end -}}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end }}{{ $image.repository }}{{ with $tag }}:{{ . }}{{ end }}{{ with $image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{- /*
The tag of built images: `images.tag`. `--set` makes a number of `7`. Its former name, `parameters."image.tag"`, still
counts where the new one is empty. (root)
*/ -}}
{{- define "aspire.tag" -}}
{{- $tag := .Values.images.tag -}}
{{- if kindIs "float64" $tag }}{{ $tag = int64 $tag }}{{ end -}}
{{- $tag = ternary "" (toString $tag) (kindIs "invalid" $tag) -}}
{{- $former := toString (get (.Values.parameters | default dict) "image.tag") -}}
{{- if and $tag $former (ne $tag $former) -}}
{{- fail (printf "images.tag is %q, and `parameters.\"image.tag\"`, its former name, is %q: remove the latter" $tag $former) -}}
{{- end -}}
{{- if not (or $tag $former) }}{{ include "aspire.missing" . }}{{ end -}}
{{- $tag | default $former -}}
{{- end -}}

{{- /* When the kubelet pulls an image. (root, values of the workload) */ -}}
{{- define "aspire.pullPolicy" -}}
{{- $image := (index . 1).image -}}
{{- $image.pullPolicy | default (ternary (index . 0).Values.images.pullPolicy "IfNotPresent" $image.built) -}}
{{- end -}}

{{- /* The value of an input that is not secret. (root, name) */ -}}
{{- define "aspire.parameter" -}}
{{- $root := index . 0 -}}
{{- $given := $root.Values.parameters | default dict -}}
{{- if hasKey $given (index . 1) -}}
{{- get $given (index . 1) -}}
{{- else -}}
{{- include "aspire.missing" $root -}}
{{- end -}}
{{- end -}}

{{- /* Stops with all inputs that are missing. */ -}}
{{- define "aspire.missing" -}}
{{- $root := . -}}
{{- $given := .Values.parameters | default dict -}}
{{- $missing := list -}}
{{- range mustFromJson (include (printf "%s.required" .Chart.Name) .) -}}
{{- if eq . "image.tag" -}}
{{- if not (or $root.Values.images.tag (hasKey $given .)) }}{{ $missing = append $missing "images.tag" }}{{ end -}}
{{- else if not (hasKey $given .) }}{{ $missing = append $missing . }}{{ end -}}
{{- end -}}
{{- range $name, $_ := .Values.secrets -}}
{{- if eq (include "aspire.secretState" (list $root $name)) "missing" }}{{ $missing = append $missing $name }}{{ end -}}
{{- end -}}
{{- fail (printf "missing inputs: %s. `kubectl aspire deploy` asks for them or makes them; plain helm takes each as a text under `parameters` in a values file%s" (join ", " $missing) (ternary " (`images.tag` is a value of its own)" "" (has "images.tag" $missing))) -}}
{{- end -}}

{{- /* Where a secret input comes from: existing, external-secrets, sealed, unsealed, deploy, chart, lost or missing. (root, name) */ -}}
{{- define "aspire.secretState" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $secret := get ($root.Values.secrets | default dict) $name | default dict -}}
{{- $from := get $secret "from" -}}
{{- if or (eq $from "existing") (eq $from "external-secrets") -}}
{{- $from -}}
{{- else if eq $from "sealed" -}}
{{- ternary "unsealed" "sealed" (empty $secret.value) -}}
{{- else if and (eq $from "deploy") (get $secret "revision") -}}
deploy
{{- else if and (eq $from "deploy") (not $root.Values.skipGuards) (lookup "v1" "Secret" $root.Release.Namespace (printf "%s-secrets" $root.Release.Name)) -}}
lost
{{- else if hasKey ($root.Values.parameters | default dict) $name -}}
chart
{{- else if hasKey ((lookup "v1" "Secret" $root.Release.Namespace (printf "%s-chart-secrets" $root.Release.Name)).data | default dict) $name -}}
chart
{{- else -}}
missing
{{- end -}}
{{- end -}}

{{- /* Name and key of the Secret that holds an input, as JSON. (root, name, whether URI-escaped) */ -}}
{{- define "aspire.secretRef" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $uri := index . 2 -}}
{{- $secret := get ($root.Values.secrets | default dict) $name | default dict -}}
{{- $state := include "aspire.secretState" . -}}
{{- if eq $state "existing" -}}
{{- dict "name" $secret.name "key" (ternary $secret.uriKey $secret.key $uri) | mustToJson -}}
{{- else if eq $state "external-secrets" -}}
{{- dict "name" (printf "%s-%s-external" $root.Release.Name $secret.target) "key" (ternary (printf "%s.uri" $name) $name $uri) | mustToJson -}}
{{- else if eq $state "sealed" -}}
{{- dict "name" (printf "%s-%s-sealed" $root.Release.Name $secret.target) "key" (ternary (printf "%s.uri" $name) $name $uri) | mustToJson -}}
{{- else if eq $state "unsealed" -}}
{{- fail (printf "no sealed value for %q: run `kubectl aspire seal` for this release and namespace" $name) -}}
{{- else if eq $state "deploy" -}}
{{- dict "name" (printf "%s-secrets" $root.Release.Name) "key" (ternary (printf "%s.uri" $name) $name $uri) | mustToJson -}}
{{- else if eq $state "chart" -}}
{{- dict "name" (printf "%s-chart-secrets" $root.Release.Name) "key" (ternary (printf "%s.uri" $name) $name $uri) | mustToJson -}}
{{- else if eq $state "lost" -}}
{{- fail (printf "release %q was deployed with `kubectl aspire deploy`, and this command leaves out the values that it gave. Use `kubectl aspire deploy`, or repeat the command with --reuse-values" $root.Release.Name) -}}
{{- else -}}
{{- include "aspire.missing" $root -}}
{{- end -}}
{{- end -}}

{{- /* The value of a secret that the chart keeps: as given, else as it lives in the cluster. (root, name) */ -}}
{{- define "aspire.chartSecret" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $given := $root.Values.parameters | default dict -}}
{{- if hasKey $given $name -}}
{{- get $given $name -}}
{{- else -}}
{{- get ((lookup "v1" "Secret" $root.Release.Namespace (printf "%s-chart-secrets" $root.Release.Name)).data | default dict) $name | b64dec -}}
{{- end -}}
{{- end -}}

{{- /*
How often a secret that the chart keeps has changed, as its Secret remembers: a digest of the value in a place that more
people may read would let them try passwords. Without a cluster it is 1. (root, name)
*/ -}}
{{- define "aspire.chartMark" -}}
{{- $root := index . 0 -}}
{{- $live := lookup "v1" "Secret" $root.Release.Namespace (printf "%s-chart-secrets" $root.Release.Name) | default dict -}}
{{- $marks := dig "metadata" "annotations" "aspire-k8s/changes" "" $live | default "{}" | mustFromJson -}}
{{- $mark := get $marks (index . 1) | default 0 | int -}}
{{- if or (lt $mark 1) (ne (include "aspire.chartSecret" .) (get ($live.data | default dict) (index . 1) | b64dec)) }}{{ $mark = add1 $mark }}{{ end -}}
{{- $mark -}}
{{- end -}}

{{- /* The same for files that a Secret holds, whose digest only those can read who can read the files. (root, Secret, its data) */ -}}
{{- define "aspire.fileMark" -}}
{{- $live := lookup "v1" "Secret" (index . 0).Release.Namespace (index . 1) | default dict -}}
{{- $mark := dig "metadata" "annotations" "aspire-k8s/changes" "" $live | default "0" | int -}}
{{- if or (lt $mark 1) (ne (sha256sum (index . 2)) (dig "metadata" "annotations" "aspire-k8s/digest" "" $live)) }}{{ $mark = add1 $mark }}{{ end -}}
{{- $mark -}}
{{- end -}}

{{- /* What changes when a secret changes, without telling what it is. (root, names) */ -}}
{{- define "aspire.marks" -}}
{{- $root := index . 0 -}}
{{- $marks := list -}}
{{- range index . 1 -}}
{{- $state := include "aspire.secretState" (list $root .) -}}
{{- if eq $state "deploy" -}}
{{- $marks = append $marks (printf "%s=%s" . (get (get $root.Values.secrets .) "revision")) -}}
{{- else if eq $state "sealed" -}}
{{- $marks = append $marks (printf "%s=%s" . (get (get $root.Values.secrets .) "value" | sha256sum | trunc 8)) -}}
{{- else if eq $state "chart" -}}
{{- $marks = append $marks (printf "%s=%s" . (include "aspire.chartMark" (list $root .))) -}}
{{- end -}}
{{- end -}}
{{- join "," $marks -}}
{{- end -}}

{{- /*
Stops plain helm where a workload changes its kind: helm makes the new one before it removes the old one, and two pods
would write to one volume. (root, workload, the other kind)
*/ -}}
{{- define "aspire.guard" -}}
{{- $root := index . 0 -}}
{{- if not $root.Values.skipGuards -}}
{{- $live := lookup "apps/v1" (index . 2) $root.Release.Namespace (index . 1) -}}
{{- if and $live (eq (dig "metadata" "annotations" "meta.helm.sh/release-name" "" $live) $root.Release.Name) -}}
{{- fail (printf "%s %q of this release would change its kind, and helm would run old and new pods on the same data. Use `kubectl aspire deploy`" (index . 2) (index . 1)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Settings of a pod that come from the values alone. (root, values of the workload, its name) */ -}}
{{- define "aspire.podSettings" -}}
{{- $root := index . 0 -}}
{{- $w := index . 1 -}}
{{- $name := index . 2 -}}
enableServiceLinks: false
automountServiceAccountToken: {{ not (empty $w.serviceAccountName) }}
{{- with $w.serviceAccountName }}
serviceAccountName: {{ . | quote }}
{{- end }}
{{- with $root.Values.images.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . | quote }}
{{- end }}
{{- end }}
{{- with $w.podSecurityContext }}
securityContext: {{ include "aspire.json" (list (printf "workloads.%s.podSecurityContext" $name) .) }}
{{- end }}
{{- with $w.nodeSelector }}
nodeSelector: {{ include "aspire.json" (list (printf "workloads.%s.nodeSelector" $name) .) }}
{{- end }}
{{- with $w.tolerations }}
tolerations: {{ include "aspire.json" (list (printf "workloads.%s.tolerations" $name) .) }}
{{- end }}
{{- with $w.affinity }}
affinity: {{ include "aspire.json" (list (printf "workloads.%s.affinity" $name) .) }}
{{- end }}
{{- with $w.topologySpreadConstraints }}
topologySpreadConstraints: {{ include "aspire.json" (list (printf "workloads.%s.topologySpreadConstraints" $name) .) }}
{{- end }}
{{- with $w.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
terminationGracePeriodSeconds: {{ int $w.terminationGracePeriodSeconds }}
{{- end -}}

{{- /* Probes, resources and security of a container. (values of the workload, its name) */ -}}
{{- define "aspire.containerSettings" -}}
{{- $w := index . 0 -}}
{{- $name := index . 1 -}}
{{- with $w.probes.readiness }}
readinessProbe: {{ include "aspire.json" (list (printf "workloads.%s.probes.readiness" $name) .) }}
{{- end }}
{{- with $w.probes.liveness }}
livenessProbe: {{ include "aspire.json" (list (printf "workloads.%s.probes.liveness" $name) .) }}
{{- end }}
{{- with $w.probes.startup }}
startupProbe: {{ include "aspire.json" (list (printf "workloads.%s.probes.startup" $name) .) }}
{{- end }}
{{- with $w.resources }}
resources: {{ include "aspire.json" (list (printf "workloads.%s.resources" $name) .) }}
{{- end }}
{{- with $w.securityContext }}
securityContext: {{ include "aspire.json" (list (printf "workloads.%s.securityContext" $name) .) }}
{{- end }}
{{- end -}}

{{- /*
Lets a pod answer until nobody asks it any more: it leaves its Service and is told to stop at the same time, and the nodes
learn of the former a little later. The kubelet can sleep since 1.30. (root, values of the workload)
*/ -}}
{{- define "aspire.drain" -}}
{{- $grace := int (index . 1).terminationGracePeriodSeconds -}}
{{- $drain := int (index . 1).drainSeconds -}}
{{- if and (semverCompare ">=1.30-0" (index . 0).Capabilities.KubeVersion.Version) (gt $drain 0) (gt $grace $drain) -}}
lifecycle:
  preStop:
    sleep:
      seconds: {{ $drain }}
{{- end -}}
{{- end -}}

{{- /* The spec of a claim. (values of the volume) */ -}}
{{- define "aspire.claimSpec" -}}
accessModes: {{ include "aspire.json" (list "accessModes" .accessModes) }}
{{- with .storageClass }}
storageClassName: {{ ternary "" . (eq . "-") | quote }}
{{- end }}
{{- with .volumeName }}
volumeName: {{ . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .size | quote }}
{{- end -}}
