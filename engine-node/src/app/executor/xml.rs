//! Camunda's `<job-executor>`: the snippet of the application server's subsystem, and the form in `bpm-platform.xml`.
//!
//! Only the six settings (and `jobExecutorActivate`) mean something here; everything else is named in a warning.
use super::settings::Given;
use roxmltree::{Document, Node};

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobExecutorXml {
    pub given: Given,
    /// `jobExecutorActivate` of a process engine in the same file.
    pub activate: Option<bool>,
    /// A line for each thing that has no meaning here.
    pub warnings: Vec<String>,
}

/// Elements around `<job-executor>` that say nothing of jobs.
const AROUND: [&str; 7] = [
    "bpm-platform",
    "subsystem",
    "process-engines",
    "process-engine",
    "properties",
    "plugins",
    "profile",
];

/// Reads the text.
///
/// # Errors
/// It isn't XML, has no `<job-executor>`, or a number isn't one; says where.
pub fn read(text: &str) -> Result<JobExecutorXml, String> {
    let document = Document::parse(text).map_err(|e| e.to_string())?;
    let mut found = JobExecutorXml::default();
    let mut executors = 0;
    for node in document.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        if name == "job-executor" {
            executors += 1;
            executor(&mut found, node)?;
        } else if name == "property" && !within(node, "job-executor") {
            if node.attribute("name") == Some("jobExecutorActivate") {
                found.activate = Some(content(node).eq_ignore_ascii_case("true"));
            }
        } else if !within(node, "job-executor") && !within(node, "process-engine") && !AROUND.contains(&name)
        {
            found
                .warnings
                .push(format!("element '{name}' has no meaning here"));
        }
    }
    match executors {
        0 => Err("there is no <job-executor>".to_owned()),
        _ => Ok(found),
    }
}

fn within(node: Node, name: &str) -> bool {
    node.ancestors().skip(1).any(|a| a.tag_name().name() == name)
}

fn content<'a>(node: Node<'a, 'a>) -> &'a str {
    node.text().unwrap_or_default().trim()
}

fn executor(found: &mut JobExecutorXml, executor: Node) -> Result<(), String> {
    let mut acquisitions = 0;
    for node in executor.descendants().skip(1).filter(Node::is_element) {
        let name = node.tag_name().name();
        match name {
            "core-threads" | "max-threads" | "queue-length" => set(found, name, node)?,
            "property" => set(found, node.attribute("name").unwrap_or_default(), node)?,
            "properties" | "job-acquisitions" => {}
            "job-acquisition" => {
                acquisitions += 1;
                if acquisitions == 2 {
                    found
                        .warnings
                        .push("only one job acquisition is kept: the last one's values count".to_owned());
                }
            }
            other => found
                .warnings
                .push(format!("element '{other}' of job-executor has no meaning here")),
        }
    }
    Ok(())
}

fn set(found: &mut JobExecutorXml, name: &str, node: Node) -> Result<(), String> {
    let given = &mut found.given;
    match name {
        "core-threads" | "corePoolSize" => given.core_threads = Some(number(name, node)?),
        "max-threads" | "maxPoolSize" => given.max_threads = Some(number(name, node)?),
        "queue-length" | "queueSize" => given.queue_length = Some(number(name, node)?),
        "maxJobsPerAcquisition" => given.max_jobs_per_acquisition = Some(number(name, node)?),
        "lockTimeInMillis" => given.lock_time_in_millis = Some(number(name, node)?),
        "waitTimeInMillis" => given.wait_time_in_millis = Some(number(name, node)?),
        other => found
            .warnings
            .push(format!("property '{other}' of job-executor has no meaning here")),
    }
    Ok(())
}

fn number<T: std::str::FromStr>(name: &str, node: Node) -> Result<T, String> {
    let text = content(node);
    text.parse().map_err(|_| {
        let at = node.document().text_pos_at(node.range().start);
        format!("line {}: {name} is '{text}', not a number", at.row)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_09_the_subsystems_snippet_is_read_as_printed() {
        let read = read(
            r#"<job-executor>
                 <core-threads>3</core-threads>
                 <max-threads>5</max-threads>
                 <queue-length>10</queue-length>
                 <keepalive-time>10</keepalive-time>
                 <job-acquisitions>
                   <job-acquisition name="default">
                     <properties>
                       <property name="lockTimeInMillis">300000</property>
                       <property name="waitTimeInMillis">5000</property>
                       <property name="maxJobsPerAcquisition">3</property>
                       <property name="maxWait">60000</property>
                     </properties>
                   </job-acquisition>
                 </job-acquisitions>
               </job-executor>"#,
        )
        .unwrap();
        let given = Given {
            core_threads: Some(3),
            max_threads: Some(5),
            queue_length: Some(10),
            max_jobs_per_acquisition: Some(3),
            lock_time_in_millis: Some(300_000),
            wait_time_in_millis: Some(5_000),
        };
        assert_eq!((read.given, read.activate), (given, None));
        assert_eq!(
            read.warnings,
            [
                "element 'keepalive-time' of job-executor has no meaning here",
                "property 'maxWait' of job-executor has no meaning here"
            ]
        );
    }

    #[test]
    fn s3_09_bpm_platform_xml_is_read_as_shipped() {
        let read = read(
            r#"<?xml version="1.0" encoding="UTF-8"?>
               <bpm-platform xmlns="http://www.camunda.org/schema/1.0/BpmPlatform">
                 <job-executor>
                   <job-acquisition name="default"/>
                   <properties>
                     <property name="queueSize">7</property>
                     <property name="corePoolSize">4</property>
                     <property name="maxPoolSize">9</property>
                     <property name="keepAliveTime">0</property>
                   </properties>
                 </job-executor>
                 <process-engine name="default">
                   <job-acquisition>default</job-acquisition>
                   <configuration>org.camunda.bpm.engine.impl.cfg.JtaProcessEngineConfiguration</configuration>
                   <datasource>java:jdbc/ProcessEngine</datasource>
                   <properties>
                     <property name="history">full</property>
                     <property name="jobExecutorActivate">false</property>
                   </properties>
                 </process-engine>
               </bpm-platform>"#,
        )
        .unwrap();
        assert_eq!(read.given.queue_length.zip(read.given.core_threads), Some((7, 4)));
        assert_eq!((read.given.max_threads, read.activate), (Some(9), Some(false)));
        assert_eq!(
            read.warnings,
            ["property 'keepAliveTime' of job-executor has no meaning here"]
        );
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        assert_eq!(
            read("<job-executor>\n<max-threads>many</max-threads></job-executor>").unwrap_err(),
            "line 2: max-threads is 'many', not a number"
        );
        assert_eq!(read("<bpm-platform/>").unwrap_err(), "there is no <job-executor>");
        assert!(read("<job-executor>").is_err());
    }
}
