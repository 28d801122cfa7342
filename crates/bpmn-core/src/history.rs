//! What goes to history, and where. Pure: what happens in a step asks a [`Recording`] before it makes a row.
use crate::instance::Recorded;

/// Days up to which a definition's history belongs to each retention class above 0; the last class has no bound.
const BOUNDS: [i32; 4] = [7, 31, 92, 366];

/// The retention class of a definition: 0 keeps history until somebody deletes it, 1 to 5 group the
/// time-to-live (in days) so that few partitions hold what expires together.
pub fn retention(ttl_days: Option<i32>) -> i16 {
    match ttl_days {
        None => 0,
        Some(days) => 1 + BOUNDS.iter().filter(|bound| days > **bound).count() as i16,
    }
}

/// How much is told, as in Camunda.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    None,
    /// Process instances, activity instances, user tasks.
    Activity,
    /// And variables with their last value, and what forms were submitted with.
    Audit,
    /// And each value of a variable, incidents, the logs of jobs, external tasks and identity links, decisions.
    Full,
}

impl Level {
    /// All of them, from least to most.
    pub const ALL: [Level; 4] = [Level::None, Level::Activity, Level::Audit, Level::Full];

    /// Camunda's word.
    pub fn name(self) -> &'static str {
        match self {
            Level::None => "none",
            Level::Activity => "activity",
            Level::Audit => "audit",
            Level::Full => "full",
        }
    }

    /// The level of that name.
    pub fn named(name: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.name() == name)
    }

    fn kinds(self) -> u16 {
        let activity = Kind::Process.bit() | Kind::Activity.bit() | Kind::Task.bit();
        match self {
            Level::None => 0,
            Level::Activity => activity,
            Level::Audit => activity | Kind::Variable.bit() | Kind::FormField.bit(),
            Level::Full => ALL_KINDS,
        }
    }
}

/// What is told or not told as a whole: the rows of one kind hold several of Camunda's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Process,
    Activity,
    Task,
    /// A variable with its last value.
    Variable,
    /// Each value of a variable.
    Detail,
    Incident,
    LinkAdded,
    LinkDeleted,
    /// A failed run.
    JobFailed,
    /// Creation and end.
    Job,
    /// A failure.
    ExternalTaskFailed,
    /// Creation and end.
    ExternalTask,
    /// A decision that was evaluated, with inputs and outputs.
    Decision,
    /// What users have done.
    Operation,
    /// What a form was submitted with.
    FormField,
    /// Of which no rows are written yet.
    Nothing,
}

const ALL_KINDS: u16 = Kind::Nothing.bit() | (Kind::Nothing.bit() - 1);
const VALUES: u16 = Kind::Variable.bit() | Kind::Detail.bit();

impl Kind {
    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// Camunda's event types (`HistoryEventTypes`).
const EVENTS: &[(&str, Kind)] = &[
    ("PROCESS_INSTANCE_START", Kind::Process),
    ("PROCESS_INSTANCE_UPDATE", Kind::Process),
    ("PROCESS_INSTANCE_MIGRATE", Kind::Process),
    ("PROCESS_INSTANCE_END", Kind::Process),
    ("ACTIVITY_INSTANCE_START", Kind::Activity),
    ("ACTIVITY_INSTANCE_UPDATE", Kind::Activity),
    ("ACTIVITY_INSTANCE_MIGRATE", Kind::Activity),
    ("ACTIVITY_INSTANCE_END", Kind::Activity),
    ("TASK_INSTANCE_CREATE", Kind::Task),
    ("TASK_INSTANCE_UPDATE", Kind::Task),
    ("TASK_INSTANCE_MIGRATE", Kind::Task),
    ("TASK_INSTANCE_COMPLETE", Kind::Task),
    ("TASK_INSTANCE_DELETE", Kind::Task),
    ("VARIABLE_INSTANCE_CREATE", Kind::Variable),
    ("VARIABLE_INSTANCE_UPDATE", Kind::Variable),
    ("VARIABLE_INSTANCE_MIGRATE", Kind::Variable),
    ("VARIABLE_INSTANCE_DELETE", Kind::Variable),
    ("VARIABLE_INSTANCE_UPDATE_DETAIL", Kind::Detail),
    ("INCIDENT_CREATE", Kind::Incident),
    ("INCIDENT_UPDATE", Kind::Incident),
    ("INCIDENT_MIGRATE", Kind::Incident),
    ("INCIDENT_RESOLVE", Kind::Incident),
    ("INCIDENT_DELETE", Kind::Incident),
    ("IDENTITY_LINK_ADD", Kind::LinkAdded),
    ("IDENTITY_LINK_DELETE", Kind::LinkDeleted),
    ("JOB_FAIL", Kind::JobFailed),
    ("JOB_CREATE", Kind::Job),
    ("JOB_SUCCESS", Kind::Job),
    ("JOB_DELETE", Kind::Job),
    ("EXTERNAL_TASK_FAIL", Kind::ExternalTaskFailed),
    ("EXTERNAL_TASK_CREATE", Kind::ExternalTask),
    ("EXTERNAL_TASK_SUCCESS", Kind::ExternalTask),
    ("EXTERNAL_TASK_DELETE", Kind::ExternalTask),
    ("FORM_PROPERTY_UPDATE", Kind::FormField),
    ("USER_OPERATION_LOG", Kind::Operation),
    ("DMN_DECISION_EVALUATE", Kind::Decision),
    ("BATCH_START", Kind::Nothing),
    ("BATCH_UPDATE", Kind::Nothing),
    ("BATCH_END", Kind::Nothing),
];

/// What a shard tells: a level, less what rules drop.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    pub level: Level,
    pub rules: Vec<Rule>,
}

