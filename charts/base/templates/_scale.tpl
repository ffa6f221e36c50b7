{{- /*
The number of pods that helm sets; empty for none, which leaves it to the autoscaler. A number that helm set once must stay set:
the API server fills a removed one with 1. So an autoscaled workload that lives gets the number that it has, from the cluster or,
where helm does not ask it, from `kubectl aspire deploy`. An autoscaler leaves a workload without pods alone, but KEDA does not.
(root, values of the workload, its kind, its name)
*/ -}}
{{- define "aspire.replicas" -}}
{{- $w := index . 1 -}}
{{- $scale := $w.autoscaling -}}
{{- if not $scale.enabled -}}
{{- int $w.replicas -}}
{{- else -}}
{{- $live := lookup "apps/v1" (index . 2) (index . 0).Release.Namespace (index . 3) | default dict -}}
{{- $now := dig "spec" "replicas" 0 $live | int -}}
{{- if or (gt $now 0) (and $live $scale.keda) -}}
{{- $now -}}
{{- else if gt (int $scale.replicas) 0 -}}
{{- int $scale.replicas -}}
{{- else if $live -}}
{{- max 1 (int $scale.minReplicas) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A number of pods, or a share of them. (text) */ -}}
{{- define "aspire.amount" -}}
{{- $text := toString . -}}
{{- if hasSuffix "%" $text }}{{ quote $text }}{{ else }}{{ int $text }}{{ end -}}
{{- end -}}
