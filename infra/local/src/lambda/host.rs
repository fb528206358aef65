//! The function host: everything about functions, in one value.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinSet;

use super::HostError;
use super::events::{Announcer, HostEvent, HostEvents};
use super::faults::{FaultCounts, FaultDraw, Faults};
use super::function::{Function, FunctionState};
use super::invocation::{Failure, Invocation, InvokeResult, MAX_PAYLOAD, Work, request_id};
use super::mapping::{MappingSpec, Poller, poll};
use super::runtime_api::Registry;
use super::sandbox::{Shared, run, stopped};
use super::spec::{FunctionSpec, Surroundings};
use crate::sqs::Queues;

/// How long a shutdown waits for children to be reaped; they have been killed by then.
const SHUTDOWN: Duration = Duration::from_secs(10);
/// Asynchronous invocations that may be under way.
const ASYNC_INVOCATIONS: usize = 256;

/// What the host has to know of the cloud around it.
#[derive(Clone, Debug)]
pub struct HostSettings {
    /// Where functions reach the local cloud, e.g. `http://127.0.0.1:4566`: the address of the
    /// [`Front`](crate::front::Front) that has this host as its `lambda` route.
    pub endpoint: String,
    /// The region in ARNs and in `AWS_REGION`.
    pub region: String,
    /// The account in ARNs.
    pub account: String,
    /// Faults to inject; the default is none.
    pub faults: Faults,
}

impl HostSettings {
    /// The local cloud's region and account, without faults.
    pub fn new(endpoint: impl Into<String>) -> Self {
        HostSettings {
            endpoint: endpoint.into(),
            region: crate::REGION.to_owned(),
            account: crate::ACCOUNT.to_owned(),
            faults: Faults::default(),
        }
    }
}

/// Starts functions, invokes them and feeds them from queues. Dropping it kills its children.
#[derive(Debug)]
pub struct Lambda {
    pub(super) invoker: Invoker,
    pub(super) queues: Queues,
    functions: Mutex<BTreeMap<String, Arc<Function>>>,
    mappings: Mutex<Vec<MappingSpec>>,
    sandboxes: Mutex<JoinSet<()>>,
    /// Pollers and asynchronous invocations.
    callers: Mutex<JoinSet<()>>,
    pub(super) async_slots: Arc<Semaphore>,
}

impl Lambda {
    /// A host without functions.
    #[must_use]
    pub fn new(settings: HostSettings, queues: Queues) -> Self {
        let HostSettings { endpoint, region, account, faults } = settings;
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let shared = Shared {
            around: Surroundings { endpoint, region, account },
            announcer: Announcer::new(),
            faults: FaultDraw::new(faults),
            registry: Registry::default(),
            stop: watch::Sender::new(false),
        };
        Lambda {
            invoker: Invoker { shared: Arc::new(shared) },
            queues,
            functions: Mutex::default(),
            mappings: Mutex::default(),
            sandboxes: Mutex::default(),
            callers: Mutex::default(),
            async_slots: Arc::new(Semaphore::new(ASYNC_INVOCATIONS)),
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.invoker.shared
    }

    /// Starts a function's processes and returns at once; [`Lambda::ready`] waits for them.
    ///
    /// # Errors
    /// [`HostError::Spec`], [`HostError::Exists`], [`HostError::ShutDown`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(&self, spec: FunctionSpec) -> Result<(), HostError> {
        let spec = spec.checked()?;
        if *self.shared().stop.borrow() {
            return Err(HostError::ShutDown);
        }
        let (name, concurrency) = (spec.name.clone(), spec.concurrency);
        let arn = self.shared().around.arn(&name);
        let function = Arc::new(Function::new(spec, arn));
        let mut functions = lock(&self.functions);
        if functions.contains_key(&name) {
            return Err(HostError::Exists(name));
        }
        functions.insert(name, Arc::clone(&function));
        let mut sandboxes = lock(&self.sandboxes);
        for index in 0..concurrency {
            sandboxes.spawn(run(Arc::clone(self.shared()), Arc::clone(&function), index));
        }
        Ok(())
    }

