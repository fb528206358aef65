//! A child's output, line by line, with bounds on the line and on what is remembered.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use super::events::{Announcer, HostEvent};

/// A longer line is cut here; the rest of it is dropped.
const MAX_LINE: usize = 64 * 1024;
/// Bytes remembered for `X-Amz-Log-Type: Tail` and for the reason of a failed start: Lambda's 4 KB.
const TAIL: usize = 4 * 1024;

/// The last lines of one process.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    fn lines(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &str) {
        let mut lines = self.lines();
        lines.push_back(line.chars().take(TAIL).collect());
        while lines.len() > 1 && lines.iter().map(|line| line.len() + 1).sum::<usize>() > TAIL {
            lines.pop_front();
        }
    }

    /// Forgets what was said so far: an invocation's tail starts with it.
    pub(super) fn clear(&self) {
        self.lines().clear();
    }

    /// What is remembered, lines joined.
    pub(super) fn text(&self) -> String {
        self.lines().iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// Where a process's lines go.
#[derive(Clone, Debug)]
pub(super) struct LogSink {
    pub(super) function: String,
    pub(super) sandbox: String,
    pub(super) announcer: Announcer,
    pub(super) tail: Tail,
}

impl LogSink {
    fn line(&self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let line = text.trim_end_matches(['\n', '\r']);
        self.tail.push(line);
        let (function, sandbox) = (self.function.clone(), self.sandbox.clone());
        self.announcer.tell(HostEvent::Log { function, sandbox, line: line.to_owned() });
    }
}

/// Reads until the pipe closes. A read error ends the log, not the process.
pub(super) async fn follow(pipe: impl AsyncRead + Unpin, sink: LogSink) {
    let mut reader = BufReader::new(pipe);
    let mut line: Vec<u8> = Vec::new();
    loop {
        let (used, ended) = match reader.fill_buf().await {
            Ok([]) | Err(_) => break,
            Ok(chunk) => {
                let end = chunk.iter().position(|byte| *byte == b'\n');
                let used = end.map_or(chunk.len(), |at| at + 1);
                let room = MAX_LINE.saturating_sub(line.len());
                line.extend(chunk.iter().take(used.min(room)));
                (used, end.is_some())
            }
        };
        reader.consume(used);
        if ended {
            sink.line(&line);
            line.clear();
        }
    }
    if !line.is_empty() {
        sink.line(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines_of(input: &[u8]) -> Vec<String> {
        let announcer = Announcer::new();
        let mut events = announcer.subscribe();
        let sink = LogSink { function: "f".into(), sandbox: "0-1".into(), announcer, tail: Tail::default() };
        follow(input, sink).await;
        let mut lines = Vec::new();
        while let Some(HostEvent::Log { line, .. }) = events.next().await {
            lines.push(line);
        }
        lines
    }

    #[tokio::test]
    async fn lines_come_one_by_one_also_the_last_without_an_end() {
        assert_eq!(lines_of(b"one\ntwo\r\n\nfour").await, ["one", "two", "", "four"]);
        assert_eq!(lines_of(b"bad \xff byte\n").await, ["bad \u{fffd} byte"]);
    }

    #[tokio::test]
    async fn an_endless_line_is_cut_and_the_next_one_is_whole() {
        let mut input = vec![b'x'; 3 * MAX_LINE];
        input.extend(b"\nnext\n");
        let lines = lines_of(&input).await;
        assert_eq!((lines[0].len(), lines[1].as_str()), (MAX_LINE, "next"));
    }

    #[test]
    fn the_tail_keeps_the_end() {
        let tail = Tail::default();
        for n in 0..2_000 {
            tail.push(&format!("line {n}"));
        }
        let text = tail.text();
        assert!(text.len() <= TAIL && text.ends_with("line 1999"));
        tail.push(&"y".repeat(2 * TAIL));
        assert_eq!(tail.text().len(), TAIL);
    }
}
