//! Whole lives of a resource, as CloudFormation leads them: changes, moves to another bucket, the way back of what failed.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::notification::Owner;

const BUCKETS: [&str; 2] = ["photos", "scans"];

/// Both buckets. Of each request's calls one may fail.
#[derive(Clone, Default)]
struct Buckets(Arc<Mutex<(ByName, Option<Fault>)>>);

type ByName = BTreeMap<String, Notification>;

/// The call of this number fails, before or after it has taken effect.
#[derive(Clone, Copy, Debug)]
struct Fault {
    after_calls: usize,
    kind: Kind,
    has_landed: bool,
}

impl Buckets {
    fn call<T>(&self, work: impl FnOnce(&mut ByName) -> T) -> Result<T, CloudError> {
        let (buckets, fault) = &mut *self.0.lock().unwrap();
        let failed = match fault {
            Some(Fault { after_calls: 0, .. }) => fault.take(),
            Some(fault) => {
                fault.after_calls -= 1;
                None
            }
            None => None,
        };
        let Some(Fault { kind, has_landed, .. }) = failed else { return Ok(work(buckets)) };
        // Only what was not answered may have landed.
        if has_landed && kind == Kind::Unavailable {
            work(buckets);
        }
        Err(CloudError { doing: "a call".to_owned(), kind, code: None, message: "failed".to_owned() })
    }
}

#[async_trait]
impl Notifications for Buckets {
    async fn notification(&self, bucket: &str, _: &str) -> Result<Notification, CloudError> {
        self.call(|buckets| buckets.get(bucket).cloned().unwrap_or_default())
    }

    async fn put_notification(&self, bucket: &str, _: &str, whole: &Notification, _: Check) -> Result<(), CloudError> {
        self.call(|buckets| drop(buckets.insert(bucket.to_owned(), whole.clone())))
    }
}

fn theirs(bucket: &str) -> Draft {
    Draft {
        id: Some(format!("of {bucket}")),
        destination: brigade::notification::Destination::Queue("arn:aws:sqs:eu-west-1:123456789012:q".to_owned()),
        events: vec!["s3:ObjectTagging:*".to_owned()],
        filter: vec![],
    }
}

/// CloudFormation with one resource.
struct Stack {
    buckets: Buckets,
    mailbox: Mailbox,
    resource: Resource<Buckets, Mailbox>,
    /// Its physical id and properties.
    made: Option<(String, Value)>,
}

impl Stack {
    fn new() -> Self {
        let (buckets, mailbox) = (Buckets::default(), Mailbox::default());
        let whole = |bucket: &str| Notification { rules: vec![theirs(bucket)], event_bridge: true };
        buckets.0.lock().unwrap().0 = BUCKETS.iter().map(|bucket| ((*bucket).to_owned(), whole(bucket))).collect();
        let mut resource = Resource::new(buckets.clone(), mailbox.clone());
        (resource.settle, resource.pause) = (Duration::ZERO, Duration::ZERO);
        Self { buckets, mailbox, resource, made: None }
    }

    /// Whether it succeeded, and the physical id after it.
    async fn ask(&self, kind: &str, id: Option<&str>, properties: &Value, fault: Option<Fault>) -> (bool, String) {
        let mut payload = request(kind, properties);
        payload["PhysicalResourceId"] = id.map_or(Value::Null, Value::from);
        self.buckets.0.lock().unwrap().1 = fault;
        self.resource.handle(&payload, Duration::from_secs(60)).await.unwrap();
        self.buckets.0.lock().unwrap().1 = None;
        let answer = self.mailbox.0.lock().unwrap().0.last().unwrap().clone();
        (answer["Status"] == "SUCCESS", answer["PhysicalResourceId"].as_str().unwrap().to_owned())
    }