    /// Waits until the function has asked for work.
    ///
    /// # Errors
    /// [`HostError::Broken`] with its last words when it does not start; [`HostError::NotReady`] after `within`.
    pub async fn ready(&self, function: &str, within: Duration) -> Result<(), HostError> {
        let function = self.function(function)?;
        let mut state = function.state.subscribe();
        let settled = state.wait_for(|state| *state != FunctionState::Starting);
        let settled = tokio::time::timeout(within, settled).await.map(|state| state.map(|state| state.clone()));
        let name = || function.spec.name.clone();
        match settled {
            Ok(Ok(FunctionState::Failed(message))) => Err(HostError::Broken { function: name(), message }),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(HostError::ShutDown),
            Err(_) => Err(HostError::NotReady { function: name(), seconds: within.as_secs_f64() }),
        }
    }

    /// Feeds a function from a queue. Both must exist.
    ///
    /// # Errors
    /// [`HostError::Mapping`] for what Lambda would refuse, [`HostError::UnknownFunction`], [`HostError::ShutDown`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn map(&self, mapping: MappingSpec) -> Result<(), HostError> {
        let function = self.function(&mapping.function)?;
        if *self.shared().stop.borrow() {
            return Err(HostError::ShutDown);
        }
        let refused = |problem: String| {
            let (queue, function) = (mapping.queue.clone(), mapping.function.clone());
            HostError::Mapping { queue, function, field: "queue", problem }
        };
        let queue = self.queues.parsed_attributes(&mapping.queue).map_err(|error| refused(error.to_string()))?;
        let mut mappings = lock(&self.mappings);
        let arn = |mapping: &MappingSpec| self.queues.arn(&mapping.queue).ok();
        if mappings.iter().any(|other| other.function == mapping.function && arn(other) == arn(&mapping)) {
            return Err(refused("feeds this function already".to_owned()));
        }
        if let Some(message) = mapping.check(&queue, &function.spec)? {
            self.invoker.tell(HostEvent::Warning { function: mapping.function.clone(), message });
        }
        mappings.push(mapping.clone());
        drop(mappings);
        let mapping = Arc::new(mapping);
        for _ in 0..mapping.pollers(&function.spec) {
            self.spawn(poll(Poller {
                mapping: Arc::clone(&mapping),
                queues: self.queues.clone(),
                function: Arc::clone(&function),
                invoker: self.invoker.clone(),
            }));
        }
        Ok(())
    }

    /// Invokes a function and waits for its answer. A function that fails is a result with `function_error`.
    ///
    /// # Errors
    /// [`HostError::UnknownFunction`], [`HostError::PayloadTooLarge`], [`HostError::Throttled`].
    pub async fn invoke(&self, function: &str, payload: Bytes) -> Result<InvokeResult, HostError> {
        let function = self.function(function)?;
        self.invoker.invoke_directly(&function, Work::of(payload)).await
    }

    /// Kills the function's processes now (SIGKILL). Fresh ones are started; a function that had failed is tried again.
    ///
    /// # Errors
    /// [`HostError::UnknownFunction`].
    pub fn kill(&self, function: &str) -> Result<(), HostError> {
        self.function(function)?.kills.send_modify(|kills| *kills = kills.wrapping_add(1));
        Ok(())
    }

    /// Stops handing messages to the function; what it has it finishes. Direct invocations still work.
    ///
    /// # Errors
    /// [`HostError::UnknownFunction`].
    pub fn pause(&self, function: &str) -> Result<(), HostError> {
        self.function(function)?.paused.send_replace(true);
        Ok(())
    }

    /// Hands messages to the function again.
    ///
    /// # Errors
    /// [`HostError::UnknownFunction`].
    pub fn resume(&self, function: &str) -> Result<(), HostError> {
        self.function(function)?.paused.send_replace(false);
        Ok(())
    }

    /// Whether the function can work.
    ///
    /// # Errors
    /// [`HostError::UnknownFunction`].
    pub fn state(&self, function: &str) -> Result<FunctionState, HostError> {
        Ok(self.function(function)?.state.borrow().clone())
    }

    /// What happens from now on.
    #[must_use]
    pub fn events(&self) -> HostEvents {
        self.shared().announcer.subscribe()
    }

    /// The faults that fired so far.
    #[must_use]
    pub fn fault_counts(&self) -> FaultCounts {
        self.shared().faults.counts()
    }

    /// Stops polling, kills all children and reaps them. Invocations under way fail; their messages come back by visibility.
    pub async fn shutdown(&self) {
        lock(&self.callers).abort_all();
        self.shared().stop.send_replace(true);
        let mut sandboxes = std::mem::take(&mut *lock(&self.sandboxes));
        // Beyond the limit the rest is dropped, which kills without reaping.
        let _ = tokio::time::timeout(SHUTDOWN, async { while sandboxes.join_next().await.is_some() {} }).await;
    }

    pub(super) fn function(&self, name: &str) -> Result<Arc<Function>, HostError> {
        lock(&self.functions).get(name).cloned().ok_or_else(|| HostError::UnknownFunction(name.to_owned()))
    }

    pub(super) fn all_functions(&self) -> Vec<Arc<Function>> {
        lock(&self.functions).values().cloned().collect()
    }

    pub(super) fn all_mappings(&self) -> Vec<MappingSpec> {
        lock(&self.mappings).clone()
    }

    /// Runs a task that ends with the host.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut callers = lock(&self.callers);
        // Finished asynchronous invocations are taken out here, so that the set stays as small as what is under way.
        while callers.try_join_next().is_some() {}
        callers.spawn(task);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Brings invocations to functions.
