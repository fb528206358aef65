//! How far a long command has come, on a terminal.

use std::io::{self, IsTerminal as _, Read, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A bar is drawn anew after this.
const EVERY: Duration = Duration::from_millis(200);
const WIDTH: u64 = 40;

/// Bytes read of all bytes there are.
pub(super) struct Progress {
    total: u64,
    done: AtomicU64,
    begun: Instant,
    /// When it was drawn last; none where standard error is no terminal.
    drawn: Option<Mutex<Instant>>,
}

impl Progress {
    pub(super) fn new(total: u64) -> Self {
        let begun = Instant::now();
        let drawn = io::stderr().is_terminal().then(|| Mutex::new(begun));
        Self { total, done: AtomicU64::new(0), begun, drawn }
    }

    pub(super) fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// Counts what is read.
    pub(super) fn of<R: Read>(&self, reader: R) -> impl Read {
        Counted { reader, progress: self }
    }

    fn add(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        // Whoever comes while another draws lets it draw.
        let Some(mut drawn) = self.drawn.as_ref().and_then(|drawn| drawn.try_lock().ok()) else { return };
        if drawn.elapsed() < EVERY {
            return;
        }
        *drawn = Instant::now();
        let (filled, percent) = (done * WIDTH / self.total.max(1), done * 100 / self.total.max(1));
        let bar: String = (0..WIDTH).map(|at| if at < filled { '█' } else { '░' }).collect();
        let rate = done as f64 / 1e6 / self.seconds().max(1e-3);
        let left = (self.total.saturating_sub(done)) as f64 / 1e6 / rate.max(1e-3);
        let _ = write!(io::stderr(), "\r{bar} {percent:3} %  {rate:.0} MB/s  {left:.0} s left \x1b[K");
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        if self.drawn.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

struct Counted<'a, R> {
    reader: R,
    progress: &'a Progress,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let got = self.reader.read(room)?;
        self.progress.add(got as u64);
        Ok(got)
    }
}
