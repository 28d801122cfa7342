//! What steps ask for and can't do themselves is done here: scripts in processes beside the node, connectors over the
//! network.
mod filter;
mod http;
mod mail;
mod pace;
mod script;
mod values;

pub use filter::{Filter, Rule};
pub use http::{Http, HttpLimits};
pub use mail::{Mail, MailOptions};
pub use pace::Sharers;
pub use script::{Scripts, Worker};

use crate::app::outside::Runner;
use async_trait::async_trait;
use bpmn_core::{
    ask::{Ask, Connector, Reply},
    value::Variables,
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};

/// Does all that steps ask for.
#[derive(Debug)]
pub struct Hosts {
    pub scripts: Scripts,
    pub http: Http,
    pub mail: Mail,
    /// How calls of connectors ended.
    pub calls: Calls,
}

/// Calls of connectors by how they ended.
pub type Calls = Family<Called, Counter>;

/// How a connector's call ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Called {
    connector: &'static str,
    /// The status code, or 0 where there was no response.
    status: u16,
}

impl Hosts {
    async fn connect(&self, connector: &Connector) -> Result<Variables, String> {
        let name = match connector.id.as_str() {
            "http-connector" => "http-connector",
            "soap-http-connector" => "soap-http-connector",
            "mail-send" => "mail-send",
            other => return Err(format!("No connector found for connector id '{other}'")),
        };
        let result = match name {
            "mail-send" => self.mail.send(connector).await.map(|outputs| (outputs, 250)),
            _ => self.http.call(connector, name == "soap-http-connector").await,
        };
        let status = result.as_ref().map_or(0, |(_, status)| *status);
        let called = Called {
            connector: name,
            status,
        };
        self.calls.get_or_create(&called).inc();
        result.map(|(outputs, _)| outputs)
    }
}

#[async_trait]
impl Runner for Hosts {
    fn runs(&self, language: &str) -> bool {
        self.scripts.runs(language)
    }

    fn sends_mails(&self) -> bool {
        self.mail.is_there()
    }

    async fn run(&self, ask: &Ask) -> Reply {
        match ask {
            Ask::Script(script) => Reply::Script(self.scripts.run(script).await),
            Ask::Connector(connector) => Reply::Connector(self.connect(connector).await),
        }
    }
}
