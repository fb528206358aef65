//! One child process: started with Lambda's environment, its output followed, never left behind.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::logs::{LogSink, Tail, follow};
use super::spec::{FunctionSpec, Surroundings, is_inherited, variables};

/// How long the end of a dead child's output is waited for. Only a grandchild that keeps the pipe open needs that long.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A running function binary. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pub(super) tail: Tail,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts the binary.
    ///
    /// # Errors
    /// What the operating system says: no such file, not executable, too many processes.
    pub(super) fn start(spec: &FunctionSpec, around: &Surroundings, sandbox: &str, sink: LogSink) -> io::Result<Self> {
        let inherited = std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_inherited));
        let mut command = Command::new(&spec.program);
        command
            .env_clear()
            .envs(inherited)
            .envs(variables(spec, around, sandbox))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // A group of its own: Ctrl-C at the terminal is for the host, which then ends its children in order.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let tail = sink.tail.clone();
        let mut readers = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            readers.push(tokio::spawn(follow(pipe, sink.clone())));
        }
        if let Some(pipe) = child.stderr.take() {
            readers.push(tokio::spawn(follow(pipe, sink)));
        }
        Ok(Process { child, tail, readers })
    }

    /// Waits for the process's own end.
    pub(super) async fn exited(&mut self) -> String {
        describe(self.child.wait().await)
    }

    /// Kills the process if it still runs, reaps it, and reads its output to the end.
    pub(super) async fn end(mut self) -> Tail {
        // The only error is that it is dead already.
        let _ = self.child.start_kill();
        let _ = self.child.wait().await;
        let tail = self.tail.clone();
        for reader in &mut self.readers {
            let _ = tokio::time::timeout(LAST_WORDS, reader).await;
        }
        tail
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        for reader in &self.readers {
            reader.abort();
        }
    }
}

fn describe(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => status.to_string(),
        Err(error) => format!("its status could not be read: {error}"),
    }
}
