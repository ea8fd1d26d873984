//! Talking to the nodes of a cluster, for the commands of operators.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use futures_util::future::join_all;
use holdfast_proto::admin_client::AdminClient;
use holdfast_proto::identity::Identity;
use holdfast_proto::session_admin_client::SessionAdminClient;
use holdfast_proto::{StatusRequest, StatusResponse};
use holdfast_replicator::{LastWords, Tls, connect_listening, explain};
use tokio::runtime::{Builder, Runtime};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};

use crate::command::version;
use crate::tls_arguments::TlsArguments;

/// What to say of an address where somebody else listens.
const NO_NODE: &str =
    "what answers there is no holdfast node: give the address that holdfast serve listens on";
/// What to say of an address where nobody stays.
const CLOSED: &str =
    "the connection was closed: is that a holdfast node, and the address that it listens on?";
/// How long a node may take to take a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// How long a node may take to tell how it is.
const STATUS: Duration = Duration::from_secs(3);
/// How long there may be no leader before it is an error: an election takes less.
const ELECTION: Duration = Duration::from_secs(5);
/// Between two looks for one.
const PAUSE: Duration = Duration::from_millis(100);

/// Which cluster a command is about: it may stand anywhere on the command line.
#[derive(Debug, Args)]
pub(crate) struct ClusterArguments {
    /// Nodes to ask
    #[arg(
        long,
        global = true,
        value_name = "HOST:PORT,...",
        value_delimiter = ',',
        env = "HOLDFAST_CLUSTER"
    )]
    pub(crate) cluster: Vec<String>,

    #[command(flatten)]
    pub(crate) tls: TlsArguments,
}

impl ClusterArguments {
    /// The cluster, if one was named.
    pub(crate) fn connect(self) -> anyhow::Result<Cluster> {
        Cluster::new(self.cluster, self.tls.open()?)
    }

    /// For what does other things between its calls: a thread of its own answers the keep-alives of the nodes meanwhile.
    pub(crate) fn connect_in_background(&self) -> anyhow::Result<Cluster> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1);
        Cluster::on(builder, self.cluster.clone(), self.tls.open()?)
    }
}

/// The nodes that were named on the command line.
#[derive(Debug)]
pub(crate) struct Cluster {
    runtime: Runtime,
    addresses: Vec<String>,
    tls: Option<Tls>,
}

/// What a node said of itself, or why it did not.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) address: String,
    pub(crate) status: Result<StatusResponse, String>,
}

/// Why the leader of a volume has not answered.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// Nodes answer, and none of them leads; later one may.
    NoLeader(anyhow::Error),
    /// No node can be asked.
    Nobody(anyhow::Error),
    /// It does not want to.
    Refused(tonic::Status),
}

impl Cluster {
    pub(crate) fn new(addresses: Vec<String>, tls: Option<Tls>) -> anyhow::Result<Cluster> {
        Cluster::on(Builder::new_current_thread(), addresses, tls)
    }

    fn on(
        mut builder: Builder,
        addresses: Vec<String>,
        tls: Option<Tls>,
    ) -> anyhow::Result<Cluster> {
        if addresses.is_empty() {
            bail!("which cluster? Say --cluster HOST:PORT of any of its nodes");
        }
        for address in &addresses {
            check_address(address)?;
        }
        let runtime = builder
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        Ok(Cluster {
            runtime,
            addresses,
            tls,
        })
    }

    /// Runs what talks to the nodes.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// A node that answers.
    pub(crate) async fn any(&self) -> anyhow::Result<AdminClient<Channel>> {
        let mut heard = Vec::new();
        for address in &self.addresses {
            let mut client = self.admin(address)?;
            let status = ask_status(&mut client).await;
            if status.is_ok() {
                return Ok(client);
            }
            let address = address.clone();
            heard.push(Heard { address, status });
        }
        Err(nobody(&heard))
    }

    /// A node that answers and is not this one: a node that leaves does not learn how it went.
    pub(crate) async fn any_but(&self, id: u64) -> anyhow::Result<AdminClient<Channel>> {
        let heard = self.statuses().await;
        let other = heard.iter().find_map(|one| {
            let status = one.status.as_ref().ok()?;
            (status.node != id).then_some(&one.address)
        });
        match other {
            Some(address) => self.admin(address),
            None => self.any().await,
        }
    }

