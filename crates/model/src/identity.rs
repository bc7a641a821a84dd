//! Which field tells the records of a schema apart (platform.md §3.4): what a dataset with a primary identity is merged
//! by. It is said by a descriptor of the schema, or by a mapping set in the older dialect (§5.2), and both mean the same.

use crate::error::{Error, Kind, Place, Result};
use crate::mapping;
use crate::xdm::{self, FieldTree, Type};
use crate::{Code, code};
use serde_json::Value;

/// The `@type` of a descriptor that says which field is an identity.
pub const DESCRIPTOR: &str = "xdm:descriptorIdentity";

/// The field that tells records apart. Each row has it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PrimaryIdentity {
    /// The field's names, outermost first; it is text or a whole number.
    pub path: Vec<String>,
    /// What its values are, such as `Email`.
    pub namespace: String,
}

/// The primary identity of a schema. `descriptors` may be of any schema and any type; those of `schema` (a `$id` or
/// `meta:altId`) count. `set` is the body of the flow's mapping set. An error when the two name different fields, or the
/// set names several.
pub fn primary<'a>(
    schema: &str,
    descriptors: impl IntoIterator<Item = &'a Value>,
    set: Option<&Value>,
) -> Result<Option<PrimaryIdentity>> {
    let mapped = match set {
        Some(set) => of_set(set)?,
        None => None,
    };
    let described = descriptors.into_iter().find(|body| is_primary(body) && of_schema(body, schema));
    let Some(described) = described else { return Ok(mapped.map(|(_, identity)| identity)) };
    let described = identity(described)?;
    match mapped {
        Some((index, mapped)) if mapped.path != described.path => {
            let message = format!(
                "mapping {index} makes `{}` the primary identity, but the schema's is `{}`",
                mapping::dotted(&mapped.path),
                mapping::dotted(&described.path)
            );
            Err(fault(&code::FLOW_1419, message, format!("/mappings/{index}/identity"))
                .advice("Take `identity` out of that mapping, or map to the schema's identity."))
        }
        _ => Ok(Some(described)),
    }
}

/// Whether a descriptor says which field is the primary identity.
pub fn is_primary(descriptor: &Value) -> bool {
    descriptor["@type"] == DESCRIPTOR && truth(&descriptor["xdm:isPrimary"]) == Some(true)
}

/// Whether a descriptor is one of that schema, by its `$id` or `meta:altId`.
pub fn of_schema(descriptor: &Value, schema: &str) -> bool {
    descriptor["xdm:sourceSchema"].as_str().is_some_and(|id| xdm::same(id, schema))
}

/// Judges a [`DESCRIPTOR`] against the fields of its schema; gives back what it says.
pub fn check(descriptor: &Value, fields: &FieldTree) -> Result<PrimaryIdentity> {
    let found = identity(descriptor)?;
    let refuse =
        |member: &str, message: String| Err(fault(&code::XDM_1020, message, format!("/{}", member.replace('/', "~1"))));
    match &descriptor["xdm:property"] {
        Value::Null => {}
        Value::String(text) if ["xdm:code", "xdm:id"].contains(&text.as_str()) => {}
        _ => return refuse("xdm:property", "`xdm:property` must be \"xdm:code\" or \"xdm:id\"".into()),
    }
    if truth(&descriptor["xdm:isPrimary"]).is_none() {
        return refuse("xdm:isPrimary", "`xdm:isPrimary` must be true or false".into());
    }
    check_field(&found.path, fields).map_err(|message| {
        let refused = fault(&code::XDM_1020, message, "/xdm:sourceProperty".into());
        match found.path.iter().any(|name| name == "properties") {
            true => refused.advice("Leave `properties` out of the path: write /personalEmail/address."),
            false => refused,
        }
    })?;
    Ok(found)
}

/// Whether the field can tell records apart: it is there, and text or a whole number.
pub fn check_field(path: &[String], fields: &FieldTree) -> std::result::Result<(), String> {
    let name = mapping::dotted(path);
    let Some(field) = fields.find(path) else { return Err(format!("the schema has no field `{name}`")) };
    match field.ty {
        Type::String | Type::Byte | Type::Short | Type::Int | Type::Long => Ok(()),
        _ => Err(format!("`{name}` cannot be an identity: an identity is text or a whole number")),
    }
}