/// Everything.
pub static FULL: History = History::of_level(Level::Full);

impl History {
    /// A level without rules.
    pub const fn of_level(level: Level) -> History {
        let rules = Vec::new();
        History { level, rules }
    }

    /// What is told of the instances of a definition.
    pub fn of<'a>(&'a self, definition_key: &'a str) -> Recording<'a> {
        let mut kinds = self.level.kinds();
        let mut names: &[Rule] = &[];
        for rule in self.rules.iter().filter(|rule| rule.is_about(definition_key)) {
            match rule.variables {
                None => kinds &= !rule.kinds,
                Some(_) => names = &self.rules,
            }
        }
        Recording {
            kinds,
            rules: names,
            definition_key,
        }
    }
}

/// Drops events of history: those of some kinds, of some definitions, of some variables.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    kinds: u16,
    definitions: Option<Pattern>,
    variables: Option<Pattern>,
}

impl Rule {
    /// A rule that drops `events` (names of Camunda's event types, `*` for any text; none: all that the rule can be
    /// about) of definitions whose key and of variables whose name meet a pattern.
    ///
    /// # Errors
    /// No such event; events of which one row tells, of which only some are named; a rule that drops nothing.
    pub fn new(
        events: &[String],
        definitions: Option<&str>,
        variables: Option<&str>,
    ) -> Result<Rule, String> {
        let kinds = match (events, variables, definitions) {
            ([], None, None) => {
                return Err("a rule names events, variables or definitions: this one names none".to_owned());
            }
            ([], Some(_), _) => VALUES,
            ([], None, Some(_)) => ALL_KINDS,
            (events, ..) => kinds_of(events)?,
        };
        if variables.is_some() && kinds & !VALUES != 0 {
            return Err("a rule about variables can drop VARIABLE_INSTANCE_… events only".to_owned());
        }
        if kinds & VALUES == Kind::Variable.bit() {
            return Err(
                "the details of a variable are of use with the variable only: a rule that drops \
                 VARIABLE_INSTANCE_CREATE drops VARIABLE_INSTANCE_UPDATE_DETAIL too"
                    .to_owned(),
            );
        }
        if kinds & Kind::Process.bit() != 0 && kinds | Kind::Nothing.bit() != ALL_KINDS {
            return Err(
                "the rest of history is of use with its process instance only: a rule that drops \
                 PROCESS_INSTANCE_START drops everything, so it names definitions and no events"
                    .to_owned(),
            );
        }
        Ok(Rule {
            kinds,
            definitions: definitions.map(Pattern::new),
            variables: variables.map(Pattern::new),
        })
    }

    fn is_about(&self, definition_key: &str) -> bool {
        self.definitions.as_ref().is_none_or(|p| p.meets(definition_key))
    }
}

/// The kinds that names and patterns of events mean.
fn kinds_of(events: &[String]) -> Result<u16, String> {
    let mut named = vec![false; EVENTS.len()];
    for event in events {
        let pattern = Pattern::new(&event.to_uppercase().replace('-', "_"));
        let mut known = false;
        for (at, (name, _)) in EVENTS.iter().enumerate() {
            if pattern.meets(name) {
                named[at] = true;
                known = true;
            }
        }
        if !known {
            let all: Vec<&str> = EVENTS.iter().map(|(name, _)| *name).collect();
            return Err(format!("no event '{event}'; events are {}", all.join(", ")));
        }
    }
    let mut kinds = 0;
    for (_, (name, kind)) in EVENTS.iter().enumerate().filter(|(at, _)| named[*at]) {
        let of_kind = EVENTS.iter().enumerate().filter(|(_, (_, k))| k == kind);
        let missing: Vec<&str> = of_kind
            .filter(|(i, _)| !named[*i])
            .map(|(_, (n, _))| *n)
            .collect();
        if *kind != Kind::Nothing && !missing.is_empty() {
            return Err(format!(
                "one row of history tells of {name} and of {}: a rule that drops one drops all",
                missing.join(", ")
            ));
        }
        kinds |= kind.bit();
    }
    Ok(kinds)
}

/// What is told of one definition's instances.
#[derive(Clone, Copy, Debug)]
pub struct Recording<'a> {
    kinds: u16,
    /// Rules to ask for names of variables; empty if none is about them.
    rules: &'a [Rule],
    definition_key: &'a str,
}

