//! What steps ask for and can't do themselves is done here: scripts in processes beside the node, connectors over the
//! network.
mod script;
mod values;

pub use script::{Scripts, Worker};

use crate::app::outside::Runner;
use async_trait::async_trait;
use bpmn_core::ask::{Ask, Reply};

/// Does all that steps ask for.
#[derive(Debug)]
pub struct Hosts {
    pub scripts: Scripts,
}

#[async_trait]
impl Runner for Hosts {
    fn runs(&self, language: &str) -> bool {
        self.scripts.runs(language)
    }

    async fn run(&self, ask: &Ask) -> Reply {
        match ask {
            Ask::Script(script) => Reply::Script(self.scripts.run(script).await),
            Ask::Connector(connector) => Reply::Connector(Err(format!(
                "Unable to call connector '{}' of activity '{}': this node has no such connector",
                connector.id, connector.facts.element
            ))),
        }
    }
}
