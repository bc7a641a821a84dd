//! What the bodies of Data Prep look like, for the OpenAPI document. Handlers read bodies by hand, because two dialects
//! of them are accepted.

#![expect(dead_code, reason = "the shapes are read by the document alone")]

use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A mapping set, in either dialect.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct MappingSetBody {
    /// What it is called.
    pub name: Option<String>,
    /// The target's schema.
    pub output_schema: Option<OutputSchema>,
    /// The target's schema in the older dialect: a `$id` or a `meta:altId`.
    pub xdm_schema: Option<String>,
    /// The schema's version in the older dialect.
    pub xdm_version: Option<String>,
    /// One for each target field.
    pub mappings: Vec<MappingBody>,
}

/// The schema that mappings fill.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct OutputSchema {
    /// Which it is.
    pub schema_ref: SchemaRef,
}

/// A reference to a schema.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SchemaRef {
    /// Its `$id`.
    pub id: String,
    /// The media type that it is read as.
    pub content_type: Option<String>,
}

/// What fills one target field: `destination` and `source`, or `destinationXdmPath` and `sourceAttribute`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct MappingBody {
    /// The target field.
    pub destination: Option<String>,
    /// The target field, in the older dialect.
    pub destination_xdm_path: Option<String>,
    /// A field, an expression, or the value itself.
    pub source: Option<Value>,
    /// A field, in the older dialect.
    pub source_attribute: Option<String>,
    /// How `source` is read: ATTRIBUTE, EXPRESSION or STATIC.
    pub source_type: Option<String>,
    /// The field identifies the record.
    pub identity: Option<bool>,
    /// The namespace of the identity.
    pub namespace_code: Option<String>,
    /// What it is called.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// Records and what is to be made of them.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct PreviewBody {
    /// A record, or an array of at most 1,000.
    pub data: Value,
    /// What is applied.
    pub mapping_set: MappingSetBody,
}

/// Mapped records.
#[derive(ToSchema)]
pub struct PreviewShown {
    /// An object for one record, an array for several.
    pub data: Value,
    /// What did not convert, and what is required and missing.
    pub errors: Vec<PreviewError>,
}

/// What is wrong with a record.
#[derive(ToSchema)]
pub struct PreviewError {
    /// The record's place, from 0.
    pub record: u64,
    /// A run would not store it.
    pub rejected: bool,
    /// The error's code.
    pub code: String,
    /// Why.
    pub message: String,
    /// The target field.
    pub destination: Option<String>,
    /// The value that failed.
    pub value: Option<String>,
}

/// One answer for each mapping.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ValidationShown {
    /// In the set's order.
    pub validation_response: Vec<MappingValidated>,
}

/// Whether a mapping is right.
#[derive(ToSchema)]
pub struct MappingValidated {
    /// SUCCESS or FAILED.
    pub status: String,
    /// What is wrong, with a pointer, or the characters of the expression.
    pub errors: Vec<Map<String, Value>>,
}

/// An expression to be judged.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ExpressionBody {
    /// The expression.
    pub expression: String,
    /// The mapping set that it is for.
    pub mapping_set_id: Option<String>,
    /// A record to try it on, as JSON text.
    pub sample_data: Option<Value>,
    /// The media type of the sample.
    pub sample_data_type: Option<String>,
}

/// A function of the language.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct FunctionShown {
    /// What it belongs to.
    pub category: String,
    /// Its name.
    pub function: String,
    /// Other names for it.
    pub aliases: Vec<String>,
    /// What it does.
    pub description: String,
    /// How it is called.
    pub syntax: String,
    /// What it gives.
    pub returns: String,
    /// The same.
    pub return_type: String,
    /// A call.
    pub example: String,
    /// What the example gives.
    pub result: String,
    /// Its parameters.
    pub params: Vec<Map<String, Value>>,
    /// The first version that has it.
    pub since: String,
    /// It can be used in a mapping.
    pub available: bool,
}

/// An operator of the language.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct OperatorShown {
    /// As it is written.
    pub operator_symbol: String,
    /// What it is called.
    pub method_name: String,
    /// How many operands it takes.
    pub number_of_operands: u32,
    /// What it does.
    pub description: String,
    /// An expression.
    pub example: String,
}
