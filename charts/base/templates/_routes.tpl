{{- /*
Shared parts of Ingresses and Gateways. Arguments come as a list whose first item is the root.
*/ -}}

{{- /* A text whose references to parameters, such as {web-host.value}, are filled in once. (root, text) */ -}}
{{- define "aspire.text" -}}
{{- $root := index . 0 -}}
{{- $reference := "\\{[-._a-zA-Z0-9]+\\.value\\}" -}}
{{- $between := regexSplit $reference (index . 1) -1 -}}
{{- $out := first $between -}}
{{- range $n, $found := regexFindAll $reference (index . 1) -1 -}}
{{- $name := trimSuffix ".value}" (trimPrefix "{" $found) -}}
{{- $out = printf "%s%s%s" $out (include "aspire.parameter" (list $root $name)) (index $between (add1 $n | int)) -}}
{{- end -}}
{{- $out -}}
{{- end -}}

{{- /* The hosts of a route as JSON: those of the values, else the one that was found. (root, values of the route) */ -}}
{{- define "aspire.routeHosts" -}}
{{- $root := index . 0 -}}
{{- $hosts := list -}}
{{- range (index . 1).hosts }}{{ $hosts = append $hosts (include "aspire.text" (list $root .)) }}{{ end -}}
{{- with get (index . 1) "discovered" }}{{ if not $hosts }}{{ $hosts = list . }}{{ end }}{{ end -}}
{{- mustToJson $hosts -}}
{{- end -}}

{{- /* Texts with their references filled in, as JSON. (root, texts) */ -}}
{{- define "aspire.texts" -}}
{{- $root := index . 0 -}}
{{- $texts := list -}}
{{- range index . 1 }}{{ $texts = append $texts (include "aspire.text" (list $root .)) }}{{ end -}}
{{- mustToJson $texts -}}
{{- end -}}

{{- /* Whether a route has certificates now: one that is signed needs a name first. (values of the route, all its hosts) */ -}}
{{- define "aspire.hasTls" -}}
{{- with get (index . 0) "tls" -}}
{{- if or (empty .issuer) (index $ 1) }}true{{ end -}}
{{- end -}}
{{- end -}}

{{- /* Annotations of a route: of the one who signs and of the controller, which no value replaces, then of the user. (root, values of the route, whether it has certificates, those of the controller) */ -}}
{{- define "aspire.routeAnnotations" -}}
{{- $root := index . 0 -}}
{{- $route := index . 1 -}}
{{- $own := index . 3 -}}
{{- $given := $route.annotations | default dict -}}
{{- if index . 2 -}}
{{- with $route.tls.issuer -}}
{{- $key := ternary "cert-manager.io/cluster-issuer" "cert-manager.io/issuer" (eq $route.tls.issuerKind "ClusterIssuer") -}}
{{- if not (hasKey $given $key) }}
{{ $key }}: {{ include "aspire.plain" (list "tls.issuer" .) | quote }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $texts := dict -}}
{{- range $key, $value := $given }}{{ $_ := set $texts $key (include "aspire.text" (list $root $value)) }}{{ end -}}
{{- range $key, $value := $own -}}
{{- $text := get $texts $key | default $value -}}
{{- if hasSuffix "/router.middlewares" $key }}{{ $value = list $value $text | uniq | join "," }}{{ else if ne $text $value -}}
{{- fail (printf "the annotation %q is %q for the redirect to https and %q in `annotations`: leave it out there, or set `redirect: false`" $key $value $text) -}}
{{- end -}}
{{- include "aspire.lines" (list "the annotation" (dict $key $value)) -}}
{{- end -}}
{{- range $key, $value := $texts -}}
{{- if not (hasKey $own $key) }}{{ include "aspire.lines" (list "the annotation" (dict $key $value)) }}{{ end -}}
{{- end -}}
{{- end -}}

{{- /* The controller of an Ingress: as the values say, else as its class tells. (root, values of the Ingress) */ -}}
{{- define "aspire.controller" -}}
{{- $class := include "aspire.text" (list (index . 0) (index . 1).class) -}}
{{- $controller := (index . 1).controller -}}
{{- if not $controller -}}
{{- range $word, $row := mustFromJson (include "aspire.controllers" (index . 0)) -}}
{{- if has $class $row.classes }}{{ $controller = $word }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $controller -}}
{{- end -}}

