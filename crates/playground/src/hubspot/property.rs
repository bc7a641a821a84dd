//! The properties of an object type: what the account says of them, and where their values come from.

use super::catalog::Def;
use super::config::Switches;
use super::text::{instant, name_hash, quoted};

/// How a property's value is made from its record's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gen {
    Id,
    Created,
    Modified,
    Merged,
    Null,
    Email,
    First,
    Last,
    Name,
    Domain,
    Phone,
    Word,
    Sentence,
    Body,
    Number,
    Money,
    Date,
    DateTime,
    Choice,
    Choices,
    Bool,
    Owner,
    Calculated,
    Json,
}

/// Who may read a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sensitivity {
    Plain,
    Sensitive,
    Highly,
}

impl Sensitivity {
    pub fn name(self) -> &'static str {
        match self {
            Sensitivity::Plain => "non_sensitive",
            Sensitivity::Sensitive => "sensitive",
            Sensitivity::Highly => "highly_sensitive",
        }
    }
}

/// A property.
#[derive(Debug, Clone)]
pub(super) struct Property {
    pub name: String,
    /// `"name":`, as pages have it.
    pub key: String,
    pub hash: u64,
    pub label: String,
    pub kind: String,
    pub field: &'static str,
    pub group: String,
    pub options: Vec<String>,
    pub from: Gen,
    pub hidden: bool,
    pub unique: bool,
    pub defined: bool,
    pub sensitivity: Sensitivity,
    pub archived_at: Option<i64>,
    pub created: i64,
    pub updated: i64,
}

impl Property {
    /// A property with a type.
    pub fn new(name: &str, kind: &str, from: Gen) -> Property {
        let mut key = String::with_capacity(name.len() + 3);
        quoted(&mut key, name);
        key.push(':');
        let field = match kind {
            "number" => "number",
            "date" | "datetime" => "date",
            "bool" => "booleancheckbox",
            "enumeration" if from == Gen::Choices => "checkbox",
            "enumeration" => "select",
            "phone_number" => "phonenumber",
            _ if from == Gen::Body => "html",
            _ => "text",
        };
        Property {
            name: name.into(),
            key,
            hash: name_hash(name),
            label: label(name),
            kind: kind.into(),
            field: if from == Gen::Calculated { "calculation_equation" } else { field },
            group: "information".into(),
            options: Vec::new(),
            from,
            hidden: false,
            unique: false,
            defined: false,
            sensitivity: Sensitivity::Plain,
            archived_at: None,
            created: 1_577_836_800_000,
            updated: 1_609_459_200_123,
        }
    }

    fn options(mut self, options: &[&str]) -> Property {
        self.options = options.iter().map(|o| (*o).to_string()).collect();
        self
    }

    fn defined(mut self) -> Property {
        self.defined = true;
        self
    }

    pub(super) fn calculated(&self) -> bool {
        self.from == Gen::Calculated
    }

    /// Nobody can set it.
    pub(super) fn read_only(&self) -> bool {
        self.calculated() || matches!(self.from, Gen::Id | Gen::Created | Gen::Modified | Gen::Merged | Gen::Null)
    }