    /// What the node answers that leads a volume: all are asked until one does.
    pub(crate) async fn leading<T>(
        &self,
        volume: &str,
        ask: impl AsyncFn(SessionAdminClient<Channel>) -> Result<tonic::Response<T>, tonic::Status>,
    ) -> anyhow::Result<T> {
        self.leading_at(volume, async |channel| {
            ask(SessionAdminClient::new(channel)).await
        })
        .await
    }

    /// The same of any service. An election is waited for.
    pub(crate) async fn leading_at<T>(
        &self,
        volume: &str,
        ask: impl AsyncFn(Channel) -> Result<tonic::Response<T>, tonic::Status>,
    ) -> anyhow::Result<T> {
        let until = Instant::now() + ELECTION;
        loop {
            match self.ask_leader(volume, &ask).await {
                Ok(answer) => return Ok(answer),
                Err(Unanswered::Refused(status)) => return Err(refused(&status)),
                Err(Unanswered::NoLeader(_)) if Instant::now() < until => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(Unanswered::NoLeader(error) | Unanswered::Nobody(error)) => return Err(error),
            }
        }
    }

    /// The same for who asks again.
    pub(crate) async fn ask_leader<T>(
        &self,
        volume: &str,
        ask: impl AsyncFn(Channel) -> Result<tonic::Response<T>, tonic::Status>,
    ) -> Result<T, Unanswered> {
        let heard = self.statuses().await;
        let mut reasons = Vec::new();
        for one in &heard {
            if one.status.is_err() {
                continue;
            }
            let channel = self.channel(&one.address).map_err(Unanswered::Nobody)?;
            match ask(channel).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) if status.code() == Code::Unavailable => {
                    reasons.push(format!("{}: {}", one.address, reason(&status)));
                }
                Err(status) => return Err(Unanswered::Refused(status)),
            }
        }
        if reasons.is_empty() {
            return Err(Unanswered::Nobody(nobody(&heard)));
        }
        Err(Unanswered::NoLeader(anyhow!(
            "no node leads volume {volume} now: {}",
            reasons.join("; ")
        )))
    }

    /// What every node says: those that were named, and those that these know of.
    pub(crate) async fn statuses(&self) -> Vec<Heard> {
        let mut heard: Vec<Heard> = Vec::new();
        let mut asked: Vec<String> = Vec::new();
        let mut waiting = self.addresses.clone();
        while !waiting.is_empty() {
            waiting.retain(|address| {
                let is_new = !asked.contains(address);
                if is_new {
                    asked.push(address.clone());
                }
                is_new
            });
            // At the same time: one that is away takes as long as it may.
            let answers = std::mem::take(&mut waiting).into_iter();
            let answers = answers.map(async |address| Heard {
                status: self.status_of(&address).await,
                address,
            });
            for one in join_all(answers).await {
                if let Ok(status) = &one.status {
                    waiting.extend(status.nodes.iter().map(|node| node.address.clone()));
                    // The same node may have been named in another way.
                    let known = heard.iter().any(|other| {
                        let other = other.status.as_ref();
                        other.is_ok_and(|other| other.node == status.node)
                    });
                    if known {
                        continue;
                    }
                }
                heard.push(one);
            }
        }
        heard.sort_by_key(|one| one.status.as_ref().map_or(u64::MAX, |status| status.node));
        heard
    }

    /// What the node at an address says, or why it does not.
    pub(crate) async fn status_of(&self, address: &str) -> Result<StatusResponse, String> {
        let (channel, words) = self.connect(address).map_err(|error| error.to_string())?;
        let status = ask_status(&mut AdminClient::new(channel)).await;
        // A connection that had ended when it was used tells the call nothing of it.
        status.map_err(|reason| words.get().unwrap_or(reason))
    }

    /// The administrator's side of a node; it connects when it is used.
    fn admin(&self, address: &str) -> anyhow::Result<AdminClient<Channel>> {
        self.channel(address).map(AdminClient::new)
    }

    /// To a node; it connects when it is used.
    pub(crate) fn channel(&self, address: &str) -> anyhow::Result<Channel> {
        Ok(self.connect(address)?.0)
    }

    fn connect(&self, address: &str) -> anyhow::Result<(Channel, LastWords)> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .with_context(|| format!("{address:?} is not an address: it is written host:port"))?;
        let endpoint = endpoint.connect_timeout(CONNECT);
        Ok(connect_listening(&endpoint, self.tls.as_ref()))
    }
}

