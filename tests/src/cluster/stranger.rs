//! Who may answer at an address instead of a node that this program can talk to.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::task::{Context, Poll};
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

/// A server of something else; it ends with the test.
#[derive(Debug)]
pub struct Stranger {
    address: String,
    /// Its tasks end with it.
    _runtime: Option<Runtime>,
}

impl Stranger {
    /// A node of a later version, which refuses everybody who speaks protocol 1.
    #[track_caller]
    pub fn of_another_protocol() -> Stranger {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let listening = tokio::net::TcpListener::bind("127.0.0.1:0");
        let listener = runtime.block_on(listening).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        runtime.spawn(async move {
            let served = Server::builder()
                .add_service(Later::<Admin>::default())
                .add_service(Later::<Client>::default())
                .serve_with_incoming(TcpIncoming::from(listener));
            served.await.unwrap();
        });
        Stranger {
            address,
            _runtime: Some(runtime),
        }
    }

    /// A server of web pages, as that of the metrics of a node is one.
    #[track_caller]
    pub fn of_web_pages() -> Stranger {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut request = [0; 1024];
                let page =
                    "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                // Whoever goes away at once wants no page.
                if stream.read(&mut request).is_ok() {
                    stream.write_all(page.as_bytes()).ok();
                }
            }
        });
        Stranger {
            address,
            _runtime: None,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// A service that refuses everything.
#[derive(Debug, Clone, Default)]
struct Later<N>(std::marker::PhantomData<N>);

#[derive(Debug, Clone, Default)]
struct Admin;

#[derive(Debug, Clone, Default)]
struct Client;

impl NamedService for Later<Admin> {
    const NAME: &'static str = "holdfast.v1.Admin";
}

impl NamedService for Later<Client> {
    const NAME: &'static str = "holdfast.v1.Client";
}

impl<N> Service<http::Request<Body>> for Later<N> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let header = |name| {
            let value = request.headers().get(name).and_then(|v| v.to_str().ok());
            value.unwrap_or("nothing").to_owned()
        };
        let status = Status::failed_precondition(format!(
            "protocol 77 (holdfast 9.8.7) cannot talk to protocol {} (holdfast {})",
            header("holdfast-protocol"),
            header("holdfast-version"),
        ));
        ready(Ok(status.into_http()))
    }
}