#[derive(Clone, Debug)]
pub(super) struct Invoker {
    pub(super) shared: Arc<Shared>,
}

impl Invoker {
    /// Invokes a function that is not fed by a queue, and tells the readers of the live stream how it went.
    pub(super) async fn invoke_directly(&self, function: &Function, work: Work) -> Result<InvokeResult, HostError> {
        let result = self.invoke(function, work).await?;
        let (name, request_id) = (function.spec.name.clone(), result.request_id.clone());
        self.tell(match result.function_error {
            None => HostEvent::Replied { function: name, request_id, failures: 0, duration: result.duration },
            Some(_) => HostEvent::Failed { function: name, request_id, messages: 0, cause: result.error_message() },
        });
        Ok(result)
    }

    /// Waits for a free process, and for its answer.
    pub(super) async fn invoke(&self, function: &Function, work: Work) -> Result<InvokeResult, HostError> {
        if work.payload.len() > MAX_PAYLOAD {
            return Err(HostError::PayloadTooLarge { bytes: work.payload.len(), limit: MAX_PAYLOAD });
        }
        let (done, answer) = oneshot::channel();
        let id = request_id();
        let mut stop = self.shared.stop.subscribe();
        let mut state = function.state.subscribe();
        function.enqueue(Invocation { request_id: id.clone(), work, done })?;
        let broken = async {
            match state.wait_for(|state| matches!(state, FunctionState::Failed(_))).await.map(|state| state.clone()) {
                Ok(FunctionState::Failed(message)) => message,
                _ => std::future::pending().await,
            }
        };
        let failed = |failure| Ok(InvokeResult::new(Err(failure), id.clone(), String::new(), Duration::ZERO));
        tokio::select! {
            biased;
            result = answer => result.or_else(|_| failed(Failure::ShutDown)),
            message = broken => failed(Failure::Broken(message)),
            () = stopped(&mut stop) => failed(Failure::ShutDown),
        }
    }

    pub(super) fn loses_reply(&self) -> bool {
        self.shared.faults.loses_reply()
    }

    pub(super) fn tell(&self, event: HostEvent) {
        self.shared.announcer.tell(event);
    }
}
