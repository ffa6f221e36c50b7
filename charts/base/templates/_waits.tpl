{{- /*
An init container that ends when a workload takes connections. A workload without pods is not waited for. Every TCP port is
tried: one that answers is enough. (root, name of the container, workload, host, "port" or "targetPort", names of the ports)
*/ -}}
{{- define "aspire.wait" -}}
{{- $root := index . 0 -}}
{{- $waits := $root.Values.waits -}}
{{- $target := index $root.Values.workloads (index . 2) -}}
{{- $side := index . 4 -}}
{{- if and $waits.enabled (gt (int $target.replicas) 0) }}
- name: {{ index . 1 }}
  image: {{ $waits.image | quote }}
  imagePullPolicy: IfNotPresent
  command:
    - sh
    - -c
    - |
      trap 'exit 143' TERM
      host="$1"
      shift
      echo "waiting for $host, port $*"
      until for port; do nc -w 2 "$host" "$port" -e true 2>/dev/null && break; done; do sleep 1; done
    - wait
    - {{ index . 3 | quote }}
    {{- range index . 5 }}
    - {{ index $target.ports . $side | int | quote }}
    {{- end }}
  {{- with $waits.resources }}
  resources: {{ include "aspire.json" (list "waits.resources" .) }}
  {{- end }}
  {{- with $waits.securityContext }}
  securityContext: {{ include "aspire.json" (list "waits.securityContext" .) }}
  {{- end }}
{{- end }}
{{- end -}}
