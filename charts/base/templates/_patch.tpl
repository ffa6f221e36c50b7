{{- /*
An object with its patch, as JSON; empty if the template renders no object. (name in messages, object as YAML, patch as JSON)
*/ -}}
{{- define "aspire.patched" -}}
{{- $what := index . 0 -}}
{{- if trim (index . 1) -}}
{{- $object := fromYaml (index . 1) -}}
{{- if hasKey $object "Error" -}}
{{- fail (printf "%s is not valid YAML: %s" $what $object.Error) -}}
{{- end -}}
{{- include "aspire.overlay" (list $what "" $object (mustFromJson (index . 2))) -}}
{{- include "aspire.json" (list $what $object) -}}
{{- end -}}
{{- end -}}

{{- /*
Merges a patch into a map, in place: null removes a key, maps are merged, lists are merged by the names of their items or, if
items have none, replaced. What a patch removes must exist. (name in messages, path of the map, map, patch)
*/ -}}
{{- define "aspire.overlay" -}}
{{- $what := index . 0 -}}
{{- $path := index . 1 -}}
{{- $map := index . 2 -}}
{{- range $key, $patch := index . 3 -}}
{{- $place := trimPrefix "." (printf "%s.%s" $path $key) -}}
{{- $now := get $map $key -}}
{{- /* A field without a value is rendered as null. */ -}}
{{- $has := and (hasKey $map $key) (not (kindIs "invalid" $now)) -}}
{{- $kind := ternary "list" (ternary "map" "value" (kindIs "map" $patch)) (kindIs "slice" $patch) -}}
{{- $held := ternary "list" (ternary "map" "value" (kindIs "map" $now)) (kindIs "slice" $now) -}}
{{- if kindIs "invalid" $patch -}}
{{- if not $has }}{{ fail (printf "the patch of %s removes %s, which does not exist" $what $place) }}{{ end -}}
{{- $_ := unset $map $key -}}
{{- else if and $has (ne $kind $held) -}}
{{- fail (printf "the patch of %s has a %s at %s, where the object has a %s" $what $kind $place $held) -}}
{{- else if eq $kind "map" -}}
{{- $inner := ternary $now dict $has -}}
{{- include "aspire.overlay" (list $what $place $inner $patch) -}}
{{- $_ := set $map $key $inner -}}
{{- else if eq $kind "list" -}}
{{- $out := dict -}}
{{- include "aspire.overlayList" (list $what $place $key (ternary $now list $has) $patch $out) -}}
{{- $_ := set $map $key $out.items -}}
{{- else -}}
{{- $_ := set $map $key $patch -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The same for a list. (name in messages, path of the list, its key, list, patch, map that receives the `items`) */ -}}
{{- define "aspire.overlayList" -}}
{{- $what := index . 0 -}}
{{- $path := index . 1 -}}
{{- $list := index . 3 -}}
{{- $patch := index . 4 -}}
{{- $by := get (dict "volumeMounts" "mountPath" "volumeDevices" "devicePath" "hostAliases" "ip") (index . 2) | default "name" -}}
{{- $named := not (empty $patch) -}}
{{- range concat $list $patch -}}
{{- if not (kindIs "map" .) }}{{ $named = false }}{{ else if not (hasKey . $by) }}{{ $named = false }}{{ end -}}
{{- end -}}
{{- $items := list -}}
{{- if $named -}}
{{- $found := dict -}}
{{- range $item := $list -}}
{{- $name := toString (get $item $by) -}}
{{- $keep := true -}}
{{- range $own := $patch -}}
{{- if eq (toString (get $own $by)) $name -}}
{{- $_ := set $found $name true -}}
{{- if eq (toString (get $own "$patch")) "delete" -}}
{{- $keep = false -}}
{{- else -}}
{{- include "aspire.overlay" (list $what (printf "%s[%s]" $path $name) $item $own) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $keep }}{{ $items = append $items $item }}{{ end -}}
{{- end -}}
{{- range $own := $patch -}}
{{- $name := toString (get $own $by) -}}
{{- if not (hasKey $found $name) -}}
{{- if hasKey $own "$patch" }}{{ fail (printf "the patch of %s removes %s[%s], which does not exist" $what $path $name) }}{{ end -}}
{{- $items = append $items $own -}}
{{- end -}}
{{- end -}}
{{- else -}}
{{- range $own := $patch -}}
{{- if and (kindIs "map" $own) (hasKey $own "$patch") -}}
{{- fail (printf "the patch of %s removes an item of %s, but its items have no `%s`" $what $path $by) -}}
{{- end -}}
{{- end -}}
{{- $items = $patch -}}
{{- end -}}
{{- $_ := set (index . 5) "items" $items -}}
{{- end -}}
