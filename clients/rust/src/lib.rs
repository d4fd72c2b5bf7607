//! Types, messages and clients of fenix. The generated stubs in [`v1`] are the API; the rest is what every program
//! would otherwise write again: connecting, saying who calls, and going on after a break.

use std::{error::Error, mem, time::Duration};

use tonic::{
    Code, Request, Response, Status, Streaming,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};
use v1::{
    WatchProjectRequest, WatchProjectResponse, constraint_service_client::ConstraintServiceClient,
    project_service_client::ProjectServiceClient, session_service_client::SessionServiceClient,
};

/// The package `fenix.v1`.
pub mod v1 {
    tonic::include_proto!("fenix.v1");
}

const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const FIRST_WAIT_MS: u64 = 200;
const LONGEST_WAIT_MS: u64 = 5_000;

/// Says with every call who is calling.
#[derive(Clone)]
pub struct Authenticate(Option<MetadataValue<Ascii>>);

impl Interceptor for Authenticate {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("x-auth-token", token.clone());
        }
        Ok(request)
    }
}

/// What the clients of the services run on.
pub type Calls = InterceptedService<Channel, Authenticate>;

/// The services of a server.
#[derive(Clone)]
pub struct Fenix {
    /// What applications demand of every maintenance.
    pub constraints: ConstraintServiceClient<Calls>,
    /// For managers of projects.
    pub projects: ProjectServiceClient<Calls>,
    /// For administrators.
    pub sessions: SessionServiceClient<Calls>,
}

impl Fenix {
    /// The services of the server, such as `127.0.0.1:12348`. It connects with the first call and again whenever
    /// needed. The `token` says who is calling; `ca` is the certificates to trust (PEM), and without it nothing is
    /// encrypted.
    pub fn connect(server: &str, token: &str, ca: Option<&[u8]>) -> Result<Fenix, Box<dyn Error>> {
        let scheme = if ca.is_some() { "https" } else { "http" };
        // A dead server is noticed within 40 s; servers refuse clients that ping more often than every 30 s.
        let mut endpoint = Endpoint::try_from(format!("{scheme}://{server}"))?
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(10));
        if let Some(pem) = ca {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)))?;
        }
        let token = if token.is_empty() { None } else { Some(token.parse()?) };
        let calls = InterceptedService::new(endpoint.connect_lazy(), Authenticate(token));
        Ok(Fenix {
            constraints: ConstraintServiceClient::new(calls.clone()),
            projects: ProjectServiceClient::new(calls.clone()),
            sessions: SessionServiceClient::new(calls),
        })
    }
}

/// Waits between tries, longer after each failure in a row.
#[derive(Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// For a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Waits before the next try; returns the error at once when another try would not help.
    pub async fn wait(&mut self, failed: Status) -> Result<(), Status> {
        // a connection that broke in the midst of a response arrives as Unknown
        const PASSING: [Code; 5] =
            [Code::Unavailable, Code::DeadlineExceeded, Code::ResourceExhausted, Code::Cancelled, Code::Unknown];
        if !PASSING.contains(&failed.code()) {
            return Err(failed);
        }
        let full = (FIRST_WAIT_MS << self.failures.min(10)).min(LONGEST_WAIT_MS);
        self.failures += 1;
        // random, so that clients of a server that was away spread out
        tokio::time::sleep(Duration::from_millis(fastrand::u64(full / 2..full))).await;
        Ok(())
    }
}

/// The responses of the watch of a project, in order and through breaks of the connection.
pub struct ProjectWatch {
    projects: ProjectServiceClient<Calls>,
    request: WatchProjectRequest,
    responses: Option<Streaming<WatchProjectResponse>>,
    /// Of the response that `next` has returned last.
    token: String,
    backoff: Backoff,
}

impl ProjectWatch {
    /// Watches from the notices that are open.
    pub fn new(fenix: &Fenix, project_id: &str) -> ProjectWatch {
        ProjectWatch {
            projects: fenix.projects.clone(),
            request: WatchProjectRequest { project_id: project_id.into(), after: String::new() },
            responses: None,
            token: String::new(),
            backoff: Backoff::default(),
        }
    }

    /// The next response. Asking for it says that the one before was dealt with: what was not comes again after a break.
    /// Each break is told; an error is returned when another try would not help.
    pub async fn next(&mut self, broken: impl Fn(&Status)) -> Result<WatchProjectResponse, Status> {
        if !self.token.is_empty() {
            self.request.after = mem::take(&mut self.token);
        }
        loop {
            let failed = match self.receive().await {
                Ok(response) => {
                    self.backoff.reset();
                    self.token = response.token.clone();
                    return Ok(response);
                }
                Err(failed) => failed,
            };
            broken(&failed);
            self.responses = None;
            if !self.request.after.is_empty() && is_unknown_token(&failed) {
                self.request.after.clear(); // begin with the notices that are open
            } else {
                self.backoff.wait(failed).await?;
            }
        }
    }

    async fn receive(&mut self) -> Result<WatchProjectResponse, Status> {
        if self.responses.is_none() {
            let request = self.request.clone();
            self.responses = Some(self.projects.watch_project(request).await?.into_inner());
        }
        let received = match &mut self.responses {
            Some(responses) => responses.message().await?,
            None => None,
        };
        received.ok_or_else(|| Status::unavailable("the server ended the stream"))
    }
}

/// Whether an error of a watch says that its token is too old, or another server's: begin without it.
pub fn is_unknown_token(failed: &Status) -> bool {
    matches!(failed.code(), Code::OutOfRange | Code::InvalidArgument)
}

/// The response of a call that may be repeated, as soon as a server answers. What it returns is definite.
pub async fn patiently<Q: Clone, R>(
    message: Q,
    mut call: impl AsyncFnMut(Request<Q>) -> Result<Response<R>, Status>,
) -> Result<R, Status> {
    let mut backoff = Backoff::default();
    loop {
        let mut request = Request::new(message.clone());
        request.set_timeout(CALL_TIMEOUT);
        match call(request).await {
            Ok(response) => return Ok(response.into_inner()),
            Err(failed) => backoff.wait(failed).await?,
        }
    }
}
