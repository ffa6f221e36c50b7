//! The record that helm keeps of a revision: the Secret `sh.helm.release.v1.<release>.v<N>`.
//!
//! Its payload is base64 over gzip over JSON (helm `pkg/storage/driver/util.go`). Only the status is ever changed here,
//! as Flux does it; every other byte of the JSON stays as helm wrote it. Other modules decide whether a change is
//! allowed.

pub(crate) mod parts;

use crate::support::diagnostic::Code;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use indexmap::IndexMap;
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cluster::api::objects::{Guard, Objects};
use crate::k8s::error::{Error, ErrorKind, Result};
use crate::k8s::kind::SECRET;
use crate::k8s::labels;
use crate::k8s::object::{label, name_of};
use crate::support::redact::{base64, unbase64};
use crate::support::yaml;
use parts::Parts;

pub(crate) use parts::Hook;

/// The most that a payload may unpack to. A Secret holds 1 MiB of it packed, whoever wrote it.
const LARGEST: u64 = 64 << 20;
const PAYLOAD: &str = "release";
const KIND: &str = "helm.sh/release.v1";

/// The record of one revision, as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The number of the revision.
    pub revision: u64,
    /// `deployed`, `failed`, `pending-upgrade`...
    pub status: String,
    /// What helm says about it.
    pub description: String,
    /// When helm began to work on it; none when the record does not say.
    pub changed: Option<Timestamp>,
    /// The objects of the revision as helm rendered them, without hooks: YAML documents.
    pub manifest: String,
    /// The release that the payload says it is of.
    pub release: String,
    /// The namespace that the payload says it is in.
    pub namespace: String,
    /// The name of the chart.
    pub chart: String,
    /// The number of the defaults of its pods, as the chart says it; empty when it says none.
    pub compatibility: String,
    /// Its hooks, which helm runs around what it does.
    pub hooks: Vec<Hook>,
    /// Size of the payload as it is stored, in bytes.
    pub stored: usize,
    json: String,
    object: Value,
}

/// An object that a revision brought.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordedObject {
    /// Group and version.
    pub api_version: String,
    pub kind: String,
    /// Namespace, where the manifest names one.
    pub namespace: Option<String>,
    pub name: String,
}

impl Record {
    /// The name of the Secret.
    pub fn name(release: &str, revision: u64) -> String {
        format!("sh.helm.release.v1.{release}.v{revision}")
    }

    /// Reads the record of a revision; `None` if it does not exist.
    pub fn read(store: &impl Objects, namespace: &str, release: &str, revision: u64) -> Result<Option<Self>> {
        let name = Self::name(release, revision);
        let Some(object) = store.get(&SECRET, namespace, &name)? else { return Ok(None) };
        Self::of(object).map(Some)
    }

    /// The name of the object that it was read from.
    pub fn stored_as(&self) -> String {
        format!("{} {}", kind_of(&self.object), name_of(&self.object))
    }

    /// Whether the object is called as helm calls the record of this release and revision, so that every way in which helm
    /// finds it leads to the same one.
    pub fn is_in_place(&self, release: &str, namespace: &str) -> bool {
        name_of(&self.object) == Self::name(release, self.revision)
            && self.release == release
            && self.namespace == namespace
            && self.labelled() == Some(&self.status)
    }

    /// Reads the Secret of a revision, or the ConfigMap where helm was told to keep its records in those.
    pub fn of(object: Value) -> Result<Self> {
        let unreadable = || {
            let (kind, name) = (kind_of(&object), name_of(&object));
            Error::refused(format!("the {kind} {name} is not an unambiguous helm record"))
                .code_of(Code::RecordUnreadable)
                .hint(format!(
                    "if it is not needed, `kubectl delete {} {name}` makes helm continue from the previous revision",
                    kind.to_lowercase()
                ))
        };
        let payload = payload(&object).ok_or_else(unreadable)?;
        let json = unpack(&payload).ok_or_else(unreadable)?;
        let Parts { all, info, metadata, hooks } = Parts::of(&json).ok_or_else(unreadable)?;
        let time = |key: &str| info.text(key).parse::<Timestamp>().ok();
        let status = info.text("status");
        let mut annotations: BTreeMap<String, String> = metadata.read("annotations").unwrap_or_default();
        // A removal writes its own time.
        let removed = time("deleted").filter(|_| status == "uninstalling");
        Ok(Self {
            revision: all.read("version").ok_or_else(unreadable)?,
            description: info.text("description"),
            changed: removed.or_else(|| time("last_deployed")),
            manifest: all.text("manifest"),
            release: all.text("name"),
            namespace: all.text("namespace"),
            chart: metadata.text("name"),
            compatibility: annotations.remove(labels::COMPATIBILITY).unwrap_or_default(),
            hooks,
            stored: payload.len(),
            status,
            json,
            object,
        })
    }

