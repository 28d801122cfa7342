//! What a step asks for and can't do itself: scripts and connectors. The command leaves its batch meanwhile, so that
//! no transaction, writer or lock waits for them, and comes back with the answers it has so far. Those are kept over
//! conflicts, so that what an answer has done outside isn't done twice.
use super::{
    EngineError, Inner,
    writer::{Work, now},
};
use async_trait::async_trait;
use bpmn_core::{
    Id, IdSource, Millis, Slot,
    ask::{Ask, Given, Reply, Script, Source},
    command::Rejection,
};
use std::sync::Arc;
use topology::IdGenerator;

/// Most questions of one command.
const MOST: usize = 10_000;

/// Does what steps ask for.
#[async_trait]
pub trait Runner: std::fmt::Debug + Send + Sync {
    /// Does it, within a time of its own; a failure is an answer too.
    async fn run(&self, ask: &Ask) -> Reply;

    /// Whether it runs scripts of that language, as models write it.
    fn runs(&self, _language: &str) -> bool {
        true
    }

    /// Whether it sends mails.
    fn sends_mails(&self) -> bool {
        false
    }
}

/// Does nothing, and says so.
#[derive(Debug, Default)]
pub struct NoRunner;

#[async_trait]
impl Runner for NoRunner {
    fn runs(&self, _language: &str) -> bool {
        false
    }

    async fn run(&self, ask: &Ask) -> Reply {
        match ask {
            Ask::Script(script) => Reply::Script(Err(format!(
                "Unable to evaluate script while executing activity '{}' in the process definition with id '{}': this \
                 node runs no scripts of language '{}'",
                script.facts.element, script.facts.definition_id, script.language
            ))),
            Ask::Connector(connector) => Reply::Connector(Err(format!(
                "Unable to call connector '{}' of activity '{}': this node has no connectors",
                connector.id, connector.facts.element
            ))),
        }
    }
}

/// What a command needs to take the same steps again, up to its next question.
#[derive(Debug)]
pub struct Replay {
    now: Millis,
    ids: Vec<Id>,
    given: Vec<Given>,
}

impl Replay {
    /// From here on time and ids are kept.
    pub fn new(now: Millis) -> Replay {
        Replay {
            now,
            ids: Vec::new(),
            given: Vec::new(),
        }
    }

    /// When the command was stepped first.
    pub fn now(&self) -> Millis {
        self.now
    }

    /// Whether something has been done outside already.
    pub fn has_answers(&self) -> bool {
        !self.given.is_empty()
    }

    /// The answers so far, and a source that gives out the same ids again.
    pub fn parts<'a>(&'a mut self, fresh: &'a IdGenerator) -> (&'a [Given], Taped<'a>) {
        let taped = Taped {
            fresh,
            ids: &mut self.ids,
            at: 0,
        };
        (&self.given, taped)
    }
}

/// Gives out the ids of the first time, then new ones, which it keeps.
pub struct Taped<'a> {
    fresh: &'a IdGenerator,
    ids: &'a mut Vec<Id>,
    at: usize,
}

impl IdSource for Taped<'_> {
    fn next(&mut self, slot: Slot) -> Id {
        let kept = self.ids.get(self.at).copied();
        self.at += 1;
        kept.unwrap_or_else(|| {
            let id = self.fresh.next(slot);
            self.ids.push(id);
            id
        })
    }
}

/// Has the command's `nth` question answered, and queues the command again with the answer.
pub(super) fn answer(inner: &Arc<Inner>, mut work: Work, nth: usize, ask: Ask) {
    let replay = work.replay.get_or_insert_with(|| Box::new(Replay::new(now())));
    replay.given.truncate(nth);
    if nth >= MOST {
        let failure = Rejection::Failure {
            message: format!(
                "the process asked for more than {MOST} scripts and connectors without a wait state"
            ),
            element: None,
        };
        let _ = work.reply.send(Err(EngineError::Rejected(failure)));
        return;
    }
    let inner = inner.clone();
    tokio::spawn(async move {
        let writer = inner.writer(work.slot).clone();
        let reply = match with_source(&inner, &ask).await {
            Ok(Some(script)) => inner.settings.runner.run(&Ask::Script(script)).await,
            Ok(None) => inner.settings.runner.run(&ask).await,
            Err(message) => Reply::Script(Err(message)),
        };
        // The writer must not outlive the engine for our sake.
        drop(inner);
        if let Some(replay) = &mut work.replay {
            let at = now();
            replay.given.push(Given { ask, reply, at });
        }
        // However many commands wait: this one has been taken, and something may have been done for it.
        writer.put_back(work).await;
    });
}

/// A script whose text is a resource of its deployment, with that text.
async fn with_source(inner: &Inner, ask: &Ask) -> Result<Option<Script>, String> {
    let Ask::Script(script) = ask else { return Ok(None) };
    let Source::Resource(path) = &script.source else {
        return Ok(None);
    };
    let missing = || format!("ENGINE-09024 Unable to find resource at path {path}");
    let name = path.strip_prefix("deployment://").ok_or_else(missing)?;
    let view = inner.catalog.view();
    let deployment = view
        .by_id(script.facts.definition)
        .map(|deployed| deployed.row.deployment_id);
    let row = inner.store.resource(deployment.ok_or_else(missing)?, name).await;
    let row = row.map_err(|error| error.to_string())?.ok_or_else(missing)?;
    let text = String::from_utf8_lossy(&row.content).into_owned();
    Ok(Some(Script {
        source: Source::Text(text),
        ..script.clone()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s4_19_a_repeated_step_gets_the_ids_it_got_before_and_then_new_ones() {
        let fresh = IdGenerator::default();
        let slot = Slot::from_bits(5);
        let mut replay = Replay::new(1);
        let first: Vec<Id> = {
            let mut ids = replay.parts(&fresh).1;
            (0..2).map(|_| ids.next(slot)).collect()
        };
        let mut ids = replay.parts(&fresh).1;
        let again: Vec<Id> = (0..3).map(|_| ids.next(slot)).collect();
        assert_eq!(again[..2], first);
        assert!(!first.contains(&again[2]));
        assert_eq!(replay.ids, again);
    }
}