/// What a descriptor says, whatever its schema is.
fn identity(descriptor: &Value) -> Result<PrimaryIdentity> {
    let property = "/xdm:sourceProperty";
    let Some(text) = descriptor["xdm:sourceProperty"].as_str() else {
        let message = "`xdm:sourceProperty` is missing or no text: it is the path of a field, such as /_id";
        return Err(fault(&code::XDM_1020, message.into(), property.into()));
    };
    let names = text.strip_prefix('/').map(|rest| rest.split('/').map(str::to_string).collect::<Vec<String>>());
    let Some(path) = names.filter(|names| names.iter().all(|name| !name.is_empty())) else {
        let message =
            format!("`xdm:sourceProperty` must begin with `/`, not end with one, and have names between, not {text:?}");
        return Err(fault(&code::XDM_1020, message, property.into()));
    };
    let namespace = descriptor["xdm:namespace"].as_str().map(str::trim).unwrap_or_default();
    if namespace.is_empty() {
        let message = "`xdm:namespace` is missing or no text: it says what the values are, such as Email";
        return Err(fault(&code::XDM_1020, message.into(), "/xdm:namespace".into()));
    }
    Ok(PrimaryIdentity { path, namespace: namespace.to_string() })
}

/// The mapping of a set that has `identity` and a namespace, and its place. One that says `"primaryIdentity": false` has
/// another identity than the primary one.
fn of_set(set: &Value) -> Result<Option<(usize, PrimaryIdentity)>> {
    let mut found: Option<(usize, PrimaryIdentity)> = None;
    for (index, entry) in set["mappings"].as_array().into_iter().flatten().enumerate() {
        let stated = |name: &str| truth(&entry[name]) == Some(true);
        let secondary = !entry["primaryIdentity"].is_null() && !stated("primaryIdentity");
        if !stated("identity") || secondary {
            continue;
        }
        let named = |name: &str| entry[name].as_str().map(str::trim).filter(|text| !text.is_empty());
        let Some(namespace) = named("namespaceCode").or_else(|| named("identityGroup")) else { continue };
        if let Some((before, _)) = found {
            let message = format!("mappings {before} and {index} both make their field the primary identity");
            return Err(fault(&code::FLOW_1419, message, format!("/mappings/{index}/identity"))
                .advice("Leave `identity` at the one that tells records apart."));
        }
        let path = mapping::destination(index, entry)?;
        found = Some((index, PrimaryIdentity { path, namespace: namespace.to_string() }));
    }
    Ok(found)
}

