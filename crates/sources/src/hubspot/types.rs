//! The kinds of records HubSpot has, and what each table of ours is made of.
//!
//! What always holds: a kind is asked for by its object type id, never by a custom object's bare name; contacts are dated
//! by `lastmodifieddate` and everything else by `hs_lastmodifieddate`.

/// A kind of record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ObjectType {
    /// Such as `0-1` or `2-123`: how it is asked for.
    pub(super) id: String,
    /// Such as `Contacts`: the last part of the table's path.
    pub(super) name: String,
    /// The property that moves when a record changes.
    pub(super) modified: &'static str,
    /// It can be searched.
    pub(super) search: bool,
}

/// What a table is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// Records of one kind.
    Objects(ObjectType),
    /// The people who own records, those who left included.
    Owners,
    /// Pipelines of every kind that has them.
    Pipelines,
    /// The stages of those pipelines.
    Stages,
    /// The properties of every kind.
    Properties,
    /// Which record of one kind goes with which of another.
    Associations {
        /// From this kind.
        from: ObjectType,
        /// To that one.
        to: ObjectType,
    },
}

/// A kind that every account has, or may switch on.
pub(super) struct Standard {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    /// Any of these lets it be read.
    pub(super) scopes: &'static [&'static str],
}

const CONTACTS: &[&str] = &["crm.objects.contacts.read"];
const LINES: &[&str] = &["crm.objects.line_items.read", "e-commerce"];

/// hubspot.md §5.
pub(super) static STANDARD: &[Standard] = &[
    of("0-1", "Contacts", CONTACTS),
    of("0-2", "Companies", &["crm.objects.companies.read"]),
    of("0-3", "Deals", &["crm.objects.deals.read"]),
    of("0-5", "Tickets", &["tickets"]),
    of("0-7", "Products", &["crm.objects.products.read", "e-commerce"]),
    of("0-8", "Line_Items", LINES),
    of("0-14", "Quotes", &["crm.objects.quotes.read"]),
    of("0-18", "Communications", CONTACTS),
    of("0-19", "Feedback_Submissions", &["crm.objects.feedback_submissions.read"]),
    of("0-27", "Tasks", CONTACTS),
    of("0-46", "Notes", CONTACTS),
    of("0-47", "Meetings", CONTACTS),
    of("0-48", "Calls", CONTACTS),
    of("0-49", "Emails", CONTACTS),
    of("0-53", "Invoices", &["crm.objects.invoices.read"]),
    of("0-54", "Marketing_Events", &["crm.objects.marketing_events.read"]),
    of("0-69", "Subscriptions", &["crm.objects.subscriptions.read"]),
    of("0-74", "Goal_Targets", &["crm.objects.goals.read"]),
    of("0-84", "Discounts", LINES),
    of("0-85", "Fees", LINES),
    of("0-86", "Taxes", LINES),
    of("0-101", "Commerce_Payments", &["crm.objects.commercepayments.read"]),
    of("0-115", "Users", &["crm.objects.users.read"]),
    of("0-116", "Postal_Mail", CONTACTS),
    of("0-123", "Orders", &["crm.objects.orders.read"]),
    of("0-136", "Leads", &["crm.objects.leads.read"]),
    of("0-142", "Carts", &["crm.objects.carts.read"]),
    of("0-162", "Services", &["crm.objects.services.read"]),
    of("0-410", "Courses", &["crm.objects.courses.read"]),
    of("0-420", "Listings", &["crm.objects.listings.read"]),
    of("0-421", "Appointments", &["crm.objects.appointments.read"]),
    of("0-970", "Projects", &["crm.objects.projects.read"]),
    of("contracts", "Contracts", &["crm.objects.contracts.read"]),
];

/// Tables that are no kind of record, with the scopes that let them be read.
pub(super) static REFERENCE: &[(&str, What, &[&str])] = &[
    ("Owners", What::Owners, &["crm.objects.owners.read"]),
    ("Pipelines", What::Pipelines, &[]),
    ("Pipeline_Stages", What::Stages, &[]),
    ("Properties", What::Properties, &[]),
];

/// Kinds that have pipelines; the others answer 400.
pub(super) const WITH_PIPELINES: [&str; 8] = ["0-3", "0-5", "0-123", "0-136", "0-162", "0-410", "0-420", "0-421"];