    /// The values that the revision was given, as far as they have that shape.
    pub(crate) fn config<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        Parts::of(&self.json)?.all.read("config")
    }

    /// The state of the Secret that was read.
    pub fn state(&self) -> Guard {
        Guard::of(&self.object)
    }

    /// Whether the API server merged its objects (`ssa`, helm 4), not helm.
    pub fn by_server(&self) -> bool {
        Parts::of(&self.json).is_some_and(|parts| parts.all.text("apply_method") == "ssa")
    }

    /// Whether a helm works on it, or was killed while it did: an install, upgrade, rollback or removal.
    pub fn is_under_way(&self) -> bool {
        self.status.starts_with("pending-") || self.status == "uninstalling"
    }

    /// The whole record, with the chart and the values in it; never to be printed.
    pub fn whole(&self) -> Value {
        serde_json::from_str(&self.json).unwrap_or_default()
    }

    /// The objects of the manifest, in its order. A document that is no object is left out.
    pub fn objects(&self) -> Vec<RecordedObject> {
        if yaml::affordable(&self.manifest).is_err() {
            return Vec::new();
        }
        yaml::documents(&self.manifest).filter_map(|document| object(&document.ok()?)).collect()
    }

    /// Sets the status to `failed`, in the label and in the payload, if the record has not changed since it was read. `why` becomes
    /// helm's description of the revision.
    pub fn fail(&self, store: &impl Objects, namespace: &str, why: &str) -> Result<Self> {
        let mut object = self.object.clone();
        let json = with_status(&self.json, "failed", why).ok_or_else(|| {
            Error::new(ErrorKind::Invalid, format!("the Secret {} contains no helm status", name_of(&self.object)))
        })?;
        object["data"][PAYLOAD] = Value::String(base64(&pack(&json)));
        object["metadata"]["labels"]["status"] = Value::String("failed".to_owned());
        Self::of(store.replace(&SECRET, namespace, &object, &Guard::of(&self.object))?)
    }

    /// Puts other objects in the place of those of the revision, if the record has not changed since it was read. A rollback to
    /// it then applies these.
    pub fn with_manifest(&self, store: &impl Objects, namespace: &str, manifest: &str) -> Result<Self> {
        let mut object = self.object.clone();
        let json = with_field(&self.json, "manifest", manifest).ok_or_else(|| {
            Error::new(ErrorKind::Invalid, format!("the Secret {} is not a helm record", name_of(&self.object)))
        })?;
        object["data"][PAYLOAD] = Value::String(base64(&pack(&json)));
        Self::of(store.replace(&SECRET, namespace, &object, &Guard::of(&self.object))?)
    }

    /// The status that the label says, by which helm finds revisions.
    pub fn labelled(&self) -> Option<&str> {
        label(&self.object, "status")
    }
}

fn kind_of(object: &Value) -> &str {
    object["kind"].as_str().unwrap_or("Secret")
}

/// The payload of a record. A ConfigMap holds as text what the API server packs once more in a Secret.
fn payload(object: &Value) -> Option<Vec<u8>> {
    let text = object["data"][PAYLOAD].as_str()?;
    match kind_of(object) {
        "ConfigMap" => Some(text.as_bytes().to_vec()),
        _ if object["type"] == KIND => unbase64(text),
        _ => None,
    }
}

fn object(document: &Value) -> Option<RecordedObject> {
    let text = |value: &Value| Some(value.as_str()?.to_owned()).filter(|text| !text.is_empty());
    Some(RecordedObject {
        api_version: text(&document["apiVersion"])?,
        kind: text(&document["kind"])?,
        namespace: text(&document["metadata"]["namespace"]),
        name: text(&document["metadata"]["name"])?,
    })
}

/// The payload of a Secret to JSON. Records older than helm 3.0 are not packed, as helm still reads them.
fn unpack(payload: &[u8]) -> Option<String> {
    let packed = unbase64(std::str::from_utf8(payload).ok()?)?;
    if !packed.starts_with(&[0x1f, 0x8b, 0x08]) {
        return String::from_utf8(packed).ok();
    }
    let mut json = String::new();
    let size = GzDecoder::new(&packed[..]).take(LARGEST).read_to_string(&mut json).ok()?;
    (u64::try_from(size).ok()? < LARGEST).then_some(json)
}

