//! Which definition a call activity calls.
use super::{CatalogView, Deployed};
use bpmn_core::world::{Binding, Call};
use std::sync::Arc;

impl CatalogView {
    /// The process definition that is called.
    ///
    /// # Errors
    /// The reference's text: there is none, or a version tag that several have.
    pub fn called(&self, call: &Call<'_>) -> Result<&Arc<Deployed>, String> {
        let caller = self.by_id(call.caller).map(|caller| caller.row.deployment_id);
        let missing = || {
            let deployment = caller.map(|id| id.to_string());
            call.missing("processes deployed", "processDefinition", deployment.as_deref())
        };
        let key = call.key.ok_or_else(missing)?;
        let in_tenant = self
            .versions(key)
            .filter(|d| d.published && d.row.tenant_id.as_deref() == call.tenant);
        let (found, what, which) = match call.binding {
            Binding::Latest => return self.latest(key, call.tenant).ok_or_else(missing),
            Binding::Deployment => {
                let mut all = self.versions(key);
                return all
                    .find(|d| Some(d.row.deployment_id) == caller)
                    .ok_or_else(missing);
            }
            Binding::Version(Some(version)) => {
                let found: Vec<_> = in_tenant.filter(|d| d.row.version == version).collect();
                (found, "version", version.to_string())
            }
            Binding::VersionTag(Some(tag)) => {
                let tagged = in_tenant.filter(|d| d.row.version_tag.as_deref() == Some(tag));
                (tagged.collect(), "versionTag", tag.to_owned())
            }
            // Null asks for any, and is content with the only one.
            Binding::Version(None) | Binding::VersionTag(None) => {
                let found: Vec<_> = in_tenant.collect();
                return match found[..] {
                    [only] => Ok(only),
                    _ => Err(missing()),
                };
            }
        };
        match found[..] {
            [only] => Ok(only),
            [] => Err(missing()),
            // The reference forgets to fill in the tenant.
            _ => Err(format!(
                "ENGINE-03045 There are '{}' results for a process definition with key '{key}', {what} '{which}' and \
                 tenant-id '{{}}'.",
                found.len()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DefinitionRow;
    use bpmn_core::{Id, Slot};

    fn id(n: u64) -> Id {
        Id::from_parts(n, 0, Slot::from_bits(7), n)
    }

    fn deployed(
        n: u64,
        version: i32,
        tag: Option<&str>,
        tenant: Option<&str>,
        deployment: u64,
    ) -> Arc<Deployed> {
        let xml = r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t">
            <process id="p" isExecutable="true"><startEvent id="s"/></process></definitions>"#;
        let row = DefinitionRow {
            id: id(n),
            rest_id: format!("p:{version}:{n}"),
            key: "p".to_owned(),
            version,
            name: None,
            category: None,
            description: None,
            version_tag: tag.map(str::to_owned),
            tenant_id: tenant.map(str::to_owned),
            history_ttl_days: None,
            startable_in_tasklist: true,
            suspended: false,
            resource_name: "p.bpmn".to_owned(),
            deployment_id: id(deployment),
            home: Slot::from_bits(7),
        };
        let definition = Arc::new(bpmn_core::parse(xml.as_bytes()).unwrap().remove(0));
        Arc::new(Deployed::new(row, definition, true, Vec::new()))
    }

    #[test]
    fn s4_06_every_binding_finds_its_version_or_says_what_is_missing() {
        let view = CatalogView::new(
            Default::default(),
            vec![
                deployed(1, 1, Some("a"), None, 101),
                deployed(2, 2, Some("b"), None, 102),
                deployed(3, 3, Some("b"), None, 103),
                deployed(4, 1, None, Some("t"), 104),
            ],
            Default::default(),
            1,
        );
        let find = |key, binding, tenant, caller| {
            let call = Call {
                key,
                binding,
                tenant,
                caller: id(caller),
            };
            view.called(&call).map(|d| (d.row.version, d.row.id))
        };
        let p = Some("p");
        assert_eq!(find(p, Binding::Latest, None, 1), Ok((3, id(3))));
        assert_eq!(find(p, Binding::Latest, Some("t"), 1), Ok((1, id(4))));
        assert_eq!(find(p, Binding::Deployment, None, 2), Ok((2, id(2))));
        assert_eq!(find(p, Binding::Version(Some(2)), None, 1), Ok((2, id(2))));
        assert_eq!(find(p, Binding::VersionTag(Some("a")), None, 1), Ok((1, id(1))));
        assert_eq!(find(p, Binding::Version(None), Some("t"), 1), Ok((1, id(4))));
        let error = |key, binding, tenant| find(key, binding, tenant, 9).unwrap_err();
        assert_eq!(
            error(None, Binding::Latest, None),
            "no processes deployed with key 'null' and tenant-id 'null': processDefinition is null"
        );
        assert_eq!(
            error(p, Binding::Version(Some(9)), Some("t")),
            "no processes deployed with key = 'p', version = '9' and tenant-id = 't': processDefinition is null"
        );
        assert_eq!(
            error(p, Binding::VersionTag(Some("b")), None),
            "ENGINE-03045 There are '2' results for a process definition with key 'p', versionTag 'b' and tenant-id '{}'."
        );
        assert_eq!(
            error(p, Binding::Deployment, None),
            "no processes deployed with key = 'p' in deployment = 'null': processDefinition is null"
        );
    }
}