{{- /* Annotations by which a controller does something. (root, values of the Ingress, its name, `redirect` or `closedPaths`) */ -}}
{{- define "aspire.controllerAnnotations" -}}
{{- $root := index . 0 -}}
{{- $name := index . 2 -}}
{{- $controller := include "aspire.controller" . -}}
{{- $row := get (mustFromJson (include "aspire.controllers" $root)) $controller | default dict -}}
{{- $annotations := get $row (index . 3) | default dict -}}
{{- if not $annotations -}}
{{- fail (printf "ingresses.%s: how the controller %q does %s is not known; set `controller`, or write its own annotations" $name $controller (index . 3)) -}}
{{- end -}}
{{- $filled := dict -}}
{{- range $key, $value := $annotations }}{{ $_ := set $filled $key ($value | replace "NAMESPACE" $root.Release.Namespace | replace "NAME" $name) }}{{ end -}}
{{- mustToJson $filled -}}
{{- end -}}

{{- /* The annotations of an Ingress of closed paths: those of the user too, so that it stands where the other stands, but for those who sign, who would sign twice. (root, values of the Ingress, its name) */ -}}
{{- define "aspire.closedAnnotations" -}}
{{- $root := index . 0 -}}
{{- $own := mustFromJson (include "aspire.controllerAnnotations" (append . "closedPaths")) -}}
{{- $priority := "traefik.ingress.kubernetes.io/router.priority" -}}
{{- include "aspire.lines" (list "the annotation" $own) -}}
{{- range $key, $value := (index . 1).annotations -}}
{{- if not (or (contains "cert-manager.io/" $key) (hasKey $own $key)) -}}
{{- $text := include "aspire.text" (list $root $value) -}}
{{- if eq $key $priority }}{{ $text = add1 (atoi $text) }}{{ end -}}
{{- include "aspire.lines" (list "the annotation" (dict $key $text)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A closed path with all below it, as its controller takes it, as JSON. (root, values of the Ingress, path) */ -}}
{{- define "aspire.closedPath" -}}
{{- $row := get (mustFromJson (include "aspire.controllers" (index . 0))) (include "aspire.controller" .) | default dict -}}
{{- $path := index . 2 -}}
{{- with get $row "closedPattern" -}}
{{- dict "path" (replace "PATH" (regexQuoteMeta (trimSuffix "/" $path)) .) "type" "ImplementationSpecific" | mustToJson -}}
{{- else -}}
{{- dict "path" $path "type" "Prefix" | mustToJson -}}
{{- end -}}
{{- end -}}

{{- /* Rules of an Ingress by host. (hosts of the values, paths, default backend or nothing) */ -}}
{{- define "aspire.ingressRules" -}}
{{- $hosts := index . 0 | default (list "") -}}
{{- $paths := index . 1 -}}
{{- $default := index . 2 -}}
{{- $all := list -}}
{{- range $paths }}{{ if .host }}{{ $all = append $all .host }}{{ else }}{{ $all = concat $all $hosts }}{{ end }}{{ end -}}
{{- if and $default (first $hosts) }}{{ $all = concat $all $hosts }}{{ end -}}
{{- range $host := uniq $all }}
- {{ with $host }}host: {{ . | quote }}
  {{ end }}http:
    paths:
    {{- $root := false }}
    {{- range $path := $paths }}
    {{- if or (eq $path.host $host) (and (empty $path.host) (has $host $hosts)) }}
    {{- if eq $path.path "/" }}{{ $root = true }}{{ end }}
      - path: {{ $path.path | quote }}
        pathType: {{ $path.type }}
        backend: {{ mustToJson $path.backend }}
    {{- end }}
    {{- end }}
    {{- if and $default $host (not $root) }}
      - path: "/"
        pathType: Prefix
        backend: {{ mustToJson $default }}
    {{- end }}
{{- end -}}
{{- end -}}

{{- /* A port of a Service as the backend of an Ingress, as JSON. (root, Service, port) */ -}}
{{- define "aspire.ingressBackend" -}}
{{- $port := int (index (index . 0).Values.workloads (index . 1) "ports" (index . 2) "port") -}}
{{- dict "service" (dict "name" (index . 1) "port" (dict "number" $port)) | mustToJson -}}
{{- end -}}
