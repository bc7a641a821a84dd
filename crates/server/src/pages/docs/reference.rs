//! The reference of the API, made of its OpenAPI document: operations by their tag, then the shapes of bodies.

use super::codes::coded;
use super::escaped;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];

/// An operation.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    described: &'a Value,
}

/// The page's text.
pub fn body(document: &Value) -> String {
    let tags = by_tag(document);
    let mut out = String::from(
        "<h1 id=\"api\">API reference</h1>\n<p>Every operation of this server, made of the document that it serves at \
         <a href=\"/openapi.json\"><code>/openapi.json</code></a>. Calls send <code>Authorization: Bearer …</code>, \
         <code>x-api-key</code>, <code>x-gw-ims-org-id</code> and <code>x-sandbox-name</code>. What an error code means is on \
         the page of <a href=\"/docs/errors.html\">error codes</a>.</p>\n<ul>\n",
    );
    for tag in tags.keys() {
        out.push_str(&format!("<li><a href=\"#{}\">{}</a></li>\n", anchor(tag), escaped(tag)));
    }
    out.push_str("<li><a href=\"#shapes\">Shapes</a></li>\n</ul>\n");
    for (tag, operations) in &tags {
        out.push_str(&format!("<h2 id=\"{}\">{}</h2>\n", anchor(tag), escaped(tag)));
        for operation in operations {
            out.push_str(&shown(operation));
        }
    }
    out.push_str("<h2 id=\"shapes\">Shapes</h2>\n");
    for (name, shape) in members(&document["components"]["schemas"]) {
        out.push_str(&format!("<h3 id=\"shape-{0}\">{0}</h3>\n", escaped(name)));
        out.push_str(&of_shape(shape));
    }
    out
}

fn by_tag(document: &Value) -> BTreeMap<&str, Vec<Operation<'_>>> {
    let mut tags: BTreeMap<&str, Vec<Operation<'_>>> = BTreeMap::new();
    for (path, item) in members(&document["paths"]) {
        for method in METHODS {
            let Some(described) = item.get(method) else { continue };
            let tag = described["tags"][0].as_str().unwrap_or("More");
            tags.entry(tag).or_default().push(Operation { method, path, described });
        }
    }
    tags
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn anchor(tag: &str) -> String {
    format!("tag-{}", tag.to_lowercase().replace(' ', "-"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn shown(Operation { method, path, described }: &Operation<'_>) -> String {
    let mut out = format!(
        "<h3 id=\"{}\"><code>{} {}</code></h3>\n",
        escaped(text(described, "operationId")),
        method.to_uppercase(),
        escaped(path)
    );
    for words in ["summary", "description"].map(|name| text(described, name)) {
        if !words.is_empty() {
            out.push_str(&format!("<p>{}</p>\n", coded(without_path(words))));
        }
    }
    let parameters: Vec<String> = described["parameters"].as_array().into_iter().flatten().map(parameter).collect();
    if !parameters.is_empty() {
        out.push_str(&table("Parameters", &["parameter", "in", "type", "what it is"], &parameters));
    }
    let request = &described["requestBody"];
    if let Some(kinds) = content(request) {
        out.push_str(&format!("<p>Body: {kinds}</p>\n"));
    }
    let answers: Vec<String> = members(&described["responses"])
        .map(|(status, answer)| {
            let shape = content(answer).unwrap_or_default();
            format!("<td>{}</td><td>{}</td><td>{shape}</td>", escaped(status), coded(text(answer, "description")))
        })
        .collect();
    out.push_str(&table("Answers", &["status", "when", "body"], &answers));
    out
}

/// The summary repeats method and path, which stand above it.
fn without_path(summary: &str) -> &str {
    match summary.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
        Some((call, rest)) if call.contains(" /") && rest.starts_with(':') => rest[1..].trim_start(),
        Some((call, "")) if call.contains(" /") => "",
        _ => summary,
    }
}

fn parameter(parameter: &Value) -> String {
    let needed = if parameter["required"] == true { " <em>needed</em>" } else { "" };
    format!(
        "<td><code>{}</code>{needed}</td><td>{}</td><td>{}</td><td>{}</td>",
        escaped(text(parameter, "name")),
        escaped(text(parameter, "in")),
        kind(&parameter["schema"]),
        coded(text(parameter, "description"))
    )
}

/// The shapes of a body, by media type; a mere JSON body needs no word.
fn content(body: &Value) -> Option<String> {
    let kinds: Vec<String> = members(&body["content"])
        .map(|(media, content)| match media.as_str() {
            "application/json" => kind(&content["schema"]),
            media => format!("{} <code>{}</code>", kind(&content["schema"]), escaped(media)),
        })
        .collect();
    (!kinds.is_empty()).then(|| kinds.join(" or "))
}

fn table(label: &str, heads: &[&str], rows: &[String]) -> String {
    let heads: String = heads.iter().map(|head| format!("<th scope=\"col\">{head}</th>")).collect();
    let rows: String = rows.iter().map(|row| format!("<tr>{row}</tr>\n")).collect();
    format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"{label}\"><table><thead><tr>{heads}</tr></thead>\n\
         <tbody>\n{rows}</tbody></table></div>\n"
    )
}

fn of_shape(shape: &Value) -> String {
    let mut out = String::new();
    let words = text(shape, "description");
    if !words.is_empty() {
        out.push_str(&format!("<p>{}</p>\n", coded(words)));
    }
    let empty = Map::new();
    let fields = shape["properties"].as_object().unwrap_or(&empty);
    if fields.is_empty() {
        out.push_str(&format!("<p>{}</p>\n", kind(shape)));
        return out;
    }
    let needed = |name: &str| shape["required"].as_array().into_iter().flatten().any(|needed| needed == name);
    let rows: Vec<String> = fields
        .iter()
        .map(|(name, field)| {
            let mark = if needed(name) { " <em>needed</em>" } else { "" };
            let words = coded(text(field, "description"));
            format!("<td><code>{}</code>{mark}</td><td>{}</td><td>{words}</td>", escaped(name), kind(field))
        })
        .collect();
    out.push_str(&table("Members", &["member", "type", "what it is"], &rows));
    out
}

/// What a value is, in a few words; a shape that has a name is a link to it.
fn kind(schema: &Value) -> String {
    if let Some(name) = text(schema, "$ref").strip_prefix("#/components/schemas/") {
        return format!("<a href=\"#shape-{0}\">{0}</a>", escaped(name));
    }
    if let Some(only) = schema.get("const") {
        return format!("<code>{}</code>", escaped(&only.to_string()));
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> =
            values.iter().map(|value| format!("<code>{}</code>", escaped(&plain(value)))).collect();
        return values.join(", ");
    }
    for (choice, word) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(choices) = schema[choice].as_array() {
            return choices.iter().map(kind).collect::<Vec<_>>().join(word);
        }
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", kind(&schema["items"])),
        Value::String(name) if name == "object" && schema["properties"].is_object() => {
            let names: Vec<String> =
                members(&schema["properties"]).map(|(name, _)| format!("<code>{}</code>", escaped(name))).collect();
            format!("object of {}", names.join(", "))
        }
        Value::String(name) => match text(schema, "format") {
            "" => escaped(name),
            format => format!("{} ({})", escaped(name), escaped(format)),
        },
        Value::Array(names) => names.iter().map(|name| escaped(&plain(name))).collect::<Vec<_>>().join(" or "),
        _ => "anything".into(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}
