//! A host on a loopback port, with the probe as its functions' program.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use brigade_local::clock::Clock;
use brigade_local::front::{Front, Routes};
use brigade_local::http::{Request, Response, Route};
use brigade_local::lambda::{Faults, FunctionSpec, HostEvent, HostEvents, HostSettings, Lambda, MappingSpec};
use brigade_local::sns::Topics;
use brigade_local::sqs::{Queues, Settings};

/// The name of the function in these tests.
pub(crate) const PROBE: &str = "probe";

/// A host, its queues and its HTTP front.
pub(crate) struct World {
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) queues: Queues,
    pub(crate) events: HostEvents,
    /// Stops when it is dropped.
    _front: Front,
}

impl World {
    /// A host whose queues' time runs so many times as fast.
    pub(crate) async fn new(factor: f64, faults: Faults) -> World {
        let listener = Front::bind(0).await.expect("a loopback port");
        let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
        let queues = Queues::new(Clock::scaled(factor), Settings::default());
        let settings = HostSettings { faults, ..HostSettings::new(endpoint) };
        let lambda = Arc::new(Lambda::new(settings, queues.clone()));
        let events = lambda.events();
        let routes = Routes {
            s3: Arc::new(NoS3),
            lambda: Some(lambda.clone()),
            queues: queues.clone(),
            topics: Topics::new(queues.clone()),
            lost_reply: None,
        };
        let front = Front::serve(listener, routes).expect("an address");
        World { lambda, queues, events, _front: front }
    }

    /// Starts the probe with changes to its spec, and waits until it asks for work.
    pub(crate) async fn start(&self, change: impl FnOnce(&mut FunctionSpec)) {
        let mut spec = probe();
        change(&mut spec);
        self.lambda.start(spec).expect("a valid spec");
        self.lambda.ready(PROBE, Duration::from_secs(60)).await.expect("the probe starts");
    }

    /// A queue with a visibility timeout of 60 s, and more attributes.
    pub(crate) fn queue(&self, name: &str, more: &[(&str, &str)]) {
        let mut attributes = BTreeMap::from([("VisibilityTimeout".to_owned(), "60".to_owned())]);
        attributes.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.queues.create(name, &attributes).expect("a valid queue");
    }

    pub(crate) fn send(&self, queue: &str, bodies: &[&str]) {
        for body in bodies {
            self.queues.send(queue, *body, Default::default()).expect("a valid message");
        }
    }

    pub(crate) fn map(&self, mapping: MappingSpec) {
        self.lambda.map(mapping).expect("a valid mapping");
    }

    /// The next event that satisfies the condition.
    pub(crate) async fn event(&mut self, what: &str, wanted: impl Fn(&HostEvent) -> bool) -> HostEvent {
        let mut seen = Vec::new();
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                let event = self.events.next().await.expect("the host lives");
                if wanted(&event) {
                    return event;
                }
                seen.push(event);
            }
        });
        match found.await {
            Ok(event) => event,
            Err(_) => panic!("no event \"{what}\" within {PATIENCE:?}; instead:\n{seen:#?}"),
        }
    }

    /// Waits for a line of the probe's output.
    pub(crate) async fn line(&mut self, expected: &str) {
        self.event(expected, |event| matches!(event, HostEvent::Log { line, .. } if line == expected)).await;
    }

    /// Waits until a queue holds no message in any state.
    pub(crate) async fn drained(&self, queue: &str) {
        let empty = self.queues.wait_for(queue, |depth| depth.visible + depth.in_flight + depth.delayed == 0);
        within("the queue is empty", empty).await.expect("the queue is there");
    }
}

/// How long a test waits for what must happen. Generous: it is only used up by a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The future's output, or a failure that says what did not happen.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("not within {PATIENCE:?}: {what}"),
    }
}

/// The probe with a timeout of 10 s.
pub(crate) fn probe() -> FunctionSpec {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(program);
    FunctionSpec { timeout: Duration::from_secs(10), ..FunctionSpec::new(PROBE, PROGRAM.as_path()) }
}

/// The probe's binary. `cargo test` builds examples, except when it is told which tests to run: then this does.
fn program() -> PathBuf {
    // The test binary is target/…/deps/lambda-HASH, examples are in target/…/examples.
    let test: PathBuf = std::env::current_exe().expect("this test's own binary");
    let program = test.parent().and_then(|deps| deps.parent()).expect("a target directory").join("examples").join("probe");
    if !program.is_file() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo).args(["build", "-q", "-p", "brigade-local", "--example", "probe"]).status();
        assert!(built.is_ok_and(|status| status.success()), "cargo build -p brigade-local --example probe failed");
    }
    assert!(program.is_file(), "{} is not where examples are built", program.display());
    program
}

/// No S3 in these tests.
struct NoS3;

#[async_trait]
impl Route for NoS3 {
    async fn call(&self, request: Request) -> Response {
        panic!("nobody should ask for {}", request.uri())
    }
}