impl Recording<'_> {
    /// Whether rows of that kind are written.
    pub fn keeps(&self, kind: Kind) -> bool {
        self.kinds & kind.bit() != 0
    }

    /// How much of a variable is written.
    pub fn value(&self, name: &str) -> Recorded {
        let about = |rule: &&Rule| {
            rule.is_about(self.definition_key) && rule.variables.as_ref().is_some_and(|p| p.meets(name))
        };
        let dropped = self
            .rules
            .iter()
            .filter(about)
            .fold(0, |all, rule| all | rule.kinds);
        let kinds = self.kinds & !dropped;
        if kinds & Kind::Variable.bit() == 0 {
            Recorded::No
        } else if kinds & Kind::Detail.bit() == 0 {
            Recorded::Variable
        } else {
            Recorded::Detail
        }
    }
}

/// A text in which `*` stands for any text.
#[derive(Clone, Debug, PartialEq)]
struct Pattern(Vec<String>);

impl Pattern {
    fn new(text: &str) -> Pattern {
        Pattern(text.split('*').map(str::to_owned).collect())
    }

    fn meets(&self, text: &str) -> bool {
        let [first, middle @ .., last] = &self.0[..] else {
            return self.0.first().is_some_and(|whole| whole == text);
        };
        let Some(rest) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else {
            return false;
        };
        for part in middle {
            match rest.split_once(part.as_str()) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_live_has_a_class_and_none_is_kept() {
        let classes = [None, Some(0), Some(7), Some(8), Some(31), Some(180), Some(3650)].map(retention);
        assert_eq!(classes, [0, 1, 1, 2, 2, 4, 5]);
    }

    #[test]
    fn s2_13_each_level_adds_to_the_one_below() {
        for pair in Level::ALL.windows(2) {
            let (less, more) = (pair[0].kinds(), pair[1].kinds());
            assert!(less & !more == 0 && less != more, "{pair:?}");
        }
        let value = |level| History::of_level(level).of("p").value("x");
        let values = Level::ALL.map(value);
        assert_eq!(
            values,
            [Recorded::No, Recorded::No, Recorded::Variable, Recorded::Detail]
        );
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, meets, not) in [
            ("secret", "secret", "secret2"),
            ("secret*", "secret2", "a secret"),
            ("*_pii", "name_pii", "pii"),
            ("a*b*c", "a1b2c", "acb"),
            ("*", "", "-"),
        ] {
            assert!(Pattern::new(pattern).meets(meets), "{pattern} {meets}");
            assert!(
                pattern == "*" || !Pattern::new(pattern).meets(not),
                "{pattern} {not}"
            );
        }
    }

    fn rule(events: &[&str], definitions: Option<&str>, variables: Option<&str>) -> Result<Rule, String> {
        let events: Vec<String> = events.iter().map(|e| (*e).to_owned()).collect();
        Rule::new(&events, definitions, variables)
    }

    #[test]
    fn s3_04_rules_drop_by_event_variable_and_definition() {
        let history = History {
            level: Level::Full,
            rules: vec![
                rule(&[], None, Some("secret*")).unwrap(),
                rule(&["variable-instance-update-detail"], Some("noisy"), None).unwrap(),
                rule(&["JOB_*", "IDENTITY_LINK_*"], Some("q*"), None).unwrap(),
                rule(&[], Some("hidden"), None).unwrap(),
            ],
        };
        let value = |key, name| history.of(key).value(name);
        assert_eq!(value("p", "secret1"), Recorded::No);
        assert_eq!(value("p", "open"), Recorded::Detail);
        assert_eq!(value("noisy", "open"), Recorded::Variable);
        assert_eq!(value("hidden", "open"), Recorded::No);
        assert!(history.of("p").keeps(Kind::JobFailed) && !history.of("q1").keeps(Kind::JobFailed));
        assert!(!history.of("q1").keeps(Kind::LinkAdded) && history.of("q1").keeps(Kind::Task));
        assert!(!history.of("hidden").keeps(Kind::Process));
    }

    #[test]
    fn rules_that_can_not_be_kept_are_refused() {
        let refused = |events: &[&str], variables, words: &str| {
            let error = rule(events, None, variables).unwrap_err();
            assert!(error.contains(words), "{error}");
        };
        refused(&[], None, "names none");
        refused(
            &["NONSENSE"],
            None,
            "no event 'NONSENSE'; events are PROCESS_INSTANCE_START,",
        );
        refused(
            &["JOB_SUCCESS"],
            None,
            "tells of JOB_SUCCESS and of JOB_CREATE, JOB_DELETE",
        );
        refused(&["TASK_*"], Some("x"), "VARIABLE_INSTANCE_… events only");
        refused(&["PROCESS_INSTANCE_*"], None, "drops everything");
        let values = ["CREATE", "UPDATE", "MIGRATE", "DELETE"].map(|e| format!("VARIABLE_INSTANCE_{e}"));
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        refused(&values, None, "drops VARIABLE_INSTANCE_UPDATE_DETAIL too");
    }
}