/// None of these can be asked, and why.
pub(crate) fn nobody(heard: &[Heard]) -> anyhow::Error {
    let reasons = heard.iter().filter_map(|one| {
        let reason = one.status.as_ref().err()?;
        Some(format!("{}: {reason}", one.address))
    });
    let reasons: Vec<String> = reasons.collect();
    anyhow!(
        "no node of the cluster can be asked: {}",
        reasons.join("; ")
    )
}

/// A request that says who asks.
pub(crate) fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let identity = Identity {
        cluster: None,
        node: None,
        program: version::NUMBER,
    };
    identity.attach(request.metadata_mut());
    request
}

/// What a node answered instead, on one line.
pub(crate) fn refused(status: &tonic::Status) -> anyhow::Error {
    anyhow!("{}", status.message())
}

async fn ask_status(client: &mut AdminClient<Channel>) -> Result<StatusResponse, String> {
    let asked = client.status(request(StatusRequest {}));
    match tokio::time::timeout(STATUS, asked).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(reason(&status)),
        Err(_) => Err(format!("no answer within {} s", STATUS.as_secs())),
    }
}

/// The innermost cause says most: "Connection refused", not "transport error".
fn reason(status: &tonic::Status) -> String {
    if let Some(reason) = explain(status) {
        return reason;
    }
    if is_no_node(status) {
        return NO_NODE.to_owned();
    }
    if status.code() == Code::FailedPrecondition {
        let message = status.message();
        return format!("{message}: use the version of holdfast that runs there");
    }
    let mut cause: Option<&dyn Error> = status.source();
    let mut innermost = None;
    while let Some(error) = cause {
        if let Some(ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) =
            error.downcast_ref().map(io::Error::kind)
        {
            return CLOSED.to_owned();
        }
        innermost = Some(error.to_string());
        cause = error.source();
    }
    let reason = innermost.unwrap_or_else(|| status.message().to_owned());
    // The number says nothing to people.
    let text = reason.split(" (os error").next();
    text.unwrap_or_default().to_owned()
}

/// Whether something else than a node answered: a server of web pages does not speak HTTP/2, or knows no calls.
fn is_no_node(status: &tonic::Status) -> bool {
    let mut cause: Option<&dyn Error> = status.source();
    if cause.is_none() {
        return status.code() == Code::Unimplemented
            || status.message().contains("HTTP status code");
    }
    while let Some(error) = cause {
        // The network has something to say.
        if error.is::<io::Error>() {
            return false;
        }
        cause = error.source();
    }
    true
}

fn check_address(address: &str) -> anyhow::Result<()> {
    let port = address.rsplit_once(':').and_then(|(host, port)| {
        let port: u16 = port.parse().ok()?;
        (!host.is_empty() && port > 0).then_some(port)
    });
    if port.is_none() {
        bail!("{address:?} is not an address: it is written host:port");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Instant;

    use super::*;

    #[test]
    fn who_says_nothing_is_waited_for_once_however_many_they_are() {
        // Connections are taken, and nothing else happens.
        let deaf: Vec<TcpListener> = (0..3)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let addresses: Vec<String> = deaf
            .iter()
            .map(|one| one.local_addr().unwrap().to_string())
            .collect();
        let cluster = Cluster::new(addresses.clone(), None).unwrap();
        let begun = Instant::now();
        let heard = cluster.run(cluster.statuses());
        assert!(begun.elapsed() < 2 * STATUS, "{:?}", begun.elapsed());
        let heard: Vec<&str> = heard.iter().map(|one| one.address.as_str()).collect();
        assert_eq!(heard, addresses);
    }
}
