//! Comments and attachments of tasks on the wire.
use crate::{Date, deployment::Link};
use serde::Serialize;

/// A comment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comment {
    pub links: Vec<Link>,
    pub id: String,
    pub user_id: Option<String>,
    pub time: Date,
    pub task_id: String,
    pub message: String,
    pub removal_time: Option<Date>,
    pub root_process_instance_id: Option<String>,
    pub process_instance_id: Option<String>,
}

/// An attachment, without its content.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    pub links: Vec<Link>,
    pub id: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub task_id: String,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub url: Option<String>,
    pub create_time: Date,
    pub removal_time: Option<Date>,
    pub root_process_instance_id: Option<String>,
}
