//! The object types of an account: their names and numbers, the scope that reads them, what they are called in errors.

/// What an object type is, apart from its records.
#[derive(Debug, Clone)]
pub(super) struct Def {
    /// `0-1`.
    pub id: String,
    /// `contacts`: the path and the name of it everywhere here.
    pub plural: String,
    /// `contact`.
    pub singular: String,
    /// `p777001_machines`, for custom types.
    pub qualified: Option<String>,
    /// The scope that reads it.
    pub scope: &'static str,
    /// The property that moves with each change, if there is one.
    pub modified: Option<&'static str>,
    /// The property that holds when it was made.
    pub created: &'static str,
    /// Must be switched on, and is not.
    pub off: bool,
    /// Answers searches.
    pub searchable: bool,
    /// Records of it can be merged.
    pub merges: bool,
    /// It has pipelines.
    pub pipelines: bool,
    /// Properties that come without being asked for, in the order of names.
    pub defaults: &'static [&'static str],
}

impl Def {
    /// A custom type.
    pub fn custom(&self) -> bool {
        self.qualified.is_some()
    }

    /// `CONTACT`, as errors call it.
    pub fn shout(&self) -> String {
        if self.custom() { self.id.clone() } else { self.singular.to_uppercase() }
    }

    /// One of the names that paths may use.
    pub fn answers_to(&self, name: &str) -> bool {
        if self.id == name {
            return true;
        }
        if let Some(qualified) = &self.qualified {
            return qualified == name || name.strip_prefix("p_") == Some(&self.plural) || name == self.plural;
        }
        self.plural == name || self.singular == name
    }
}

const CONTACT_DEFAULTS: &[&str] = &["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"];
const COMPANY_DEFAULTS: &[&str] = &["createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"];
const DEAL_DEFAULTS: &[&str] =
    &["amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id", "pipeline"];
const TICKET_DEFAULTS: &[&str] =
    &["content", "createdate", "hs_lastmodifieddate", "hs_object_id", "hs_pipeline", "hs_pipeline_stage", "subject"];
const PLAIN_DEFAULTS: &[&str] = &["hs_createdate", "hs_lastmodifieddate", "hs_object_id"];

/// The standard types: plural, singular, number, scope.
const STANDARD: [(&str, &str, &str, &str); 36] = [
    ("contacts", "contact", "0-1", "crm.objects.contacts.read"),
    ("companies", "company", "0-2", "crm.objects.companies.read"),
    ("deals", "deal", "0-3", "crm.objects.deals.read"),
    ("tickets", "ticket", "0-5", "tickets"),
    ("products", "product", "0-7", "crm.objects.products.read"),
    ("line_items", "line_item", "0-8", "crm.objects.line_items.read"),
    ("quotes", "quote", "0-14", "crm.objects.quotes.read"),
    ("communications", "communication", "0-18", "crm.objects.contacts.read"),
    ("feedback_submissions", "feedback_submission", "0-19", "crm.objects.feedback_submissions.read"),
    ("tasks", "task", "0-27", "crm.objects.contacts.read"),
    ("notes", "note", "0-46", "crm.objects.contacts.read"),
    ("meetings", "meeting", "0-47", "crm.objects.contacts.read"),
    ("calls", "call", "0-48", "crm.objects.contacts.read"),
    ("emails", "email", "0-49", "crm.objects.contacts.read"),
    ("invoices", "invoice", "0-53", "crm.objects.invoices.read"),
    ("marketing_events", "marketing_event", "0-54", "crm.objects.marketing_events.read"),
    ("subscriptions", "subscription", "0-69", "crm.objects.subscriptions.read"),
    ("goal_targets", "goal_target", "0-74", "crm.objects.goals.read"),
    ("discounts", "discount", "0-84", "crm.objects.line_items.read"),
    ("fees", "fee", "0-85", "crm.objects.line_items.read"),
    ("taxes", "tax", "0-86", "crm.objects.line_items.read"),
    ("commerce_payments", "commerce_payment", "0-101", "crm.objects.commercepayments.read"),
    ("users", "user", "0-115", "crm.objects.users.read"),
    ("postal_mail", "postal_mail", "0-116", "crm.objects.contacts.read"),
    ("orders", "order", "0-123", "crm.objects.orders.read"),
    ("leads", "lead", "0-136", "crm.objects.leads.read"),
    ("carts", "cart", "0-142", "crm.objects.carts.read"),
    ("services", "service", "0-162", "crm.objects.services.read"),
    ("courses", "course", "0-410", "crm.objects.courses.read"),
    ("listings", "listing", "0-420", "crm.objects.listings.read"),
    ("appointments", "appointment", "0-421", "crm.objects.appointments.read"),
    ("projects", "project", "0-970", "crm.objects.projects.read"),
    ("contracts", "contract", "0-1100", "crm.objects.contracts.read"),
    ("partner_clients", "partner_client", "0-145", "crm.objects.partner-clients.read"),
    ("partner_services", "partner_service", "0-146", "crm.objects.partner-services.read"),
    ("deal_splits", "deal_split", "0-72", "crm.objects.deals.read"),
];

/// All types of an account.
pub(super) fn types(portal: u64) -> Vec<Def> {
    let mut all: Vec<Def> =
        STANDARD.iter().map(|&(plural, singular, id, scope)| standard(plural, singular, id, scope)).collect();
    // A type with the name of something else, and one that no change of leaves a mark on.
    all.push(custom(portal, "2-123", "machines", "machine", Some("hs_lastmodifieddate")));
    all.push(custom(portal, "2-124", "form_submissions", "form_submission", Some("hs_lastmodifieddate")));
    all.push(custom(portal, "2-125", "gauges", "gauge", None));
    all
}

fn standard(plural: &str, singular: &str, id: &str, scope: &'static str) -> Def {
    let crm = ["contacts", "companies", "deals", "tickets"].contains(&plural);
    Def {
        id: id.into(),
        plural: plural.into(),
        singular: singular.into(),
        qualified: None,
        scope,
        modified: Some(if plural == "contacts" { "lastmodifieddate" } else { "hs_lastmodifieddate" }),
        created: if crm { "createdate" } else { "hs_createdate" },
        off: ["courses", "listings"].contains(&plural),
        searchable: plural != "contracts",
        merges: crm,
        pipelines: ["deals", "tickets", "orders", "leads", "appointments", "courses", "listings", "services"]
            .contains(&plural),
        defaults: match plural {
            "contacts" => CONTACT_DEFAULTS,
            "companies" => COMPANY_DEFAULTS,
            "deals" => DEAL_DEFAULTS,
            "tickets" => TICKET_DEFAULTS,
            _ => PLAIN_DEFAULTS,
        },
    }
}

fn custom(portal: u64, id: &str, plural: &str, singular: &str, modified: Option<&'static str>) -> Def {
    Def {
        id: id.into(),
        plural: plural.into(),
        singular: singular.into(),
        qualified: Some(format!("p{portal}_{plural}")),
        scope: "crm.objects.custom.read",
        modified,
        created: "hs_createdate",
        off: false,
        searchable: true,
        merges: false,
        pipelines: false,
        defaults: if modified.is_some() { PLAIN_DEFAULTS } else { &["hs_createdate", "hs_object_id"] },
    }
}