    /// What the properties call says of it.
    pub fn write(&self, out: &mut String, object_id: &str) {
        let text = |out: &mut String, name: &str, value: &str| {
            out.push_str(name);
            quoted(out, value);
        };
        out.push_str("{\"updatedAt\":\"");
        instant(out, self.updated);
        out.push_str("\",\"createdAt\":\"");
        instant(out, self.created);
        text(out, "\",\"name\":", &self.name);
        text(out, ",\"label\":", &self.label);
        text(out, ",\"type\":", &self.kind);
        text(out, ",\"fieldType\":", self.field);
        text(out, ",\"description\":", if self.defined { "What it says." } else { "" });
        text(out, ",\"groupName\":", &self.group);
        out.push_str(",\"options\":[");
        for (at, option) in self.options.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            text(out, "{\"label\":", &label(option));
            text(out, ",\"value\":", option);
            out.push_str(&format!(",\"displayOrder\":{at},\"hidden\":false}}"));
        }
        out.push_str("],");
        if self.from == Gen::Owner {
            out.push_str("\"referencedObjectType\":\"OWNER\",\"externalOptions\":true,");
        }
        if self.from == Gen::Money {
            out.push_str("\"numberDisplayHint\":\"currency\",\"currencyPropertyName\":\"deal_currency_code\",");
        }
        if self.calculated() {
            out.push_str("\"calculationFormula\":\"if is_present(hs_object_id) then 1 else 0\",");
        }
        let read_only = self.read_only();
        out.push_str(&format!(
            "\"displayOrder\":-1,\"calculated\":{},\"hasUniqueValue\":{},\"hidden\":{},\"hubspotDefined\":{},",
            self.calculated(),
            self.unique,
            self.hidden,
            self.defined
        ));
        out.push_str(&format!(
            "\"modificationMetadata\":{{\"archivable\":{},\"readOnlyDefinition\":{},\"readOnlyValue\":{read_only}}},",
            !self.defined, self.defined
        ));
        out.push_str("\"formField\":true,\"dataSensitivity\":");
        quoted(out, self.sensitivity.name());
        if let Some(at) = self.archived_at {
            out.push_str(",\"archived\":true,\"archivedAt\":\"");
            instant(out, at);
            out.push('"');
        } else {
            out.push_str(",\"archived\":false");
        }
        // An unknown key that no reader may stumble over.
        out.push_str(",\"objectTypeId\":");
        quoted(out, object_id);
        out.push('}');
    }
}

fn label(name: &str) -> String {
    let mut chars = name.chars();
    let Some(first) = chars.next() else { return String::new() };
    first.to_uppercase().chain(chars.map(|c| if c == '_' { ' ' } else { c })).collect()
}

const STAGES: [&str; 4] = ["appointmentscheduled", "qualifiedtobuy", "closedwon", "closedlost"];
const WORDS: [&str; 16] = [
    "renewal",
    "region",
    "score",
    "campaign",
    "onboarding",
    "contract",
    "segment",
    "region_code",
    "partner",
    "last_visit",
    "satisfaction",
    "budget",
    "delivery",
    "maintenance",
    "subscription",
    "warranty",
];