/// The pairs whose associations are offered.
pub(super) const PAIRS: [(&str, &str); 14] = [
    ("0-1", "0-2"),
    ("0-1", "0-3"),
    ("0-1", "0-5"),
    ("0-2", "0-3"),
    ("0-2", "0-5"),
    ("0-2", "0-2"),
    ("0-3", "0-8"),
    ("0-3", "0-14"),
    ("0-3", "0-5"),
    ("0-1", "0-46"),
    ("0-1", "0-47"),
    ("0-1", "0-48"),
    ("0-1", "0-49"),
    ("0-1", "0-27"),
];

const fn of(id: &'static str, name: &'static str, scopes: &'static [&'static str]) -> Standard {
    Standard { id, name, scopes }
}

impl Standard {
    pub(super) fn object(&self) -> ObjectType {
        object(self.id, self.name)
    }
}

/// A kind of record by id and table name.
pub(super) fn object(id: &str, name: &str) -> ObjectType {
    ObjectType {
        id: id.to_string(),
        name: name.to_string(),
        modified: if id == "0-1" { "lastmodifieddate" } else { "hs_lastmodifieddate" },
        search: id != "contracts",
    }
}

/// The standard kind with an id.
pub(super) fn standard(id: &str) -> Option<&'static Standard> {
    STANDARD.iter().find(|kind| kind.id == id)
}

/// The part of a table's path that names the table: without `Hubspot.`, in any case.
pub(super) fn bare(path: &str) -> &str {
    let path = path.trim().trim_start_matches('/');
    match path.get(..8) {
        Some(lead) if lead.eq_ignore_ascii_case("hubspot.") => &path[8..],
        _ => path,
    }
}

/// What a path names without asking the account: everything but custom objects.
pub(super) fn resolve(path: &str) -> Option<What> {
    let name = bare(path);
    let is = |other: &str| other.eq_ignore_ascii_case(name);
    if is("All_Deals") {
        return Some(What::Objects(object("0-3", "Deals")));
    }
    if let Some(kind) = STANDARD.iter().find(|kind| is(kind.name) || is(kind.id)) {
        return Some(What::Objects(kind.object()));
    }
    if let Some((_, what, _)) = REFERENCE.iter().find(|(name, ..)| is(name)) {
        return Some(what.clone());
    }
    PAIRS.iter().find_map(|(from, to)| {
        let (from, to) = (standard(from)?, standard(to)?);
        is(&pair(from.name, to.name)).then(|| What::Associations { from: from.object(), to: to.object() })
    })
}

/// The name of the table of a pair's associations.
pub(super) fn pair(from: &str, to: &str) -> String {
    format!("{from}_{to}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Option<(&str, &str)>) {
        let found = match resolve(path) {
            Some(What::Objects(kind)) => Some((kind.id, kind.modified.to_string())),
            Some(What::Associations { from, to }) => Some((from.id, to.id)),
            Some(other) => Some((format!("{other:?}"), String::new())),
            None => None,
        };
        assert_eq!(found, expected.map(|(a, b)| (a.to_string(), b.to_string())), "{path}");
    }

    /// hubspot.md §1 rule 3, §5.
    #[test]
    fn contacts_have_a_date_property_of_their_own() {
        check("Hubspot.Contacts", Some(("0-1", "lastmodifieddate")));
        check("hubspot.contacts", Some(("0-1", "lastmodifieddate")));
        check("0-1", Some(("0-1", "lastmodifieddate")));
        check("Hubspot.Companies", Some(("0-2", "hs_lastmodifieddate")));
    }

    #[test]
    fn old_names_reference_tables_and_pairs_are_found() {
        check("Hubspot.All_Deals", Some(("0-3", "hs_lastmodifieddate")));
        check("Hubspot.owners", Some(("Owners", "")));
        check("Hubspot.Contacts_Companies", Some(("0-1", "0-2")));
        check("Hubspot.Machines", None);
        check("", None);
    }

    #[test]
    fn no_two_tables_share_a_name() {
        let mut names: Vec<String> = STANDARD.iter().map(|kind| kind.name.to_string()).collect();
        names.extend(REFERENCE.iter().map(|(name, ..)| name.to_string()));
        names.extend(PAIRS.iter().map(|(a, b)| pair(standard(a).unwrap().name, standard(b).unwrap().name)));
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