/// A yes or no as clients write it; null is no.
fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Null => Some(false),
        Value::Bool(truth) => Some(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn fault(code: &'static Code, message: String, pointer: String) -> Error {
    Error::new(Kind::Invalid, code, message).at(Place::pointer(pointer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xdm::Field;
    use serde_json::json;

    const SCHEMA: &str = "https://ns.adobe.com/acme/schemas/0f1e2d";

    fn descriptor(property: &str, primary: Value) -> Value {
        json!({ "@type": DESCRIPTOR, "xdm:sourceSchema": SCHEMA, "xdm:sourceVersion": 1, "xdm:sourceProperty": property,
            "xdm:namespace": "Email", "xdm:property": "xdm:code", "xdm:isPrimary": primary })
    }

    fn rule(destination: &str, identity: Value, namespace: Value) -> Value {
        json!({ "destinationXdmPath": destination, "sourceAttribute": "x", "identity": identity, "namespaceCode": namespace })
    }

    /// `personalEmail.address Email`, or the fault and its place.
    #[track_caller]
    fn finds(descriptors: &[Value], mappings: Value, expected: &str) {
        let set = json!({ "mappings": mappings });
        let told = match primary("_acme.schemas.0f1e2d", descriptors, Some(&set)) {
            Ok(None) => String::new(),
            Ok(Some(found)) => format!("{} {}", found.path.join("."), found.namespace),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, expected);
    }

    #[track_caller]
    fn refused(member: &str, value: Value, expected: &str) {
        let text = |name: &str| Field { name: name.into(), ty: Type::String, required: false };
        let email = Field { name: "personalEmail".into(), ty: Type::Object(vec![text("address")]), required: false };
        let born = Field { name: "born".into(), ty: Type::Date, required: false };
        let count = Field { name: "count".into(), ty: Type::Long, required: false };
        let fields = FieldTree { fields: vec![email, born, count] };
        let mut body = descriptor("/personalEmail/address", json!(true));
        body[member] = value;
        let told = match check(&body, &fields) {
            Ok(found) => found.path.join("."),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn a_primary_descriptor_of_the_schema_counts_and_no_other_pl_3_4() {
        finds(&[descriptor("/personalEmail/address", json!(true))], json!([]), "personalEmail.address Email");
        finds(&[descriptor("/personalEmail/address", json!("true"))], json!([]), "personalEmail.address Email");
        finds(&[descriptor("/personalEmail/address", json!(false))], json!([]), "");
        let mut other = descriptor("/_id", json!(true));
        other["xdm:sourceSchema"] = json!("https://ns.adobe.com/acme/schemas/0f1e2e");
        finds(&[other.clone()], json!([]), "");
        finds(&[other, descriptor("/a", json!(true))], json!([]), "a Email");
        let mut relation = descriptor("/_id", json!(true));
        relation["@type"] = json!("xdm:descriptorOneToOne");
        finds(&[relation], json!([]), "");
    }

    #[test]
    fn an_identity_of_the_older_dialect_with_a_namespace_means_the_same_pl_5_2() {
        finds(&[], json!([rule("_id", json!(true), json!("HubSpot"))]), "_id HubSpot");
        finds(&[], json!([rule("a.b", json!("true"), json!("X"))]), "a.b X");
        // The tutorials' own values.
        finds(&[], json!([rule("_id", json!(false), json!(null))]), "");
        finds(&[], json!([rule("_id", json!(true), json!(null))]), "");
        let mut grouped = rule("_id", json!(true), json!(null));
        grouped["identityGroup"] = json!("CRM");
        finds(&[], json!([grouped.clone()]), "_id CRM");
        grouped["primaryIdentity"] = json!(false);
        finds(&[], json!([grouped]), "");
        finds(
            &[],
            json!([rule("_id", json!(true), json!("A")), rule("b", json!(true), json!("B"))]),
            "FLOW-1419-400: mappings 0 and 1 both make their field the primary identity (at /mappings/1/identity)",
        );
    }

    #[test]
    fn a_descriptor_and_a_mapping_set_name_the_same_field_or_none_of_them_is_taken() {
        let described = [descriptor("/_id", json!(true))];
        finds(&described, json!([rule("_id", json!(true), json!("HubSpot"))]), "_id Email");
        finds(
            &described,
            json!([rule("x", json!(false), json!(null)), rule("a.b", json!(true), json!("B"))]),
            "FLOW-1419-400: mapping 1 makes `a.b` the primary identity, but the schema's is `_id` (at /mappings/1/identity)",
        );
    }

    #[test]
    fn a_descriptor_names_a_field_that_can_tell_records_apart() {
        refused("xdm:sourceProperty", json!("/personalEmail/address"), "personalEmail.address");
        refused("xdm:sourceProperty", json!("/count"), "count");
        for (property, told) in [
            ("/nothing", "the schema has no field `nothing`"),
            (
                "/properties/personalEmail/properties/address",
                "the schema has no field `properties.personalEmail.properties.address`",
            ),
            ("/personalEmail", "`personalEmail` cannot be an identity: an identity is text or a whole number"),
            ("/born", "`born` cannot be an identity: an identity is text or a whole number"),
            (
                "count",
                "`xdm:sourceProperty` must begin with `/`, not end with one, and have names between, not \"count\"",
            ),
            (
                "/count/",
                "`xdm:sourceProperty` must begin with `/`, not end with one, and have names between, not \"/count/\"",
            ),
        ] {
            let expected = format!("XDM-1020-400: {told} (at /xdm:sourceProperty)");
            refused("xdm:sourceProperty", json!(property), &expected);
        }
        let missing = "XDM-1020-400: `xdm:sourceProperty` is missing or no text: it is the path of a field, such as /_id (at /xdm:sourceProperty)";
        refused("xdm:sourceProperty", json!(null), missing);
        let unnamed = "XDM-1020-400: `xdm:namespace` is missing or no text: it says what the values are, such as Email (at /xdm:namespace)";
        refused("xdm:namespace", json!(" "), unnamed);
        let odd = "XDM-1020-400: `xdm:isPrimary` must be true or false (at /xdm:isPrimary)";
        refused("xdm:isPrimary", json!(1), odd);
        let property = "XDM-1020-400: `xdm:property` must be \"xdm:code\" or \"xdm:id\" (at /xdm:property)";
        refused("xdm:property", json!("email"), property);
    }
}