fn pack(json: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    // Writing into memory does not fail.
    let _ = packer.write_all(json.as_bytes());
    base64(&packer.finish().unwrap_or_default()).into_bytes()
}

/// The same JSON with another status and description; everything else as it is written.
fn with_status(json: &str, status: &str, description: &str) -> Option<String> {
    let mut all: IndexMap<String, Box<RawValue>> = serde_json::from_str(json).ok()?;
    let mut info: IndexMap<String, Box<RawValue>> = serde_json::from_str(all.get("info")?.get()).ok()?;
    info.get("status")?;
    for (key, text) in [("status", status), ("description", description)] {
        info.insert(key.to_owned(), serde_json::value::to_raw_value(text).ok()?);
    }
    all.insert("info".to_owned(), serde_json::value::to_raw_value(&info).ok()?);
    serde_json::to_string(&all).ok()
}

/// The same JSON with another text in one of its fields; everything else as it is written.
fn with_field(json: &str, field: &str, text: &str) -> Option<String> {
    let mut all: IndexMap<String, Box<RawValue>> = serde_json::from_str(json).ok()?;
    all.get(field)?;
    all.insert(field.to_owned(), serde_json::value::to_raw_value(text).ok()?);
    serde_json::to_string(&all).ok()
}

/// A Secret as helm would write it, for tests.
#[cfg(test)]
pub(crate) fn secret(release: &str, revision: u64, json: &str) -> Value {
    let all: Value = serde_json::from_str(json).unwrap();
    serde_json::json!({
        "apiVersion": "v1", "kind": "Secret", "type": KIND,
        "metadata": {
            "name": Record::name(release, revision),
            "labels": {"name": release, "owner": "helm", "status": all["info"]["status"], "version": revision.to_string()},
        },
        "data": {PAYLOAD: base64(&pack(json))},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::api::fake::Fake;

    const JSON: &str = concat!(
        r#"{"name":"shop","info":{"first_deployed":"2026-01-02T03:04:05.123456789+01:00","last_deployed":"2026-01-02T03:04:06Z","#,
        r#""deleted":"","description":"Preparing upgrade","status":"pending-upgrade","notes":"a \u003c b"},"#,
        r#""chart":{"values":{"big":123456789012345678901234567890,"small":1.10}},"#,
        r#""manifest":"---\napiVersion: v1\nkind: Service\nmetadata:\n  name: api\n---\n# nothing\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api, namespace: other}\n","#,
        r#""version":3,"namespace":"n"}"#
    );

    fn stored() -> Fake {
        let store = Fake::default();
        store.put(&SECRET, "n", secret("shop", 3, JSON));
        store
    }

    #[test]
    fn a_record_is_read() {
        let record = Record::read(&stored(), "n", "shop", 3).unwrap().unwrap();
        assert_eq!((record.revision, record.status.as_str(), record.is_under_way()), (3, "pending-upgrade", true));
        assert_eq!(record.changed, "2026-01-02T03:04:06Z".parse().ok());
        let names: Vec<String> =
            record.objects().iter().map(|one| format!("{} {} {:?}", one.kind, one.name, one.namespace)).collect();
        assert_eq!(names, ["Service api None", "Deployment api Some(\"other\")"]);
        assert!(record.stored > 100 && record.whole()["namespace"] == "n");
        assert_eq!(Record::read(&stored(), "n", "shop", 2).unwrap(), None);
    }

    #[test]
    fn what_helm_would_read_otherwise_is_not_read() {
        let hook = r#"[{"name":"h","kind":"Job","events":["pre-delete"]}]"#;
        let record =
            Record::of(secret("shop", 3, &JSON.replace(r#""version":3"#, &format!(r#""hooks":{hook},"version":3"#))));
        assert_eq!(
            record.unwrap().hooks,
            [Hook { kind: "Job".into(), name: "h".into(), events: vec!["pre-delete".into()], manifest: String::new() }]
        );
        for odd in [
            format!(r#""Hooks":{hook}"#),
            format!(r#""hooks":[],"hooks":{hook}"#),
            format!("\"hoo\u{212a}s\":{hook}"),
            r#""hooks":[{"events":["test"],"Events":["pre-delete"]}]"#.to_owned(),
            r#""hooks":{"a":1}"#.to_owned(),
            r#""hooks":[{"name":"h"}]"#.to_owned(),
            r#""Manifest":"x""#.to_owned(),
        ] {
            let json = JSON.replace(r#""version":3"#, &format!(r#"{odd},"version":3"#));
            assert!(Record::of(secret("shop", 3, &json)).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_record_is_in_place_when_every_way_leads_to_it() {
        let record = Record::read(&stored(), "n", "shop", 3).unwrap().unwrap();
        assert!(record.is_in_place("shop", "n"));
        assert!(!record.is_in_place("shop", "other") && !record.is_in_place("other", "n"));
        let mut renamed = secret("shop", 3, JSON);
        renamed["metadata"]["name"] = "sh.helm.release.v1.shop.v4".into();
        assert!(!Record::of(renamed).unwrap().is_in_place("shop", "n"));
        let mut relabelled = secret("shop", 3, JSON);
        relabelled["metadata"]["labels"]["status"] = "deployed".into();
        assert!(!Record::of(relabelled).unwrap().is_in_place("shop", "n"));
    }

    #[test]
    fn a_record_in_a_config_map_is_read() {
        let packed = String::from_utf8(pack(JSON)).unwrap();
        let object = serde_json::json!({"kind": "ConfigMap", "metadata": {"name": "sh.helm.release.v1.shop.v3"}, "data": {PAYLOAD: packed}});
        let record = Record::of(object).unwrap();
        assert_eq!((record.revision, record.stored_as().as_str()), (3, "ConfigMap sh.helm.release.v1.shop.v3"));
    }

    #[test]
    fn only_the_manifest_changes() {
        let store = stored();
        let record = Record::read(&store, "n", "shop", 3).unwrap().unwrap();
        let changed = record.with_manifest(&store, "n", "kind: A\n").unwrap();
        assert_eq!((changed.manifest.as_str(), changed.status.as_str()), ("kind: A\n", "pending-upgrade"));
        let back = changed.with_manifest(&store, "n", &record.manifest).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&back.json).unwrap(), serde_json::from_str::<Value>(JSON).unwrap());
        assert!(back.json.contains("123456789012345678901234567890") && back.json.contains("1.10"));
        assert!(record.with_manifest(&store, "n", "").unwrap_err().is_conflict());
    }

    #[test]
    fn only_the_status_changes_and_every_other_byte_stays() {
        let store = stored();
        let failed =
            Record::read(&store, "n", "shop", 3).unwrap().unwrap().fail(&store, "n", "helm was killed").unwrap();
        assert_eq!((failed.status.as_str(), failed.labelled()), ("failed", Some("failed")));
        let expected = JSON.replace("pending-upgrade", "failed").replace("Preparing upgrade", "helm was killed");
        assert_eq!(failed.json, expected);
        let live = Record::read(&store, "n", "shop", 3).unwrap().unwrap();
        assert_eq!(live.json, expected);
        assert!(!live.is_under_way());
    }

    #[test]
    fn a_record_written_since_is_left_alone() {
        let store = stored();
        let record = Record::read(&store, "n", "shop", 3).unwrap().unwrap();
        store.put(&SECRET, "n", secret("shop", 3, &JSON.replace("pending-upgrade", "deployed")));
        assert!(record.fail(&store, "n", "x").unwrap_err().is_conflict());
        assert_eq!(Record::read(&store, "n", "shop", 3).unwrap().unwrap().status, "deployed");
    }

    #[test]
    fn what_is_no_record_is_an_error_and_no_panic() {
        let packed = |bytes: &[u8]| base64(base64(bytes).as_bytes());
        let mut torn = pack(JSON);
        torn.truncate(40);
        for (kind, payload) in [
            (KIND, base64(b"no base64!")),
            (KIND, packed(b"{}")),
            (KIND, packed(b"\x1f\x8b\x08 no gzip")),
            (KIND, base64(&torn)),
            (KIND, String::new()),
            ("Opaque", packed(JSON.as_bytes())),
        ] {
            let mut object = secret("shop", 3, JSON);
            object["type"] = kind.into();
            object["data"][PAYLOAD] = payload.clone().into();
            let error = Record::of(object).unwrap_err();
            assert!(error.to_string().contains("sh.helm.release.v1.shop.v3"), "{payload}: {error}");
        }
        let mut plain = secret("shop", 3, JSON);
        plain["data"][PAYLOAD] = packed(JSON.as_bytes()).into();
        assert_eq!(Record::of(plain).unwrap().revision, 3);
    }
}
