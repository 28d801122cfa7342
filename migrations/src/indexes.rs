//! Users' own indexes (S2-27, S3-37): a `create index` statement, also one written for Camunda's tables, becomes
//! indexes of our tables whose names begin with `user_`. Upgrades leave those alone.
use crate::Dialect;
use serde::{Deserialize, Serialize};

/// An index that a user wants on every shard, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserIndex {
    /// Name in lower case, without `user_`.
    pub name: String,
    /// The statement as it was given.
    pub statement: String,
    /// One for each of our tables that has all the columns.
    pub on: Vec<Target>,
}

/// An index of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `user_…`
    pub index: String,
    pub table: String,
    /// Columns in order; whether they descend.
    pub columns: Vec<(String, bool)>,
}

impl Target {
    /// `"a", "b" DESC`
    pub fn list(&self) -> String {
        let one = |(name, descends): &(String, bool)| match descends {
            true => format!("\"{name}\" DESC"),
            false => format!("\"{name}\""),
        };
        self.columns.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// Why a statement can't become an index here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    #[error("'{0}' isn't CREATE INDEX NAME ON TABLE (COLUMN, …)")]
    Syntax(String),
    #[error("a unique index isn't possible: rows of a shard move, and history is partitioned")]
    Unique,
    #[error("{0} isn't possible: only plain columns of a btree index are")]
    Unsupported(&'static str),
    #[error("there is no table or view '{0}'")]
    Table(String),
    #[error("'{table}' has no column '{column}'")]
    Column { table: String, column: String },
    #[error("column '{column}' of {table} is computed, no stored column stands behind it")]
    Computed { table: String, column: String },
    #[error("no one table holds all of these columns of {0}: they lie in {1}")]
    Spread(String, String),
}

/// Columns of our tables behind a view's.
struct View {
    name: &'static str,
    /// Table and, for each column of the view, ours.
    tables: &'static [(&'static str, &'static [(&'static str, &'static str)])],
    /// Columns that exist but are computed.
    computed: &'static [&'static str],
}

const ROOT: (&str, &str) = ("root_proc_inst_id_", "root_id");
const INSTANCE: (&str, &str) = ("proc_inst_id_", "instance_id");
const DEFINITION: (&str, &str) = ("proc_def_id_", "definition_id");
const ID: (&str, &str) = ("id_", "id");
const TENANT: (&str, &str) = ("tenant_id_", "tenant_id");
const START: (&str, &str) = ("start_time_", "started");
const END: (&str, &str) = ("end_time_", "ended");
const KEY: (&str, &str) = ("business_key_", "business_key");
const ASSIGNEE: (&str, &str) = ("assignee_", "assignee");
const OWNER: (&str, &str) = ("owner_", "owner");
const NAME: (&str, &str) = ("name_", "name");
const DUE: (&str, &str) = ("due_date_", "due");
const FOLLOW_UP: (&str, &str) = ("follow_up_date_", "follow_up");
const PRIORITY: (&str, &str) = ("priority_", "priority");
const CREATED: (&str, &str) = ("create_time_", "created");
const EXECUTION: (&str, &str) = ("execution_id_", "execution_id");
const ACTIVITY: (&str, &str) = ("act_id_", "element");
const TASK: (&str, &str) = ("task_id_", "task_id");
const TYPE: (&str, &str) = ("var_type_", "type");
const TEXT: (&str, &str) = ("text_", "text");
const LONG: (&str, &str) = ("long_", "number");
const DOUBLE: (&str, &str) = ("double_", "float");
const TOPIC: (&str, &str) = ("topic_name_", "topic");
const WORKER: (&str, &str) = ("worker_id_", "worker_id");
const RETRIES: (&str, &str) = ("retries_", "retries");
const LOCKED_UNTIL: (&str, &str) = ("lock_exp_time_", "lock_expires");
const KEYS: &[&str] = &["proc_def_key_", "removal_time_", "duration_"];

const VIEWS: &[View] = &[
    View {
        name: "act_hi_procinst",
        tables: &[
            (
                "history_process",
                &[
                    ID,
                    ("proc_inst_id_", "id"),
                    KEY,
                    DEFINITION,
                    START,
                    END,
                    ("start_user_id_", "start_user"),
                    ("start_act_id_", "start_element"),
                    ("end_act_id_", "end_element"),
                    ROOT,
                    TENANT,
                    ("state_", "state"),
                    ("delete_reason_", "delete_reason"),
                ],
            ),
            (
                "process_instance",
                &[
                    ID,
                    ("proc_inst_id_", "id"),
                    KEY,
                    DEFINITION,
                    START,
                    ("start_user_id_", "start_user"),
                    ("start_act_id_", "start_element"),
                    ROOT,
                    TENANT,
                ],
            ),
        ],
        computed: KEYS,
    },
    View {
        name: "act_hi_actinst",
        tables: &[
            (
                "history_activity",
                &[
                    ROOT,
                    INSTANCE,
                    DEFINITION,
                    ACTIVITY,
                    TASK,
                    ASSIGNEE,
                    START,
                    END,
                    TENANT,
                    EXECUTION,
                    ("call_proc_inst_id_", "called_instance_id"),
                ],
            ),
            ("token", &[ROOT, INSTANCE, ACTIVITY, START, EXECUTION]),
        ],
        computed: &[
            "id_",
            "proc_def_key_",
            "act_name_",
            "act_type_",
            "duration_",
            "removal_time_",
            "act_inst_state_",
            "parent_act_inst_id_",
        ],
    },
    View {
        name: "act_hi_taskinst",
        tables: &[
            (
                "history_task",
                &[
                    ID,
                    ROOT,
                    INSTANCE,
                    DEFINITION,
                    EXECUTION,
                    ("task_def_key_", "element"),
                    NAME,
                    ASSIGNEE,
                    OWNER,
                    ("start_time_", "created"),
                    END,
                    DUE,
                    FOLLOW_UP,
                    PRIORITY,
                    TENANT,
                    ("delete_reason_", "delete_reason"),
                ],
            ),
            (
                "task",
                &[
                    ID,
                    ROOT,
                    INSTANCE,
                    DEFINITION,
                    EXECUTION,
                    ("task_def_key_", "element"),
                    NAME,
                    ASSIGNEE,
                    OWNER,
                    ("start_time_", "created"),
                    DUE,
                    FOLLOW_UP,
                    PRIORITY,
                    TENANT,
                ],
            ),
        ],
        computed: &[
            "proc_def_key_",
            "act_inst_id_",
            "duration_",
            "removal_time_",
            "task_state_",
        ],
    },
    View {
        name: "act_hi_varinst",
        tables: &[
            (
                "history_variable",
                &[ID, ROOT, INSTANCE, TASK, NAME, TYPE, TEXT, LONG, DOUBLE, CREATED],
            ),
            (
                "variable",
                &[ID, ROOT, INSTANCE, TASK, NAME, TYPE, TEXT, LONG, DOUBLE, CREATED],
            ),
        ],
        computed: &[
            "proc_def_key_",
            "proc_def_id_",
            "act_inst_id_",
            "execution_id_",
            "tenant_id_",
            "removal_time_",
            "state_",
        ],
    },
    View {
        name: "act_hi_detail",
        tables: &[
            (
                "history_detail",
                &[
                    ID,
                    ROOT,
                    INSTANCE,
                    TASK,
                    NAME,
                    TYPE,
                    TEXT,
                    LONG,
                    DOUBLE,
                    ("var_inst_id_", "variable_id"),
                    ("time_", "updated"),
                ],
            ),
            (
                "history_form_field",
                &[
                    ID,
                    ROOT,
                    INSTANCE,
                    TASK,
                    NAME,
                    ("text_", "value"),
                    ("time_", "time"),
                ],
            ),
        ],
        computed: &[
            "proc_def_key_",
            "proc_def_id_",
            "act_inst_id_",
            "execution_id_",
            "tenant_id_",
            "removal_time_",
            "bytearray_id_",
        ],
    },
    View {
        name: "act_hi_op_log",
        tables: &[(
            "history_operation",
            &[
                ID,
                DEFINITION,
                EXECUTION,
                TASK,
                TENANT,
                ROOT,
                ("proc_def_key_", "definition_key"),
                ("deployment_id_", "deployment_id"),
                ("job_id_", "job_id"),
                ("job_def_id_", "job_definition_id"),
                ("batch_id_", "batch_id"),
                ("external_task_id_", "external_task_id"),
                ("user_id_", "user_id"),
                ("timestamp_", "time"),
                ("operation_id_", "operation_id"),
                ("operation_type_", "operation"),
                ("entity_type_", "entity"),
                ("property_", "property"),
                ("category_", "category"),
            ],
        )],
        computed: &["proc_inst_id_", "removal_time_"],
    },
    View {
        name: "act_hi_incident",
        tables: &[
            (
                "history_incident",
                &[
                    ID,
                    ROOT,
                    INSTANCE,
                    DEFINITION,
                    EXECUTION,
                    CREATED,
                    END,
                    TENANT,
                    ("incident_type_", "kind"),
                    ("activity_id_", "element"),
                    ("failed_activity_id_", "failed_element"),
                    ("incident_msg_", "message"),
                    ("configuration_", "configuration"),
                    ("incident_state_", "state"),
                ],
            ),
            (
                "incident",
                &[
                    ID,
                    ROOT,
                    INSTANCE,
                    DEFINITION,
                    EXECUTION,
                    CREATED,
                    TENANT,
                    ("incident_type_", "kind"),
                    ("activity_id_", "element"),
                    ("failed_activity_id_", "failed_element"),
                    ("incident_msg_", "message"),
                    ("configuration_", "configuration"),
                ],
            ),
        ],
        computed: KEYS,
    },
    View {
        name: "act_hi_job_log",
        tables: &[(
            "history_job",
            &[
                ID,
                ROOT,
                ("process_instance_id_", "instance_id"),
                ("process_def_id_", "definition_id"),
                EXECUTION,
                ("timestamp_", "time"),
                ("job_id_", "job_id"),
                ("job_state_", "state"),
                ("job_duedate_", "due"),
                ("job_exception_msg_", "error_message"),
                ("failed_act_id_", "failed_element"),
                ("hostname_", "node"),
                ACTIVITY,
                TENANT,
            ],
        )],
        computed: &[
            "process_def_key_",
            "deployment_id_",
            "removal_time_",
            "job_def_type_",
            "job_def_configuration_",
        ],
    },
    View {
        name: "act_hi_ext_task_log",
        tables: &[(
            "history_external_task",
            &[
                ID,
                ROOT,
                INSTANCE,
                DEFINITION,
                EXECUTION,
                ACTIVITY,
                TOPIC,
                WORKER,
                TENANT,
                ("timestamp_", "time"),
                ("ext_task_id_", "task_id"),
                ("state_", "state"),
                ("error_msg_", "error_message"),
            ],
        )],
        computed: KEYS,
    },
    View {
        name: "act_hi_identitylink",
        tables: &[(
            "history_identity_link",
            &[
                ID,
                ROOT,
                DEFINITION,
                TASK,
                ("timestamp_", "time"),
                ("type_", "kind"),
                ("user_id_", "user_id"),
                ("group_id_", "group_id"),
                ("assigner_id_", "operator"),
                TENANT,
            ],
        )],
        computed: &["proc_def_key_", "operation_type_", "removal_time_"],
    },
    View {
        name: "act_ru_execution",
        tables: &[(
            "process_instance",
            &[ID, ("proc_inst_id_", "id"), KEY, DEFINITION, ROOT, TENANT],
        )],
        computed: &[
            "act_id_",
            "act_inst_id_",
            "suspension_state_",
            "parent_id_",
            "super_exec_",
            "proc_def_key_",
        ],
    },
    View {
        name: "act_ru_variable",
        tables: &[(
            "variable",
            &[ID, INSTANCE, TASK, NAME, ("type_", "type"), TEXT, LONG, DOUBLE],
        )],
        computed: &[
            "proc_def_id_",
            "execution_id_",
            "var_scope_",
            "tenant_id_",
            "bytearray_id_",
        ],
    },
    View {
        name: "act_ru_task",
        tables: &[(
            "task",
            &[
                ID,
                INSTANCE,
                DEFINITION,
                EXECUTION,
                ("task_def_key_", "element"),
                NAME,
                ASSIGNEE,
                OWNER,
                CREATED,
                ("last_updated_", "last_updated"),
                DUE,
                FOLLOW_UP,
                PRIORITY,
                TENANT,
                ("delegation_", "delegation"),
            ],
        )],
        computed: &["suspension_state_", "task_state_"],
    },
    View {
        name: "act_ru_job",
        tables: &[(
            "job",
            &[
                ID,
                ("process_instance_id_", "instance_id"),
                ("process_def_id_", "definition_id"),
                EXECUTION,
                ROOT,
                LOCKED_UNTIL,
                ("lock_owner_", "lock_owner"),
                RETRIES,
                ("duedate_", "due"),
                PRIORITY,
                CREATED,
                ("exception_msg_", "error_message"),
                ("failed_act_id_", "failed_element"),
                TENANT,
                ("exclusive_", "exclusive"),
            ],
        )],
        computed: &[
            "type_",
            "process_def_key_",
            "handler_type_",
            "handler_cfg_",
            "suspension_state_",
            "deployment_id_",
        ],
    },
    View {
        name: "act_ru_ext_task",
        tables: &[(
            "external_task",
            &[
                ID,
                INSTANCE,
                DEFINITION,
                EXECUTION,
                ACTIVITY,
                TOPIC,
                WORKER,
                RETRIES,
                LOCKED_UNTIL,
                CREATED,
                PRIORITY,
                TENANT,
                ("error_msg_", "error_message"),
            ],
        )],
        computed: &["proc_def_key_", "act_inst_id_", "suspension_state_"],
    },
    View {
        name: "act_ru_event_subscr",
        tables: &[(
            "event_subscription",
            &[
                ID,
                INSTANCE,
                EXECUTION,
                ("event_name_", "name"),
                ("activity_id_", "element"),
                ("created_", "created"),
                TENANT,
            ],
        )],
        computed: &["event_type_", "configuration_"],
    },
    View {
        name: "act_ru_incident",
        tables: &[(
            "incident",
            &[
                ID,
                INSTANCE,
                DEFINITION,
                EXECUTION,
                ("incident_timestamp_", "created"),
                ("incident_type_", "kind"),
                ("activity_id_", "element"),
                ("incident_msg_", "message"),
                ("failed_activity_id_", "failed_element"),
                ("configuration_", "configuration"),
                TENANT,
            ],
        )],
        computed: &[],
    },
];

/// What a statement says.
struct Parsed {
    name: String,
    table: String,
    columns: Vec<(String, bool)>,
}

/// Words, and `(`, `)`, `,`, `;` each alone; quotes around names are taken away.
fn words(statement: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(statement.len() + 16);
    for c in statement.chars() {
        match c {
            '(' | ')' | ',' | ';' => spaced.extend([' ', c, ' ']),
            '"' | '`' => {}
            other => spaced.push(other),
        }
    }
    spaced.split_whitespace().map(str::to_lowercase).collect()
}

fn parse(statement: &str) -> Result<Parsed, IndexError> {
    let syntax = || IndexError::Syntax(statement.trim().to_owned());
    let words = words(statement);
    let mut rest = words.iter().map(String::as_str).peekable();
    if rest.next() != Some("create") {
        return Err(syntax());
    }
    if rest.next_if_eq(&"unique").is_some() {
        return Err(IndexError::Unique);
    }
    if rest.next() != Some("index") {
        return Err(syntax());
    }
    while rest
        .next_if(|w| ["concurrently", "if", "not", "exists"].contains(w))
        .is_some()
    {}
    let name = rest.next().ok_or_else(syntax)?.to_owned();
    if rest.next() != Some("on") {
        return Err(syntax());
    }
    rest.next_if_eq(&"only");
    let table = rest.next().ok_or_else(syntax)?;
    let table = table.rsplit('.').next().unwrap_or(table).to_owned();
    if rest.next_if_eq(&"using").is_some() && rest.next() != Some("btree") {
        return Err(IndexError::Unsupported("another kind than btree"));
    }
    if rest.next() != Some("(") {
        return Err(syntax());
    }
    let mut columns = Vec::new();
    loop {
        let column = rest.next().ok_or_else(syntax)?;
        if !is_name(column) {
            return Err(syntax());
        }
        let mut descends = false;
        loop {
            match rest.next() {
                Some("asc") => descends = false,
                Some("desc") => descends = true,
                Some("nulls") => return Err(IndexError::Unsupported("NULLS FIRST or LAST")),
                Some("(") => return Err(IndexError::Unsupported("an index on an expression")),
                Some(",") => {
                    columns.push((column.to_owned(), descends));
                    break;
                }
                Some(")") => {
                    columns.push((column.to_owned(), descends));
                    return match rest.next() {
                        None | Some(";") => match is_name(&name) && name.len() <= 40 {
                            true => Ok(Parsed { name, table, columns }),
                            false => Err(IndexError::Unsupported(
                                "a name of more than 40 letters, digits and _",
                            )),
                        },
                        Some("where") => Err(IndexError::Unsupported("WHERE")),
                        Some("include") => Err(IndexError::Unsupported("INCLUDE")),
                        Some(_) => Err(IndexError::Unsupported("what follows the columns")),
                    };
                }
                _ => return Err(syntax()),
            }
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// What a statement means here. `columns_of` gives the columns of one of our own tables, for statements that name
/// those; `None` for a table that doesn't exist.
///
/// # Errors
/// The reason, in words for whoever typed it.
pub fn translate(
    statement: &str,
    columns_of: &dyn Fn(&str) -> Option<Vec<String>>,
) -> Result<UserIndex, IndexError> {
    let parsed = parse(statement)?;
    let found = match VIEWS.iter().find(|v| v.name == parsed.table) {
        Some(view) => of_view(view, &parsed)?,
        None => {
            let own = columns_of(&parsed.table).ok_or_else(|| IndexError::Table(parsed.table.clone()))?;
            for (column, _) in &parsed.columns {
                if !own.contains(column) {
                    return Err(IndexError::Column {
                        table: parsed.table.clone(),
                        column: column.clone(),
                    });
                }
            }
            vec![(parsed.table.clone(), parsed.columns.clone())]
        }
    };
    let bare = parsed
        .name
        .strip_prefix("user_")
        .unwrap_or(&parsed.name)
        .to_owned();
    let on = found.into_iter().enumerate().map(|(i, (table, columns))| Target {
        index: match i {
            0 => format!("user_{bare}"),
            i => format!("user_{bare}_{}", i + 1),
        },
        table,
        columns,
    });
    Ok(UserIndex {
        on: on.collect(),
        name: bare,
        statement: statement.trim().to_owned(),
    })
}

type Found = Vec<(String, Vec<(String, bool)>)>;

/// Our tables that have all of a view's columns.
fn of_view(view: &View, parsed: &Parsed) -> Result<Found, IndexError> {
    let name = view.name.to_uppercase();
    let mut homes: Vec<String> = Vec::new();
    for (column, _) in &parsed.columns {
        let holders: Vec<&str> = view
            .tables
            .iter()
            .filter(|(_, columns)| columns.iter().any(|(theirs, _)| theirs == column))
            .map(|(table, _)| *table)
            .collect();
        if holders.is_empty() {
            let column = column.to_uppercase();
            return Err(match view.computed.contains(&column.to_lowercase().as_str()) {
                true => IndexError::Computed { table: name, column },
                false => IndexError::Column { table: name, column },
            });
        }
        homes.push(format!("{} ({})", column.to_uppercase(), holders.join(", ")));
    }
    let mut found = Vec::new();
    for (table, columns) in view.tables {
        let ours = parsed.columns.iter().map(|(column, descends)| {
            let (_, own) = columns.iter().find(|(theirs, _)| theirs == column)?;
            Some((own.to_string(), *descends))
        });
        if let Some(ours) = ours.collect::<Option<Vec<_>>>() {
            found.push((table.to_string(), ours));
        }
    }
    match found.is_empty() {
        true => Err(IndexError::Spread(name, homes.join("; "))),
        false => Ok(found),
    }
}

/// The statement that makes an index of a table that isn't partitioned, without stopping writers.
pub(crate) fn create(target: &Target, dialect: Dialect) -> String {
    let concurrently = match dialect {
        Dialect::Postgres => "CONCURRENTLY ",
        Dialect::Sqlite => "",
    };
    format!(
        "CREATE INDEX {concurrently}IF NOT EXISTS {} ON {} ({})",
        target.index,
        target.table,
        target.list()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(table: &str) -> Option<Vec<String>> {
        (table == "task").then(|| vec!["assignee".to_owned(), "created".to_owned()])
    }

    #[test]
    fn s3_37_the_printed_statement_is_translated() {
        let index = translate(
            "create index PROC_DEF_ID_END_TIME ON ACT_HI_PROCINST (PROC_DEF_ID_,END_TIME_)",
            &own,
        )
        .unwrap();
        assert_eq!(index.name, "proc_def_id_end_time");
        assert_eq!(index.on.len(), 1);
        assert_eq!(
            create(&index.on[0], Dialect::Postgres),
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS user_proc_def_id_end_time ON history_process (\"definition_id\", \"ended\")"
        );
    }

    #[test]
    fn columns_of_running_and_ended_rows_become_an_index_of_each_table() {
        let index = translate(
            "CREATE INDEX IF NOT EXISTS s ON public.act_hi_procinst (start_time_ DESC);",
            &own,
        )
        .unwrap();
        let on: Vec<(&str, &str)> = index
            .on
            .iter()
            .map(|t| (t.index.as_str(), t.table.as_str()))
            .collect();
        assert_eq!(
            on,
            [("user_s", "history_process"), ("user_s_2", "process_instance")]
        );
        assert_eq!(index.on[0].list(), "\"started\" DESC");
        let own = translate("create index t on task (assignee, created)", &own).unwrap();
        assert_eq!(own.on[0].list(), "\"assignee\", \"created\"");
    }

    #[test]
    fn what_cannot_be_translated_is_refused_with_its_reason() {
        for (statement, reason) in [
            ("drop index x", "isn't CREATE INDEX"),
            ("create unique index x on act_ru_task (id_)", "unique"),
            ("create index x on act_ru_task (lower(name_))", "expression"),
            (
                "create index x on act_ru_task (name_) where name_ is not null",
                "WHERE",
            ),
            ("create index x on act_ru_task using gin (name_)", "btree"),
            ("create index x on act_ru_nothing (name_)", "no table or view"),
            ("create index x on act_ru_task (nothing_)", "no column 'NOTHING_'"),
            ("create index x on act_hi_actinst (act_name_)", "computed"),
            ("create index x on task (nothing)", "no column"),
            (
                "create index x on act_hi_varinst (name_; drop table x)",
                "isn't CREATE INDEX",
            ),
        ] {
            let error = translate(statement, &own).unwrap_err().to_string();
            assert!(error.contains(reason), "{statement}: {error}");
        }
    }
}