/// All properties of a type, `most` of them where so many are wanted.
pub(super) fn of(def: &Def, most: usize, switches: &Switches) -> Vec<Property> {
    let p = |name: &str, kind: &str, from: Gen| Property::new(name, kind, from).defined();
    let mut all = vec![p("hs_object_id", "number", Gen::Id), p(def.created, "datetime", Gen::Created)];
    if let Some(modified) = def.modified {
        all.push(p(modified, "datetime", Gen::Modified));
        // The wrong one of the two exists and is empty: filtering by it finds nothing and is no error.
        let wrong = if modified == "lastmodifieddate" { "hs_lastmodifieddate" } else { "lastmodifieddate" };
        all.push(Property { hidden: true, ..p(wrong, "datetime", Gen::Null) });
    }
    all.push(p("hubspot_owner_id", "enumeration", Gen::Owner));
    all.push(p("hs_merged_object_ids", "enumeration", Gen::Merged));
    match def.plural.as_str() {
        "contacts" => {
            all.push(Property { unique: true, ..p("email", "string", Gen::Email) });
            all.push(p("firstname", "string", Gen::First));
            all.push(p("lastname", "string", Gen::Last));
            all.push(p("phone", "phone_number", Gen::Phone));
            all.push(p("company", "string", Gen::Name));
            all.push(p("lifecyclestage", "enumeration", Gen::Choice).options(&[
                "subscriber",
                "lead",
                "customer",
                "other",
            ]));
            all.push(p("hubspotscore", "number", Gen::Calculated));
        }
        "companies" => {
            all.push(p("name", "string", Gen::Name));
            all.push(Property { unique: true, ..p("domain", "string", Gen::Domain) });
            all.push(p("numberofemployees", "number", Gen::Number));
            all.push(p("num_associated_contacts", "number", Gen::Calculated));
        }
        "deals" => {
            all.push(p("dealname", "string", Gen::Sentence));
            all.push(p("amount", "number", Gen::Money));
            all.push(p("deal_currency_code", "enumeration", Gen::Choice).options(&["EUR", "USD", "GBP"]));
            all.push(p("closedate", "datetime", Gen::DateTime));
            all.push(p("pipeline", "enumeration", Gen::Choice).options(&["default", "renewals"]));
            all.push(p("dealstage", "enumeration", Gen::Choice).options(&STAGES));
            all.push(p("hs_forecast_amount", "number", Gen::Calculated));
        }
        "tickets" => {
            all.push(p("subject", "string", Gen::Sentence));
            all.push(p("content", "string", Gen::Sentence));
            all.push(p("hs_pipeline", "enumeration", Gen::Choice).options(&["0"]));
            all.push(p("hs_pipeline_stage", "enumeration", Gen::Choice).options(&["1", "2", "3", "4"]));
        }
        "notes" => all.push(p("hs_note_body", "string", Gen::Body)),
        "emails" => {
            all.push(p("hs_email_subject", "string", Gen::Sentence));
            all.push(p("hs_email_html", "string", Gen::Body));
        }
        "calls" => all.push(p("hs_call_body", "string", Gen::Body)),
        "meetings" => all.push(p("hs_meeting_body", "string", Gen::Body)),
        "tasks" => all.push(p("hs_task_body", "string", Gen::Body)),
        _ => all.push(p("hs_name", "string", Gen::Name)),
    }
    if matches!(def.plural.as_str(), "notes" | "emails" | "calls" | "meetings" | "tasks") {
        all.push(p("hs_timestamp", "datetime", Gen::DateTime));
    }
    if def.plural == "contacts" && switches.nasty {
        all.extend(nasty());
    }
    all.push(Property::new("is_key_account", "bool", Gen::Bool));
    all.push(Property::new("channels", "enumeration", Gen::Choices).options(&["email", "phone", "post"]));
    all.push(Property::new("rating", "number", Gen::Number));
    all.push(Property::new("renewal_date", "date", Gen::Date));
    all.push(Property::new("last_visit_at", "datetime", Gen::DateTime));
    let mut number = 0;
    while all.len() < most {
        all.push(filler(number));
        number += 1;
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// Property names and types that break readers.
fn nasty() -> Vec<Property> {
    let long = format!("a_name_of_a_hundred_characters_{}", "x".repeat(69));
    let twin = "two_names_that_differ_only_after_the_sixty_third_character_____";
    let sensitive = |name: &str, sensitivity| Property { sensitivity, ..Property::new(name, "string", Gen::Word) };
    vec![
        Property::new("id", "string", Gen::Word),
        Property::new("archived", "bool", Gen::Bool),
        Property::new(&long, "string", Gen::Word),
        Property::new(&format!("{twin}a"), "string", Gen::Word),
        Property::new(&format!("{twin}b"), "string", Gen::Word),
        Property::new("somewhere", "object_coordinates", Gen::Json),
        Property::new("a_hologram", "holograph", Gen::Word),
        Property::new("raw_settings", "json", Gen::Json),
        sensitive("passport_number", Sensitivity::Sensitive),
        sensitive("blood_group", Sensitivity::Highly),
    ]
}

/// One of the many that accounts gather over the years.
fn filler(number: usize) -> Property {
    let word = WORDS[number % WORDS.len()];
    let (kind, from) = match number % 9 {
        0 | 5 => ("string", Gen::Word),
        1 => ("number", Gen::Number),
        2 => ("enumeration", Gen::Choice),
        3 => ("datetime", Gen::DateTime),
        4 => ("bool", Gen::Bool),
        6 => ("date", Gen::Date),
        7 => ("enumeration", Gen::Choices),
        _ => ("number", Gen::Calculated),
    };
    let property = Property::new(&format!("custom_{word}_{number:04}"), kind, from);
    if kind == "enumeration" { property.options(&["one", "two", "three"]) } else { property }
}
