//! The objects of a manifest as helm stored it, read so that helm can see no others. Pure.
//!
//! Somebody may have written the record by hand, in words that two readers of YAML take differently. What could be read in
//! two ways is not read at all.

use crate::support::yaml;
use serde_json::Value as Json;

/// An object of a manifest.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stored {
    /// As it is written.
    pub object: Json,
    /// Whether its document may hold tags that helm resolves (`!!binary`), so that a name may be another one.
    pub tagged: bool,
}

/// The objects in their order, those of lists one by one; why it cannot be read otherwise.
pub fn read(manifest: &str) -> Result<Vec<Stored>, String> {
    let mut objects = Vec::new();
    for text in documents(manifest)? {
        yaml::affordable(&text).map_err(|costly| costly.to_string())?;
        let mut found = false;
        let tagged = ["!!", "!<", "%TAG"].iter().any(|tag| text.contains(tag));
        for document in yaml::documents(&text) {
            let document = document.map_err(|error| error.to_string())?;
            if std::mem::replace(&mut found, true) && !document.is_null() {
                return Err("two documents stand where helm reads one".to_owned());
            }
            let mut of_document = Vec::new();
            add(document, &mut of_document)?;
            objects.extend(of_document.into_iter().map(|object| Stored { object, tagged }));
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
            Some(_) => return Err("something stands behind `---` on the same line".to_owned()),
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
                let Json::Array(items) = items else { return Err("the items of a list are none".to_owned()) };
                return items.into_iter().try_for_each(|item| add(item, objects));
            }
            let object = Json::Object(fields);
            if has_merge_key(&object) {
                return Err("it holds a merge key (`<<`), which helm resolves".to_owned());
            }
            let text = |value: &Json| value.as_str().is_some_and(|text| !text.is_empty());
            if !text(&object["apiVersion"]) || !text(&object["kind"]) || !text(&object["metadata"]["name"]) {
                return Err("a document has no apiVersion, kind or name".to_owned());
            }
            objects.push(object);
            Ok(())
        }
        _ => Err("a document is no object".to_owned()),
    }
}

/// In the parts that say which object it is.
fn has_merge_key(object: &Json) -> bool {
    let holds = |value: &Json| value.as_object().is_some_and(|fields| fields.contains_key("<<"));
    let metadata = &object["metadata"];
    [object, metadata, &metadata["annotations"], &metadata["labels"]].into_iter().any(holds)
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
        Ok(read(manifest)?.iter().map(|one| one.object["metadata"]["name"].as_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn objects_and_those_of_lists_are_read() {
        let one = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
        let text = format!("---\n# Source: x\n{one}---  \n# nothing\n---\n{}", one.replace("name: a", "name: b"));
        assert_eq!(names(&text).unwrap(), ["a", "b"]);
        let list = "apiVersion: v1\nkind: ConfigMapList\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: c}}\n- kind: List\n  items: [{apiVersion: v1, kind: Secret, metadata: {name: d}}]\n";
        assert_eq!(names(list).unwrap(), ["c", "d"]);
        assert_eq!(names("").unwrap(), [""; 0]);
        let tagged = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: !!binary dGVhbS1h}\n";
        assert!(read(tagged).unwrap()[0].tagged && !read(one).unwrap()[0].tagged);
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
            "{\"apiVersion\": \"v1\"}{\"kind\": \"x\"}".to_owned(),
            "apiVersion: v1\nkind: ConfigMap\n".to_owned(),
            "just text\n".to_owned(),
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nitems: 1\n".to_owned(),
        ] {
            assert!(read(&odd).is_err(), "{odd}: {:?}", read(&odd));
        }
    }
}
