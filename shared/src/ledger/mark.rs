//! A key's mark: the newest change that was claimed of it, and whether the claim is still open.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Id, Order};

/// The high-water mark of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    /// Whose it is.
    pub key: Id,
    /// The newest change that was claimed.
    pub change: Id,
    /// That change's place among those of the key.
    pub order: Order,
    /// That change's event time, in milliseconds since 1970; 0 where it is not known.
    pub time: i64,
    /// That change's number: larger than of every change of the key that was claimed before.
    pub token: u64,
    /// The claim, until it is completed.
    pub open: Option<Open>,
}

/// An open claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Open {
    /// The nonce of the invocation that holds it.
    pub owner: String,
    /// When its lease runs out, in seconds since 1970 on S3's clock; 0 where it was given back.
    pub until: i64,
}

/// `[key, change, order, time, token]`, and `owner, until` where the claim is open: 82 to 142 bytes of JSON.
impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_tuple(if self.open.is_some() { 7 } else { 5 })?;
        fields.serialize_element(&self.key)?;
        fields.serialize_element(&self.change)?;
        fields.serialize_element(&self.order)?;
        fields.serialize_element(&self.time)?;
        fields.serialize_element(&self.token)?;
        if let Some(open) = &self.open {
            fields.serialize_element(&open.owner)?;
            fields.serialize_element(&open.until)?;
        }
        fields.end()
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Mark;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[key, change, order, time, token], with owner and end of the lease where it is open")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<Mark, A::Error> {
                let short = |at: usize| A::Error::invalid_length(at, &Fields);
                let key = fields.next_element()?.ok_or_else(|| short(0))?;
                let change = fields.next_element()?.ok_or_else(|| short(1))?;
                let order = fields.next_element()?.ok_or_else(|| short(2))?;
                let time = fields.next_element()?.ok_or_else(|| short(3))?;
                let token = fields.next_element()?.ok_or_else(|| short(4))?;
                let open = match fields.next_element()? {
                    None => None,
                    Some(owner) => Some(Open { owner, until: fields.next_element()?.ok_or_else(|| short(6))? }),
                };
                Ok(Mark { key, change, order, time, token, open })
            }
        }
        deserializer.deserialize_seq(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Sequencer;
    use crate::ledger::Digest;

    #[test]
    fn a_mark_is_a_short_list_and_reads_back() {
        let done = Mark {
            key: Digest::of(&["k"]).id(),
            change: Digest::of(&["c"]).id(),
            order: Order::of_sequencer(Sequencer::new("0065B2CB162FC1AC3B").as_ref()),
            time: 1_800_000_000_123,
            token: 123_456,
            open: None,
        };
        let open = Mark { open: Some(Open { owner: "0123456789abcdef".to_owned(), until: 1_800_000_050 }), ..done.clone() };
        for (mark, bytes) in [(done, 82), (open, 112)] {
            let text = serde_json::to_string(&mark).unwrap();
            assert_eq!(text.len(), bytes, "{text}");
            assert_eq!(serde_json::from_str::<Mark>(&text).unwrap(), mark);
            assert!(serde_json::from_str::<Mark>(&text.replace(",123456", "")).is_err());
        }
    }
}
