//! What the derived bucket must hold: `f` of the sources, from the pure core, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use brigade::derived::{Marks, SIDECAR, Sidecar, SourceVersion, owner_mark};
use brigade::storage::{Head, ObjectMeta, Store};
use brigade_thumbnail::pixels::{Reject, Rendered, render};
use bytes::Bytes;

use super::{Rig, SOURCE, source};

impl Rig {
    /// Fails unless the derived bucket is exactly `f` of these sources: bytes, sidecars, marks, headers.
    pub async fn derived_is_f_of(&self, sources: &BTreeMap<String, Bytes>) {
        let found = self.derived().await;
        let mut expected = BTreeSet::new();
        for (key, bytes) in sources {
            let about = self.store.head(&source(key), Head::default()).await.unwrap();
            let sidecar_key = self.derived_key(key, SIDECAR);
            let Some((object, text)) = found.get(&sidecar_key) else { self.fail(&format!("{sidecar_key} is not there")) };
            self.check_marks(key, &about, &object.meta, "no-cache");
            let sidecar = Sidecar::parse(text).unwrap();
            assert_eq!((sidecar.source.bucket.as_str(), sidecar.source.key.as_str()), (SOURCE, key.as_str()));
            assert_eq!(sidecar.config, self.config.id.to_string());
            expected.insert(sidecar_key);
            match render(bytes, &self.config.settings) {
                Ok(rendered) => {
                    assert_eq!(sidecar.reject, None, "{key}");
                    self.check_about(key, &sidecar, &rendered);
                    for (output, listed) in rendered.outputs.iter().zip(&sidecar.outputs) {
                        let Some((object, body)) = found.get(&listed.key) else {
                            self.fail(&format!("{} is not there", listed.key))
                        };
                        assert_eq!(listed.key, self.derived_key(key, &format!("{}.{}", output.size, output.ext)));
                        assert!(*body == output.bytes, "{}: other bytes than the pure core's", listed.key);
                        assert_eq!(object.meta.content_type.as_deref(), Some(output.content_type), "{}", listed.key);
                        assert_eq!(listed.etag.as_deref(), Some(object.meta.etag.as_str()), "{}", listed.key);
                        assert_eq!(listed.bytes, object.meta.size, "{}", listed.key);
                        self.check_marks(key, &about, &object.meta, &self.config.cache_control);
                        expected.insert(listed.key.clone());
                    }
                }
                Err(reject) => check_reject(key, &sidecar, &reject),
            }
        }
        let found: BTreeSet<String> = found.into_keys().collect();
        if found != expected {
            let (missing, more) = (expected.difference(&found), found.difference(&expected));
            self.fail(&format!("missing {:?}, too many {:?}", missing.collect::<Vec<_>>(), more.collect::<Vec<_>>()));
        }
    }

    /// A derived object's key.
    pub fn derived_key(&self, key: &str, segment: &str) -> String {
        self.config.template.place(&source(key), segment).unwrap().key.as_str().to_owned()
    }

    fn check_about(&self, key: &str, sidecar: &Sidecar, rendered: &Rendered) {
        let about = |name: &str| sidecar.about.get(name).and_then(serde_json::Value::as_u64);
        assert_eq!(about("width"), Some(rendered.width.into()), "{key}");
        assert_eq!(about("height"), Some(rendered.height.into()), "{key}");
        let sizes: Vec<_> = sidecar.outputs.iter().map(|o| o.about.get("size").and_then(serde_json::Value::as_u64)).collect();
        let wanted: Vec<_> = self.config.settings.sizes.iter().map(|size| Some(u64::from(*size))).collect();
        assert_eq!(sizes, wanted, "{key}");
    }

    fn check_marks(&self, key: &str, about: &ObjectMeta, derived: &ObjectMeta, cache_control: &str) {
        let wanted =
            Marks { source: owner_mark(&source(key)), version: SourceVersion::of(about), config: self.config.id.clone() };
        let Some(marks) = Marks::of(derived) else { self.fail(&format!("{key}: marks are missing: {:?}", derived.metadata)) };
        assert!(marks.are_current(&wanted), "{key}: {marks:?} instead of {wanted:?}");
        assert_eq!(derived.cache_control.as_deref(), Some(cache_control), "{key}");
    }
}

fn check_reject(key: &str, sidecar: &Sidecar, reject: &Reject) {
    assert_eq!(sidecar.outputs, [], "{key}");
    assert_eq!(sidecar.reject.as_ref().map(|rejected| rejected.code.as_str()), Some(reject.code()), "{key}");
}
