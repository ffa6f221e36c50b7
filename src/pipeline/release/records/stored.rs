//! The objects of a manifest as helm stored it, parsed so that helm cannot see others. Pure.
//!
//! A user may have written the record manually, in YAML that two parsers read differently. Content that is ambiguous
//! is refused.

use super::plain::Plain;
use crate::support::yaml;
use serde_json::Value as Json;

/// The objects in their order, those of lists one by one; why it cannot be read otherwise.
pub fn read(manifest: &str) -> Result<Vec<Json>, String> {
    let mut objects = Vec::new();
    for text in documents(manifest)? {
        yaml::affordable(&text).map_err(|costly| costly.to_string())?;
        // Our reader ignores a tag of a key, and helm's decodes it (`!!binary`).
        if yaml::has_tags(&text) {
            return Err("it contains a YAML tag or directive, which helm resolves".to_owned());
        }
        let mut found = false;
        for document in yaml::documents_as(&text) {
            let Plain(document) = document.map_err(|error| error.to_string())?;
            if std::mem::replace(&mut found, true) && !document.is_null() {
                return Err("it contains two documents where helm reads one".to_owned());
            }
            add(document, &mut objects)?;
        }
    }
    Ok(objects)
}

/// The documents, cut as helm and its decoder cut them. They skip what stands behind `---` or take it for the next document.
fn documents(manifest: &str) -> Result<Vec<String>, String> {
    let mut documents = vec![String::new()];
    for line in manifest.split_inclusive('\n') {
        match line.strip_prefix("---") {
            Some(rest) if rest.trim().is_empty() => documents.push(String::new()),
            Some(_) => return Err("there is text after `---` on the same line".to_owned()),
            None => documents.last_mut().into_iter().for_each(|last| last.push_str(line)),
        }
    }
    Ok(documents)
}

fn add(document: Json, objects: &mut Vec<Json>) -> Result<(), String> {
    match document {
        Json::Null => Ok(()),
        Json::Object(mut fields) => {
            // Whatever has items is a list to helm.
            if let Some(items) = fields.remove("items") {
                let Json::Array(items) = items else { return Err("the items of a list are not valid".to_owned()) };
                return items.into_iter().try_for_each(|item| add(item, objects));
            }
            let object = Json::Object(fields);
            let text = |value: &Json| value.as_str().is_some_and(|text| !text.is_empty());
            if !text(&object["apiVersion"]) || !text(&object["kind"]) || !text(&object["metadata"]["name"]) {
                return Err("a document has no apiVersion, kind or name".to_owned());
            }
            objects.push(object);
            Ok(())
        }
        _ => Err("a document is not an object".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_cost_too_much_is_not_read() {
        let laughs: Vec<_> = (1..40).map(|n| format!("a{n}: &a{n} [*a{}, *a{}]\n", n - 1, n - 1)).collect();
        let said = read(&format!("a0: &a0 [x, x]\n{}", laughs.concat())).unwrap_err();
        assert!(said.contains("aliases"), "{said}");
        assert!(read(&"[".repeat(100_000)).unwrap_err().contains("levels deep"));
    }

    fn names(manifest: &str) -> Result<Vec<String>, String> {
        Ok(read(manifest)?.iter().map(|one| one["metadata"]["name"].as_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn objects_and_those_of_lists_are_read() {
        let one = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
        let text = format!("---\n# Source: x\n{one}---  \n# nothing\n---\n{}", one.replace("name: a", "name: b"));
        assert_eq!(names(&text).unwrap(), ["a", "b"]);
        let list = "apiVersion: v1\nkind: ConfigMapList\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: c}}\n- kind: List\n  items: [{apiVersion: v1, kind: Secret, metadata: {name: d}}]\n";
        assert_eq!(names(list).unwrap(), ["c", "d"]);
        assert_eq!(names("").unwrap(), [""; 0]);
        for harmless in
            ["\"a !!binary b\"", "it's new! !!binary", "'!!binary'", "|\n    !!binary x\n    # !x", "x # !!binary"]
        {
            assert_eq!(names(&format!("{one}data:\n  x: {harmless}\n")).unwrap(), ["a"], "{harmless}");
        }
        let block =
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  x: |\n    --- not a document\n";
        assert_eq!(names(block).unwrap(), ["a"]);
    }

    #[test]
    fn what_helm_could_read_otherwise_is_refused() {
        let hidden = "apiVersion: v1\nkind: Namespace\nmetadata: {name: hidden}\n";
        for odd in [
            format!("# c\n--- |\n\n---x\n{hidden}"),
            "---{apiVersion: v1, kind: Namespace, metadata: {name: hidden}}\n# c\n".to_owned(),
            format!("--- # c\n{hidden}"),
            format!("a: 1\n...\n{hidden}"),
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, <<: {namespace: other}}\n".to_owned(),
            "x: &x {kind: Namespace}\n<<: *x\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n".to_owned(),
            format!(
                "{hidden}items: []\n<<: {{items: [{{apiVersion: v1, kind: Namespace, metadata: {{name: \
            other}}}}]}}\n"
            ),
            format!("{hidden}spec: {{a: [{{\"<<\": {{}}}}]}}\n"),
            format!("{hidden}!!binary a2luZA==: ClusterRoleBinding\n"),
            format!("{hidden}? !!binary a2luZA==\n: ClusterRoleBinding\n"),
            format!("{hidden}spec: {{?!!binary a2luZA==: ClusterRoleBinding}}\n"),
            format!("{hidden}# a comment that ends\r!!binary a2luZA==: ClusterRoleBinding\n"),
            format!("{hidden}# a comment that ends\u{2028}!!binary a2luZA==: ClusterRoleBinding\n"),
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, !!binary bmFtZXNwYWNl: kube-system}\n".to_owned(),
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: !<tag:yaml.org,2002:binary> \
            dGVhbS1h}\n"
                .to_owned(),
            format!("%TAG !e! tag:yaml.org,2002:\n{hidden}"),
            "\"\\x24serde_json::private::RawValue\": '{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \
            \"metadata\": {\"name\": \"a\"}}'\n"
                .to_owned(),
            "{\"apiVersion\": \"v1\"}{\"kind\": \"x\"}".to_owned(),
            "apiVersion: v1\nkind: ConfigMap\n".to_owned(),
            "just text\n".to_owned(),
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nitems: 1\n".to_owned(),
        ] {
            assert!(read(&odd).is_err(), "{odd}: {:?}", read(&odd));
        }
    }
}
