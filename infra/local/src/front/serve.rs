//! The HTTP/1.1 server under the port.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::Routes;
use crate::http::Body;

/// The port that emulators of AWS have in common.
pub const DEFAULT_PORT: u16 = 4566;

/// The most connections at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 4096;

/// How long requests may go on after a stop; long polls don't end by themselves sooner.
const GRACE: Duration = Duration::from_secs(1);

/// The running server. Dropping it stops it at once; [`Front::stop`] lets requests finish.
#[derive(Debug)]
pub struct Front {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Front {
    /// Listens on 127.0.0.1; port 0 takes a free one.
    ///
    /// # Errors
    /// The port can't be had.
    pub async fn start(port: u16, routes: Routes) -> io::Result<Self> {
        Self::serve(Self::bind(port).await?, routes)
    }

    /// Takes the port before anything is served, for parts that must know the endpoint first.
    ///
    /// # Errors
    /// The port can't be had.
    pub async fn bind(port: u16) -> io::Result<TcpListener> {
        TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
    }

    /// Serves on a listener of [`Front::bind`].
    ///
    /// # Errors
    /// The listener has no address.
    pub fn serve(listener: TcpListener, routes: Routes) -> io::Result<Self> {
        let address = listener.local_addr()?;
        routes.topics.set_base(&format!("http://{address}"));
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(listener, Arc::new(routes), stopped));
        Ok(Self { address, stop, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint URL for clients, without a slash at the end.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops: no new connections, and requests under way have a second to finish.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let _ = (&mut self.task).await;
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, routes: Arc<Routes>, mut stopped: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let (routes, stopped) = (Arc::clone(&routes), stopped.clone());
                connections.spawn(async move {
                    connection(stream, routes, stopped).await;
                    drop(slot);
                });
            }
            // Out of descriptors, most likely: those in use come back as connections end.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    drop(listener);
    // Each connection ends by itself within the grace period.
    while connections.join_next().await.is_some() {}
}

async fn connection(stream: TcpStream, routes: Arc<Routes>, mut stopped: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let routes = Arc::clone(&routes);
        async move { routes.answer(request.map(Body::from)).await.ok_or(Lost) }
    });
    let served = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let mut served = std::pin::pin!(served);
    // The server stops by changing the value, or by going away.
    // A broken connection is the client's affair, and a lost reply is a broken connection on purpose.
    tokio::select! {
        _ = served.as_mut() => {}
        _ = stopped.changed() => {
            served.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(GRACE, served).await;
        }
    }
}

/// The reply is lost: the server drops the connection when a service fails.
#[derive(Debug, thiserror::Error)]
#[error("the reply is lost")]
struct Lost;
