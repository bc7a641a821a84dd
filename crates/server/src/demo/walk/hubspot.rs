//! The demo's second half: contacts of a HubSpot account, by the sequence of the public tutorials (platform.md §8.2).

use super::{FLOW, Landed, Walk, names, rule, text};
use crate::config::Config;
use serde_json::{Value, json};

const HUBSPOT: &str = "cc6a4487-9e91-433e-a3a3-9cf6626c1806";
const CONTACTS: &str = "Hubspot.Contacts";

impl Walk {
    /// platform.md §8.2, step by step.
    pub(super) async fn contacts(&mut self, account: &Value, config: &Config) -> Result<Landed, String> {
        let spec = self.get("Look HubSpot up", &format!("{FLOW}/connectionSpecs?property=name==\"hubspot\"")).await?;
        self.say(format!("{} signs in with {}", text(&spec, "/items/0/id"), text(&spec, "/items/0/authSpec/0/name")));
        let base = self.account(account).await?;
        let source = json!({ "name": "contacts", "baseConnectionId": base, "connectionSpec": { "id": HUBSPOT, "version": "1.0" },
            "data": { "format": "tabular" }, "params": { "path": CONTACTS } });
        let source = self.post("Say which table", &format!("{FLOW}/sourceConnections"), source).await?;
        let source = text(&source, "/id");
        self.say(format!("source connection {source}"));
        let schema = self.schema("Contacts").await?;
        self.identity(&schema).await?;
        let dataset = self.dataset("Contacts", &schema).await?;
        let target = self.target("Contacts in the lake", &schema, &dataset).await?;
        // The tutorial's own mapping set, with the names that HubSpot had then.
        let rules = [
            rule("ATTRIBUTE", "Vid", "_id"),
            rule("ATTRIBUTE", "Properties_Firstname_Value", "person.name.firstName"),
            rule("ATTRIBUTE", "Added_At", "_repo.createDate"),
        ];
        let mapping = self.mapping(&schema, &rules).await?;
        let changed = json!({ "name": "updatedAt", "dateFormat": "YYYY-MM-DD", "timezone": "UTC" });
        let transformations = json!([{ "name": "Copy", "params": { "deltaColumn": changed } },
            { "name": "Mapping", "params": { "mappingId": mapping, "mappingVersion": 0 } }]);
        let flow = self.flow("contacts, once", "CRMToAEP", [&source, &target], transformations).await?;
        self.land(&flow, &dataset, config).await
    }

    async fn account(&mut self, account: &Value) -> Result<String, String> {
        let params = json!({ "clientId": account["clientId"], "clientSecret": account["clientSecret"],
            "accessToken": account["accessToken"], "refreshToken": account["refreshToken"] });
        let body = json!({ "name": "Playground HubSpot", "description": "The demo's simulated account",
            "auth": { "specName": "Basic Authentication", "params": params }, "connectionSpec": { "id": HUBSPOT, "version": "1.0" } });
        let base = self.post("Create the connection", &format!("{FLOW}/connections"), body).await?;
        let base = text(&base, "/id");
        self.say(format!("connection {base}"));
        let test = self.get("Test it", &format!("{FLOW}/connections/{base}/test")).await?;
        if test["result"] != json!(true) {
            return Err(format!("the connection's test said {test}"));
        }
        self.say("the account answers".into());
        let explore = format!("{FLOW}/connections/{base}/explore");
        let root = self.get("Explore the account", &format!("{explore}?objectType=root")).await?;
        self.say(names(&root));
        let table = format!("{explore}?objectType=table&object={CONTACTS}&preview=true");
        let table = self.get("Preview the contacts", &table).await?;
        let columns = table["schema"]["columns"].as_array().map_or(0, Vec::len);
        self.say(format!("{columns} columns, {} rows shown", table["data"].as_array().map_or(0, Vec::len)));
        Ok(base)
    }

    /// One row a contact: later runs change and delete rows.
    async fn identity(&mut self, schema: &str) -> Result<(), String> {
        let body = json!({ "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": schema, "xdm:sourceVersion": 1,
            "xdm:sourceProperty": "/_id", "xdm:namespace": "HubSpot", "xdm:property": "xdm:code", "xdm:isPrimary": true });
        let path = "/data/foundation/schemaregistry/tenant/descriptors";
        self.post("Make _id the identity", path, body).await?;
        self.say("one row for each contact".into());
        Ok(())
    }
}
