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

{{- /*
An init container that ends when a job has completed. It reads that one object with a token that no other container of the
pod has. (root, name of the container, name of the job)
*/ -}}
{{- define "aspire.waitForJob" -}}
{{- $root := index . 0 -}}
{{- $waits := $root.Values.waits -}}
{{- if $waits.enabled }}
- name: {{ index . 1 }}
  image: {{ $waits.jobImage | quote }}
  imagePullPolicy: IfNotPresent
  command:
    - sh
    - -c
    - |
      trap 'exit 143' TERM
      account=/var/run/secrets/kubernetes.io/serviceaccount
      says() { echo "$answer" | grep -qF "\"type\":\"$1\",\"status\":\"True\""; }
      echo "waiting for the job $2 to complete"
      failed=
      while true; do
        answer=$(printf 'Authorization: Bearer %s' "$(cat "$account/token")" |
          curl -sS --max-time 10 --cacert "$account/ca.crt" -H @- "https://kubernetes.default.svc/apis/batch/v1/namespaces/$1/jobs/$2" |
          tr -d ' \n')
        if says Complete; then exit 0; fi
        if says Failed && [ -z "$failed" ]; then failed=1; echo "the job has failed"; fi
        sleep 2
      done
    - wait
    - {{ $root.Release.Namespace | quote }}
    - {{ index . 2 | quote }}
  volumeMounts:
    - name: wait-token
      mountPath: /var/run/secrets/kubernetes.io/serviceaccount
      readOnly: true
  {{- with $waits.resources }}
  resources: {{ include "aspire.json" (list "waits.resources" .) }}
  {{- end }}
  {{- with $waits.securityContext }}
  securityContext: {{ include "aspire.json" (list "waits.securityContext" .) }}
  {{- end }}
{{- end }}
{{- end -}}