    /// Asked again until it succeeds, as somebody does who wants to be rid of the stack.
    async fn delete(&self, id: &str, properties: &Value, fault: Option<Fault>) {
        let passes = fault.filter(|fault| matches!(fault.kind, Kind::Unavailable | Kind::Conflict));
        if !self.ask("Delete", Some(id), properties, passes).await.0 {
            assert!(self.ask("Delete", Some(id), properties, None).await.0);
        }
    }

    /// The template has the resource with these properties from now on; `None`: it has none. What fails goes the way back, or
    /// `ends`: then the stack is deleted as it is, and the resource with the properties that it never got.
    async fn change(&mut self, wanted: Option<Value>, fault: Option<Fault>, ends: bool) {
        self.made = match (self.made.take(), wanted) {
            (None, None) => None,
            (None, Some(new)) => {
                let (is_done, id) = self.ask("Create", None, &new, fault).await;
                if !is_done {
                    self.delete(&id, &new, None).await;
                }
                is_done.then_some((id, new))
            }
            (Some((id, old)), Some(new)) => {
                let (is_done, now) = self.ask("Update", Some(&id), &new, fault).await;
                if is_done && now != id {
                    self.delete(&id, &old, None).await;
                }
                if is_done {
                    Some((now, new))
                } else if ends {
                    self.delete(&now, &new, None).await;
                    None
                } else {
                    assert_eq!(now, id);
                    let (is_back, back) = self.ask("Update", Some(&id), &old, None).await;
                    assert!(is_back && back == id);
                    Some((id, old))
                }
            }
            (Some((id, old)), None) => {
                self.delete(&id, &old, fault).await;
                None
            }
        };
    }

    fn holds(&self) -> Result<(), TestCaseError> {
        let owner = Owner::stack(STACK, "SourceBucketWire");
        for bucket in BUCKETS {
            let now = self.buckets.0.lock().unwrap().0.get(bucket).cloned().unwrap_or_default();
            prop_assert_eq!(now.foreign(&owner).collect::<Vec<_>>(), [&theirs(bucket)]);
            prop_assert!(now.event_bridge);
            let made = self.made.as_ref().filter(|(_, properties)| properties["BucketName"] == bucket);
            let expected = match made {
                Some((_, properties)) => {
                    let wanted = Request::parse(&request("Create", properties)).unwrap().properties.unwrap().announcement();
                    Notification::default().with(&owner, &wanted).unwrap()
                }
                None => Notification::default(),
            };
            let own = Notification { rules: now.own(&owner).cloned().collect(), event_bridge: false };
            prop_assert!(own.same(&expected), "{}: {:?}, and the stack has {:?}", bucket, own, self.made);
        }
        Ok(())
    }
}

fn wanted() -> impl Strategy<Value = Option<Value>> {
    let families = proptest::sample::subsequence(vec!["ObjectCreated", "ObjectRemoved", "LifecycleExpiration"], 1..=3);
    let some = (proptest::sample::select(&BUCKETS[..]), families, "[ab]{0,2}").prop_map(|(bucket, families, prefix)| {
        let mut properties = properties(&families);
        (properties["BucketName"], properties["Prefix"]) = (bucket.into(), prefix.into());
        properties
    });
    proptest::option::weighted(0.8, some)
}

fn fault() -> impl Strategy<Value = Option<Fault>> {
    let kind = proptest::sample::select(vec![Kind::Unavailable, Kind::Conflict, Kind::Denied, Kind::Refused]);
    let fault = (0..8_usize, kind, any::<bool>());
    proptest::option::of(fault.prop_map(|(after_calls, kind, has_landed)| Fault { after_calls, kind, has_landed }))
}

proptest! {
    #[test]
    fn a_bucket_has_the_rules_that_its_stack_says_and_no_others(
        changes in proptest::collection::vec((wanted(), fault(), any::<bool>()), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut stack = Stack::new();
            for (wanted, fault, ends) in changes {
                stack.change(wanted, fault, ends).await;
                stack.holds()?;
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}
